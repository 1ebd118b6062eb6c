/** The host as the command line and the library use it: from a URL to a served kernel device, in this process. */
import type { FuseTransport, KernelDeviceKind } from '../kernel/contract.ts';
import type { SelectorName } from '../multipath/selector.ts';
import type { DeviceView, HolderView, HostEvent } from './view.ts';

export interface AttachOptions {
  readonly name: string;
  /** `auto` takes the best kernel device that this host offers; `none` makes none (library use). */
  readonly kernelDevice?: 'auto' | KernelDeviceKind | 'none';
  /** FUSE transport: `auto` tries io_uring first. */
  readonly fuseTransport?: 'auto' | FuseTransport;
  readonly selector?: SelectorName;
  readonly ghostWrites?: 'strict' | 'none';
  /** Milliseconds; -1 = for ever (default). */
  readonly noPathRetry?: number;
  readonly readOnly?: boolean;
  /** Keep-alive timeout of controllers, milliseconds. */
  readonly keepAlive?: number;
  /** Milliseconds after which a command without an answer condemns its controller. */
  readonly ioTimeout?: number;
  /** Bound for a fence by time where the array reports none, milliseconds. */
  readonly quiesceTime?: number;
  readonly headerDigest?: boolean;
  readonly dataDigest?: boolean;
  readonly queueSize?: number;
  /** How long `attach` tries before it gives up, milliseconds. */
  readonly timeout?: number;
  /** Host NQN and identifier; by default those of /etc/nvme, or made from the machine's id. */
  readonly hostNqn?: string;
  readonly hostId?: string;
}

/** A volume that is attached and, unless `kernelDevice` is `none`, served as a kernel device. */
export interface Attachment {
  readonly name: string;
  /** Plain data as of now. Never waits. */
  view(): DeviceView;
  holders(): Promise<readonly HolderView[]>;
  /** @throws CausewayError `no-such-path` */
  failPath(id: string): Promise<void>;
  restorePath(id: string): Promise<void>;
  /** Ends requests that wait for a path or a fence with an error. */
  failQueued(): Promise<void>;
  /**
   * Flushes and takes the device away. In use: @throws CausewayError `device-in-use` (its message names the holders)
   * unless `force`, which gives holders EIO. Bounded in time.
   */
  detach(options?: { force?: boolean }): Promise<void>;
  /** Resolves when the device is gone, whoever asked for it. */
  readonly gone: Promise<void>;
}

export interface ArrayOptions {
  readonly ports?: number;
  /** First address; further ports follow on 127.0.0.2, .3, … (or the same address with increasing TCP ports). */
  readonly address?: string;
  /** TCP port; 0 picks free ones. */
  readonly port?: number;
  readonly sizeBytes?: number;
  readonly blockBytes?: 512 | 4096;
  /** A file to keep the volume in; memory when left out. */
  readonly file?: string;
  readonly subsystem?: string;
  readonly crossControllerReset?: boolean;
  readonly commandQuiesceTime?: number;
  readonly [other: string]: unknown;
}

export type PortState = 'open' | 'closed' | 'blackholed';

/** The embedded array on a reactor of its own in this process. */
export interface ArrayHandle {
  readonly subsystem: string;
  readonly ports: readonly { readonly address: string; readonly port: number }[];
  /** `nvme+tcp://…` with all ports. */
  readonly url: string;
  setPort(index: number, state: PortState): Promise<void>;
  /** Any method of the array's fault interface by name. */
  fault(name: string, args: Record<string, unknown>): Promise<unknown>;
  stats(): Promise<Record<string, unknown>>;
  stop(): Promise<void>;
}

/** One per process: owns the reactors. */
export interface Host {
  attach(urls: readonly string[], options: AttachOptions): Promise<Attachment>;
  startArray(options: ArrayOptions): Promise<ArrayHandle>;
  readonly attachments: readonly Attachment[];
  onEvent(listener: (event: HostEvent) => void): void;
  /** Ends all, bounded in time. */
  stop(): Promise<void>;
}
