/** Linux's own NVMe/TCP initiator in this guest, by way of nvme-cli and sysfs. */
import fs from 'node:fs';
import path from 'node:path';
import { run } from '../../support/commands.ts';

const CONTROLLERS = '/sys/class/nvme';

export interface Connection {
  readonly address: string;
  readonly port: number;
  readonly subnqn: string;
  readonly digests?: boolean;
}

/** Loads it, and gives this guest the names that it presents. */
export async function startInitiator(): Promise<void> {
  await run('modprobe', 'nvme-tcp');
  fs.mkdirSync('/etc/nvme', { recursive: true });
  fs.writeFileSync('/etc/nvme/hostnqn', await run('nvme', 'gen-hostnqn'));
  fs.writeFileSync('/etc/nvme/hostid', fs.readFileSync('/proc/sys/kernel/random/uuid'));
}

/** nvme-cli with JSON as its answer. */
export async function nvmeJson<Result>(...args: string[]): Promise<Result> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what it lacks, the checks that use it will tell
  return JSON.parse(await run('nvme', ...args, '--output-format=json')) as Result;
}

export async function connect({ address, port, subnqn, digests = false }: Connection): Promise<void> {
  await run(
    'nvme',
    'connect',
    '--transport=tcp',
    `--traddr=${address}`,
    `--trsvcid=${port}`,
    `--nqn=${subnqn}`,
    '--nr-io-queues=2',
    '--reconnect-delay=1',
    '--keep-alive-tmo=5',
    ...(digests ? ['--hdr-digest', '--data-digest'] : []),
  );
}

export interface KernelController {
  /** `nvme0` */
  readonly name: string;
  /** As the driver says it: `live`, `connecting`, … */
  readonly state: string;
  /** State of the namespace on it; empty while it is not known there. */
  readonly ana: string;
}

/** The controllers of a subsystem by the address they are connected to. */
export function controllers(subnqn: string): ReadonlyMap<string, KernelController> {
  const found = new Map<string, KernelController>();
  for (const name of fs.readdirSync(CONTROLLERS)) {
    const folder = path.join(CONTROLLERS, name);
    if (textOf(path.join(folder, 'subsysnqn')) !== subnqn) continue;
    const address = /traddr=([^,]+)/.exec(textOf(path.join(folder, 'address')))?.[1] ?? '';
    // nvme0c1n1: the namespace over this controller, hidden behind nvme0n1.
    const hidden = fs.readdirSync(folder).find((entry) => /^nvme\d+c\d+n\d+$/.test(entry));
    const ana = hidden === undefined ? '' : textOf(path.join(folder, hidden, 'ana_state'));
    found.set(address, { name, state: textOf(path.join(folder, 'state')), ana });
  }
  return found;
}

/** The one block device of the subsystem, `/dev/nvme0n1`; null while there is none. */
export function blockDevice(subnqn: string): string | null {
  const subsystem = subsystemFolder(subnqn);
  const name = subsystem === null ? undefined : fs.readdirSync(subsystem).find((entry) => /^nvme\d+n\d+$/.test(entry));
  return name === undefined ? null : `/dev/${name}`;
}

/** How the kernel's multipath chooses: `numa`, `round-robin`, … */
export function setPolicy(subnqn: string, policy: string): void {
  const subsystem = subsystemFolder(subnqn);
  if (subsystem === null) throw new Error(`the kernel knows no subsystem ${subnqn}`);
  fs.writeFileSync(path.join(subsystem, 'iopolicy'), policy);
}

function subsystemFolder(subnqn: string): string | null {
  const all = '/sys/class/nvme-subsystem';
  const name = fs.readdirSync(all).find((entry) => textOf(path.join(all, entry, 'subsysnqn')) === subnqn);
  return name === undefined ? null : path.join(all, name);
}

/** Empty for what has just gone. */
function textOf(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}
