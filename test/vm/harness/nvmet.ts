/** Linux's own NVMe/TCP target in this guest, made through configfs; and what is done to it while hosts use it. */
import fs from 'node:fs';
import path from 'node:path';
import { run } from '../../support/commands.ts';

const CONFIG = '/sys/kernel/config/nvmet';
/** The one namespace of each subsystem. */
const NSID = '1';

export type AnaState = 'optimized' | 'non-optimized' | 'inaccessible' | 'persistent-loss' | 'change';

/** What tests do to a target, from inside its guest or from outside (nvmet-remote.ts). Ports are named by their TCP port. */
export interface TargetControl {
  /** State of the ANA group of all namespaces on a port. */
  setAna(port: number, state: AnaState): Promise<void>;
  /** Takes the subsystem off a port: its controllers there end, and nobody listens any more. */
  closePort(subnqn: string, port: number): Promise<void>;
  openPort(subnqn: string, port: number): Promise<void>;
  resize(subnqn: string, bytes: number): Promise<void>;
  /** The discovery service on a port refers to the one at `address:port`: by itself it tells of its own port only. */
  refer(port: number, to: string): Promise<void>;
  /** A subsystem on all ports, with one namespace. */
  addSubsystem(subnqn: string, options: SubsystemOptions): Promise<void>;
  removeSubsystem(subnqn: string): Promise<void>;
}

export interface SubsystemOptions {
  readonly bytes: number;
  /** How many controllers it has at most; as many as the protocol allows when left out. */
  readonly mostControllers?: number;
}

interface Backing {
  readonly file: string;
  readonly loop: string;
}

/** A target on TCP ports of all addresses of the guest. */
export class KernelTarget implements TargetControl {
  readonly #ports: readonly number[];
  readonly #backings = new Map<string, Backing>();

  private constructor(ports: readonly number[]) {
    this.#ports = ports;
  }

  static async start(ports: readonly number[]): Promise<KernelTarget> {
    await run('modprobe', '-a', 'nvmet-tcp', 'loop');
    for (const port of ports) {
      const folder = portFolder(port);
      fs.mkdirSync(folder);
      write(folder, { addr_adrfam: 'ipv4', addr_trtype: 'tcp', addr_traddr: '0.0.0.0', addr_trsvcid: String(port) });
    }
    return new KernelTarget(ports);
  }

  async addSubsystem(subnqn: string, { bytes, mostControllers }: SubsystemOptions): Promise<void> {
    const file = `/tmp/${this.#backings.size}-${path.basename(subnqn.replaceAll(':', '-'))}`;
    fs.closeSync(fs.openSync(file, 'wx'));
    fs.truncateSync(file, bytes);
    const loop = (await run('losetup', '--find', '--show', '--direct-io=off', file)).trim();
    this.#backings.set(subnqn, { file, loop });
    const folder = subsystemFolder(subnqn);
    fs.mkdirSync(folder);
    write(folder, { attr_allow_any_host: '1' });
    if (mostControllers !== undefined)
      write(folder, { attr_cntlid_min: '1', attr_cntlid_max: String(mostControllers) });
    fs.mkdirSync(namespaceFolder(subnqn));
    write(namespaceFolder(subnqn), { device_path: loop, enable: '1' });
    for (const port of this.#ports) await this.openPort(subnqn, port);
  }

  async removeSubsystem(subnqn: string): Promise<void> {
    for (const port of this.#ports) {
      if (fs.existsSync(link(subnqn, port))) await this.closePort(subnqn, port);
    }
    write(namespaceFolder(subnqn), { enable: '0' });
    fs.rmdirSync(namespaceFolder(subnqn));
    fs.rmdirSync(subsystemFolder(subnqn));
    const { file, loop } = this.#backing(subnqn);
    await run('losetup', '--detach', loop);
    fs.unlinkSync(file);
    this.#backings.delete(subnqn);
  }

  setAna(port: number, state: AnaState): Promise<void> {
    write(path.join(portFolder(port), 'ana_groups/1'), { ana_state: state });
    return Promise.resolve();
  }

  closePort(subnqn: string, port: number): Promise<void> {
    fs.unlinkSync(link(subnqn, port));
    return Promise.resolve();
  }

  openPort(subnqn: string, port: number): Promise<void> {
    // configfs follows the link itself, and from the root.
    fs.symlinkSync(subsystemFolder(subnqn), link(subnqn, port));
    return Promise.resolve();
  }

  async resize(subnqn: string, bytes: number): Promise<void> {
    const { file, loop } = this.#backing(subnqn);
    fs.truncateSync(file, bytes);
    await run('losetup', '--set-capacity', loop);
    write(namespaceFolder(subnqn), { revalidate_size: '1' });
  }

  refer(port: number, to: string): Promise<void> {
    const [address = '', service = ''] = to.split(':');
    const folder = path.join(portFolder(port), 'referrals', to.replace(':', '-'));
    fs.mkdirSync(folder);
    const where = { addr_adrfam: 'ipv4', addr_trtype: 'tcp', addr_traddr: address, addr_trsvcid: service };
    write(folder, { ...where, enable: '1' });
    return Promise.resolve();
  }

  #backing(subnqn: string): Backing {
    const backing = this.#backings.get(subnqn);
    if (backing === undefined) throw new Error(`there is no subsystem ${subnqn}`);
    return backing;
  }
}

const portFolder = (port: number): string => path.join(CONFIG, 'ports', String(port));
const subsystemFolder = (subnqn: string): string => path.join(CONFIG, 'subsystems', subnqn);
const namespaceFolder = (subnqn: string): string => path.join(subsystemFolder(subnqn), 'namespaces', NSID);
const link = (subnqn: string, port: number): string => path.join(portFolder(port), 'subsystems', subnqn);

/** Attributes of a folder of configfs, in their order. */
function write(folder: string, attributes: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(attributes)) fs.writeFileSync(path.join(folder, name), value);
}
