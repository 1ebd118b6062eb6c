/** The host as the command line and the library use it: from a URL to a served kernel device, in this process. */
import type { FilterReport, FilterSpec } from '../filters/spec.ts';
import type { FuseTransport, KernelDeviceKind } from '../kernel/contract.ts';
import type { Policy } from '../multipath/policy.ts';
import type { NvmeAnswer, NvmeCommand } from './passthrough.ts';
import type { SecretFiles } from './secret-files.ts';
import type { StatisticsView } from './statistics-view.ts';
import type { DeviceView, HolderView, HostEvent } from './view.ts';

/** How the paths of a volume are used: at attach, and, all of it, while I/O runs. */
export interface PolicySettings extends Partial<Policy> {
  /**
   * By path, `<address>:<port>`: its share under `weighted`, its throughput under `service-time`. Whole numbers from 1 to
   * 1000; 1 for paths that were never named.
   */
  readonly weights?: Readonly<Record<string, number>>;
}

/** What a change of the policy may need to be said besides. */
export interface PolicyConsent {
  /** Ghost writes may become `none`: old data may come back over newer. */
  readonly acceptStaleData?: boolean;
}

export interface AttachOptions extends PolicySettings, SecretFiles {
  readonly name: string;
  /** `auto` takes the best kernel device that this host offers; `none` makes none (library use). */
  readonly kernelDevice?: 'auto' | KernelDeviceKind | 'none';
  /** FUSE transport: `auto` takes the one that survives a crash if that is wanted, else tries io_uring first. */
  readonly fuseTransport?: 'auto' | FuseTransport;
  /**
   * If this process dies, requests wait for the next one that attaches the same volume under the same name, and go on; or
   * until `causeway detach NAME --force`. Not of volumes that die with the process themselves. Default: no.
   */
  readonly surviveCrash?: boolean;
  readonly readOnly?: boolean;
  /** A companion node for the ioctls of NVMe devices, where this host can make one (true). Not with `kernelDevice: 'none'`. */
  readonly companion?: boolean;
  /** Through the companion node also commands that disturb others or destroy data. */
  readonly allowDangerousIoctls?: boolean;
  /** The volume was made just now: nothing that was written to it earlier can still be under way. */
  readonly isNew?: boolean;
  /** Keep-alive timeout of controllers, milliseconds. */
  readonly keepAlive?: number;
  /**
   * Milliseconds after which a command without an answer is called back (30000); 0: never. If that does not help, its
   * controller is reset.
   */
  readonly ioTimeout?: number;
  /** TCP_USER_TIMEOUT, milliseconds that sent data may go unacknowledged (5000); 0: as the kernel likes. */
  readonly tcpUserTimeout?: number;
  /** First and longest wait before a lost path is connected again, milliseconds (200, 5000). There is no last attempt. */
  readonly reconnectFirst?: number;
  readonly reconnectLongest?: number;
  /** Bound for a fence by time where the array reports none, milliseconds. */
  readonly quiesceTime?: number;
  /**
   * The controllers of the array share or mirror their volatile write cache, so that none takes with it what was
   * acknowledged, and one flush covers all. No controller says so of itself: it is assumed, and not checked.
   */
  readonly assumeSharedCache?: boolean;
  readonly headerDigest?: boolean;
  readonly dataDigest?: boolean;
  readonly queueSize?: number;
  /** How long `attach` tries before it gives up, milliseconds. */
  readonly timeout?: number;
  /** Host NQN and identifier; by default those of /etc/nvme, or made from the machine's id. */
  readonly hostNqn?: string;
  readonly hostId?: string;
  /** In front of the device, on its reactors: the first is the first to see a request. */
  readonly filters?: readonly FilterSpec[];
}

/** A volume that is attached and, unless `kernelDevice` is `none`, served as a kernel device. */
export interface Attachment {
  readonly name: string;
  /** Plain data as of now. Never waits. */
  view(): DeviceView;
  /** Latencies, errors by kind, waits and the history of its paths. Never waits. */
  statistics(): StatisticsView;
  holders(): Promise<readonly HolderView[]>;
  /** What each reactor's filters have to say, in the order of the filters. */
  filterReports(): Promise<readonly (readonly FilterReport[])[]>;
  /** @throws CausewayError `no-such-path` */
  failPath(id: string): Promise<void>;
  restorePath(id: string): Promise<void>;
  /**
   * Connects one more path, `HOST[:PORT]`, to the same subsystem, with the options of the others, while I/O runs. Resolves
   * to its id when the reactors know it; it carries I/O as soon as it may.
   * @throws CausewayError `path-exists`, `too-many-paths`, `path-unfit`, `volume-disagrees`, and those of connecting
   */
  addPath(address: string): Promise<string>;
  /**
   * Takes a path away while I/O runs: it gets no new I/O, what is under way ends, or is decided as lost after 10 s, and its
   * connection is closed unless other volumes use it. Resolves when it is gone.
   * @throws CausewayError `no-such-path`, `last-path` unless `force`
   */
  removePath(id: string, options?: { force?: boolean }): Promise<void>;
  /** How its paths are used now. @throws CausewayError `no-such-path` if it has none */
  policy(): Required<PolicySettings>;
  /**
   * Changes how its paths are used, from now on; resolves when it has taken effect.
   * @throws CausewayError `invalid-argument`, `no-such-path`; nothing has changed then
   */
  setPolicy(settings: PolicySettings, consent?: PolicyConsent): Promise<void>;
  /**
   * Sends one NVMe command over a path that the policy allows (passthrough.ts says which commands, and how).
   * @throws CausewayError `no-such-path` if it has none, and those of `Passthrough.run`
   */
  nvme(command: NvmeCommand, consent?: { allowDangerous?: boolean }): Promise<NvmeAnswer>;
  /** Ends requests that wait for a path or a fence with an error. */
  failQueued(): Promise<void>;
  /**
   * Flushes and takes the device away. In use: @throws CausewayError `device-in-use` (its message names the holders)
   * unless `force`, which gives holders EIO. Bounded in time.
   */
  detach(options?: { force?: boolean }): Promise<void>;
  /**
   * Leaves the device to the next process that attaches the volume under this name, with nothing under way; it waits for
   * that. This process has to end after it, also after a failure that is not `cannot-hand-over`: then by SIGKILL, and the
   * next one finds what a crash leaves.
   * @throws CausewayError `cannot-hand-over` (it does not survive a crash either; it is served on), `kernel-device-failed`
   */
  handOver(): Promise<void>;
  /** Resolves when the device is gone from here, whoever asked for it. */
  readonly gone: Promise<void>;
}

/** One per process: owns the reactors. */
export interface Host {
  attach(urls: readonly string[], options: AttachOptions): Promise<Attachment>;
  readonly attachments: readonly Attachment[];
  onEvent(listener: (event: HostEvent) => void): void;
  /** Ends all, bounded in time. */
  stop(): Promise<void>;
}
