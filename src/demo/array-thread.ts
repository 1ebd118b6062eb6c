/**
 * The embedded array as a thread of this process, for the demonstration, `causeway array`, tests and benchmarks:
 * `const array = await startArray({ ports: 4 })`, then `array.url` is what to attach.
 */
import { createHash, randomBytes } from 'node:crypto';
import path from 'node:path';
import { CausewayError } from '../base/errors.ts';
import type { ArrayOptions as ArrayConfigOptions, DhchapConfig } from '../array/config.ts';
import type { ArrayStats } from '../array/array.ts';
import type { GroupName, HashName } from '../fabric/nvme-tcp/auth/names.ts';
import { answerOrder, type DhOrder } from '../host/dh-helper.ts';
import { ReactorThread } from '../host/reactor-thread.ts';
import { fromThread } from '../host/rpc.ts';
import { readSecretFile } from '../host/secret-files.ts';

/** Hosts that have to authenticate by DH-HMAC-CHAP; no others may connect. */
export interface ArrayAuthentication {
  /** By host NQN, the file with that host's secret. */
  readonly hosts: Readonly<Record<string, string>>;
  /** The file with the array's own secret, for hosts that want it to prove itself. */
  readonly ctrlSecretFile?: string;
  /** `sha256` (default), `sha384`, `sha512`. */
  readonly hash?: HashName;
  /** `null`, `ffdhe2048` (default), `ffdhe3072`, `ffdhe4096`, `ffdhe6144`, `ffdhe8192`. */
  readonly group?: GroupName;
  /** On the discovery service too. */
  readonly discovery?: boolean;
}

export interface ArrayOptions {
  /** How many ports, on 127.0.0.1, .2, … */
  readonly ports?: number;
  /** Where the ports listen instead. */
  readonly addresses?: readonly string[];
  /** TCP port of all of them; a free one each when left out (4420 with `addresses`). */
  readonly port?: number;
  readonly sizeBytes?: number;
  readonly blockBytes?: 512 | 4096;
  /** A file to keep the volume in; memory when left out. */
  readonly file?: string;
  readonly subsystem?: string;
  readonly serial?: string;
  /** Offered unless false. */
  readonly crossControllerReset?: boolean;
  /** CQT, milliseconds; 0 = not reported. */
  readonly commandQuiesceTime?: number;
  readonly authentication?: ArrayAuthentication;
  readonly spinMicroseconds?: number;
  /** Anything else of the array's configuration. */
  readonly advanced?: Partial<ArrayConfigOptions>;
}

export type PortState = 'open' | 'closed' | 'blackholed';

/** The embedded array on a reactor of its own in this process. */
export interface ArrayHandle {
  readonly subsystem: string;
  readonly ports: readonly { readonly address: string; readonly port: number }[];
  /** `nvme+tcp://…` with all ports. */
  readonly url: string;
  setPort(index: number, state: PortState): Promise<void>;
  /** Any method of the array's fault interface (`src/array/faults.ts`) by name. */
  fault(name: string, args: readonly unknown[]): Promise<unknown>;
  stats(): Promise<ArrayStats>;
  stop(): Promise<void>;
}

const entry = new URL('./array-entry.js', import.meta.url);
export const defaultSubsystem = 'nqn.2026-11.io.causeway:array';
const defaultPorts = 4;
const defaultSize = 1024 ** 3;
const mostPorts = 64;

/** Where the ports listen: on 127.0.0.1, .2, .3 …, or where it was said. */
function portAddresses(options: ArrayOptions): { host: string; port: number }[] {
  if (options.addresses !== undefined && options.addresses.length > 0) {
    return options.addresses.map((host) => ({ host, port: options.port ?? 4420 }));
  }
  const count = options.ports ?? defaultPorts;
  if (!Number.isInteger(count) || count < 1 || count > mostPorts) {
    throw new CausewayError('invalid-argument', `${count} ports are not possible: 1 to ${mostPorts} are`);
  }
  return Array.from({ length: count }, (_unused, index) => ({ host: `127.0.0.${index + 1}`, port: options.port ?? 0 }));
}

/**
 * Volumes get their identity from the serial number. One in memory is a new one each time; one in a file is the same
 * volume whenever that file is served.
 */
function defaultSerial(file: string | undefined): string {
  const seed = file === undefined ? randomBytes(16) : Buffer.from(path.resolve(file));
  return `CW${createHash('sha256').update(seed).digest('hex').slice(0, 16).toUpperCase()}`;
}

/** @throws CausewayError `file-open`, `secret-exposed`, `bad-secret` */
function dhchapConfig(options: ArrayAuthentication | undefined): DhchapConfig | null {
  if (options === undefined) return null;
  const { ctrlSecretFile, hash = 'sha256', group = 'ffdhe2048', discovery = false } = options;
  const controller = ctrlSecretFile === undefined ? null : readSecretFile(ctrlSecretFile);
  const hosts = Object.entries(options.hosts).map(([hostnqn, file]) => {
    return { hostnqn, secrets: { host: readSecretFile(file), controller } };
  });
  return { hosts, hash, group, discovery };
}

/** Starts the array on a reactor of its own. @throws CausewayError `address-in-use`, `io-uring-unavailable`, … */
export async function startArray(options: ArrayOptions, cpu?: number): Promise<ArrayHandle> {
  const addresses = portAddresses(options);
  const config: ArrayConfigOptions = {
    ports: addresses.map((address) => ({ address })),
    volumes: [
      {
        name: 'volume-1',
        sizeBytes: options.sizeBytes ?? defaultSize,
        blockBytes: options.blockBytes ?? 4096,
        ...(options.file === undefined ? {} : { file: options.file }),
      },
    ],
    subnqn: options.subsystem ?? defaultSubsystem,
    serial: options.serial ?? defaultSerial(options.file),
    ccrl: options.crossControllerReset === false ? 0 : 4,
    cqt: options.commandQuiesceTime ?? 0,
    dhchap: dhchapConfig(options.authentication),
    ...options.advanced,
  };
  const plan = {
    name: 'array',
    io: { spinMicroseconds: options.spinMicroseconds ?? 0 },
    ...(cpu === undefined ? {} : { cpu }),
  };
  const thread: ReactorThread = await ReactorThread.start(plan, entry, ({ event, body }) => {
    if (event === 'dh-order') thread.tell('dh.answer', answerOrder(fromThread<DhOrder>(body)));
  });
  try {
    const ports = await thread.call<{ host: string; port: number }[]>('array.start', config);
    return new RunningArray(thread, config.subnqn ?? defaultSubsystem, ports);
  } catch (error) {
    await thread.stop();
    throw error;
  }
}

class RunningArray implements ArrayHandle {
  readonly subsystem: string;
  readonly ports: readonly { readonly address: string; readonly port: number }[];
  readonly url: string;
  readonly #thread: ReactorThread;

  constructor(thread: ReactorThread, subsystem: string, ports: readonly { host: string; port: number }[]) {
    this.#thread = thread;
    this.subsystem = subsystem;
    this.ports = ports.map(({ host, port }) => ({ address: host, port }));
    const hosts = this.ports.map(({ address, port }) => `${address.includes(':') ? `[${address}]` : address}:${port}`);
    this.url = `nvme+tcp://${hosts.join(',')}/${subsystem}`;
  }

  async setPort(index: number, state: PortState): Promise<void> {
    if (this.ports[index] === undefined) {
      throw new CausewayError('invalid-argument', `the array has no port ${index + 1}: it has ${this.ports.length}`);
    }
    const fault = { open: 'openPort', closed: 'closePort', blackholed: 'swallowPort' }[state];
    await this.fault(fault, [index + 1]);
  }

  fault(name: string, args: readonly unknown[]): Promise<unknown> {
    return this.#thread.call('array.fault', { name, args });
  }

  stats(): Promise<ArrayStats> {
    return this.#thread.call<ArrayStats>('array.stats', null);
  }

  async stop(): Promise<void> {
    await this.#thread.call('array.stop', null);
    await this.#thread.stop();
  }
}
