/**
 * A kernel device: an ordinary `/dev` node whose requests a block device of ours answers. It has two sides.
 *
 * The *control side* lives on the main thread: it makes the node, names who uses it, and takes it away. It never serves
 * a request, and it never touches the node or what stands behind it in a way that could wait for an answer of ours:
 * whatever opens the device is done by a short-lived helper process, so that a device that does not answer can
 * neither hang the main thread nor keep a killed process from ending.
 *
 * The *reactor side*, a queue server, lives on a reactor beside the block device it serves. Queues of one kernel device
 * are spread over reactors; each has its own device object of the same volume.
 */
import type { DeviceHolder } from '../native/holders.ts';

export type KernelDeviceKind = 'ublk' | 'nbd' | 'fuse';

/** In the order in which `auto` takes them. */
export const kernelDeviceKinds: readonly KernelDeviceKind[] = ['ublk', 'nbd', 'fuse'];

/** How FUSE requests travel. `auto`: over io_uring where the kernel has it. */
export type FuseTransport = 'uring' | 'classic';

/** What a reactor is told to serve: plain data, so that it can travel to another thread. */
export interface FuseQueuePlan {
  readonly kind: 'fuse';
  /** The kernel device's name, for messages. */
  readonly name: string;
  readonly transport: FuseTransport;
  /** A descriptor of /dev/fuse, non-blocking, open until the server has ended. */
  readonly fd: number;
  /** The queues (possible CPUs) that this reactor serves over io_uring. */
  readonly queues: readonly number[];
  /** Whether this reactor reads what io_uring does not carry (FORGET, INTERRUPT), or, classic, whether it serves. */
  readonly reads: boolean;
  /** Request slots of each queue (classic: of this reactor). */
  readonly entriesPerQueue: number;
  /** All request slots of this reactor; each has a payload. */
  readonly slots: number;
  /** The largest read or write; a multiple of the page. */
  readonly payloadBytes: number;
}

export interface NbdQueuePlan {
  readonly kind: 'nbd';
  /** The kernel device's name, for messages. */
  readonly name: string;
  /** Our end of the connection, a UNIX stream socket; the server's from its start on, which closes it. */
  readonly fd: number;
  /** Request slots; each has a payload. */
  readonly slots: number;
  /** The largest read or write that travels in one piece; a multiple of the page. */
  readonly payloadBytes: number;
}

export interface UblkQueuePlan {
  readonly kind: 'ublk';
  /** The kernel device's name, for messages. */
  readonly name: string;
  /** A descriptor of /dev/ublkcN, open until the server has ended. */
  readonly fd: number;
  /** The queues that this reactor serves, at least one. */
  readonly queues: readonly number[];
  /** Tags of each queue. */
  readonly depth: number;
  /** All tags of this reactor; each has a payload. */
  readonly slots: number;
  /** The largest read or write; a multiple of the page. */
  readonly payloadBytes: number;
}

export type QueuePlan = FuseQueuePlan | NbdQueuePlan | UblkQueuePlan;

/** The reactor side. */
export interface KernelQueueServer {
  /** Requests that are with the block device now. */
  readonly underWay: number;
  /**
   * Control. Starts serving.
   * @throws CausewayError `kernel-device-failed` when the kernel refuses the queues: the plan's descriptor is not used
   * again and may be closed, and the server ends by itself once the device is taken away
   */
  start(): Promise<void>;
  /**
   * Control. Takes up nothing more: what the kernel hands out from now on stays unanswered, for the program that comes
   * next. Resolves when everything that was taken up has been answered. The queues stay; the process ends after this.
   */
  quiesce(): Promise<void>;
  /**
   * Control. From now on every request fails with EIO at once, those that are with the block device included. Only of
   * kinds whose control side cannot make the kernel do that.
   */
  fail?(): void;
  /**
   * Control. Resolves when the kernel has let go of every queue (the device was taken away or aborted), all requests
   * came back and the memory is given back; with a sentence if the reason is a failure rather than an end.
   */
  readonly ended: Promise<string | null>;
}

/** A reactor that serves queues, as seen by the main thread. */
export interface ServedQueues {
  /** As KernelQueueServer.ended. */
  readonly ended: Promise<string | null>;
  /** As KernelQueueServer.quiesce. */
  quiesce(): Promise<void>;
  /** As KernelQueueServer.fail; nothing happens if the kind has no such thing. */
  fail(): Promise<void>;
}

/** What the control side borrows from its host. */
export interface KernelHost {
  /** How many reactors serve this device. */
  readonly reactors: number;
  /**
   * Lets reactor number `reactor` (from 0) serve the device's queues; resolves once it does, and rejects with what
   * KernelQueueServer.start rejected with.
   */
  serve(reactor: number, plan: QueuePlan): Promise<ServedQueues>;
  sleep(milliseconds: number): Promise<void>;
  /** Monotonic milliseconds. */
  now(): number;
}

/** What the kernel shall know of the volume. */
export interface KernelGeometry {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly physicalBlockBytes: number;
  readonly maxTransferBytes: number;
  /** For good. */
  readonly readOnly: boolean;
  /** Acknowledged writes are durable only after a flush. */
  readonly volatileCache: boolean;
  readonly canDiscard: boolean;
  readonly canWriteZeroes: boolean;
}

/** What a kernel device was told of its volume. */
export interface KernelShape {
  readonly sizeBytes: number;
  readonly readOnly: boolean;
}

export interface DetachOptions {
  /** Holders get EIO, nothing waits for them. */
  readonly force: boolean;
}

/** The control side. */
export interface KernelDevice {
  readonly kind: KernelDeviceKind;
  readonly name: string;
  /** `/dev/loop3` */
  readonly path: string;
  /** The stable name, `/dev/causeway/<name>`; null if it could not be made. */
  readonly link: string | null;
  /** How it came to be what it is, one sentence each: what was switched on, what was not available and why. */
  readonly notes: readonly string[];
  /** How requests travel, for people: `FUSE over io_uring`. */
  readonly transport: string;
  /** If this process dies, requests wait for the next one that serves the volume under this name, and nothing is lost. */
  readonly survives: boolean;
  /** As it was made, or found: one that a dead process left is told of what has changed since by `resize`. */
  readonly made: KernelShape;
  /** Resolves when the device ended without having been asked to: with what happened. */
  readonly lost: Promise<string>;
  /** Who uses it now. */
  holders(): readonly DeviceHolder[];
  /** Tells the kernel the size that the volume has now. The block devices on the reactors have it already. */
  resize(sizeBytes: number): Promise<void>;
  /**
   * Tells the kernel that the volume takes writes, or does not take any for now; for a device that was not made read-only.
   * The block devices on the reactors know already.
   */
  setReadOnly(readOnly: boolean): Promise<void>;
  /** Writes back what the kernel caches of the device, and flushes the device. */
  flush(): Promise<void>;
  /**
   * Takes the device away. Orderly: flushes first, and refuses, with nothing changed, while somebody uses it
   * (`kernel-device-busy`, the holders in the message). Forced: holders get EIO at once; the node itself goes when the
   * last of them lets go, everything else now.
   */
  detach(options: DetachOptions): Promise<void>;
  /**
   * For a device that survives: takes up nothing more, answers what was taken up, and leaves the device for the next
   * process, which finds it as after a crash but with nothing of unknown outcome. This process has to end after it.
   * @throws CausewayError `kernel-device-failed` if what was taken up is not answered within a bound
   */
  handOver(): Promise<void>;
}
