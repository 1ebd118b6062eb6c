/**
 * What people and programs see of a running host: plain data, the same for the control socket, `--json` and screens.
 * Names and meanings are stable; fields are only ever added.
 */
import type { Authenticated } from '../fabric/nvme-tcp/auth/host-side.ts';
import type { ErrorCode } from '../base/errors.ts';
import type { KernelDeviceKind } from '../kernel/contract.ts';
import type { CompanionView } from './companion.ts';
import type { PathLife } from '../multipath/path-life.ts';
import type { GhostWrites } from '../multipath/options.ts';
import type { PathState } from '../multipath/state.ts';

export interface PathView {
  /** Stable and unique within the device: `<address>:<port>`. What `path fail` and `path restore` take. */
  readonly id: string;
  readonly state: PathState;
  /** In words, why it is in this state when it does not carry I/O; empty otherwise. */
  readonly reason: string;
  readonly transport: 'nvme-tcp';
  readonly address: string;
  readonly subsystem: string;
  readonly nsid: number;
  /** Controller id that the array gave; -1 while not connected. */
  readonly cntlid: number;
  /** How host and controller proved themselves to each other; null: they did not, or it is not connected. */
  readonly authenticated: Authenticated | null;
  /** Since when it is in this state (ISO 8601). */
  readonly since: string;
  /** For `weighted` and `service-time`. */
  readonly weight: number;
  /** How often it was lost. */
  readonly losses: number;
  readonly delays: PathDelays;
  readonly counters: PathCounters;
}

/** What depends on the path's controller, milliseconds; 0 as long as there was none. */
export interface PathDelays {
  /** Keep-alive timeout that the controller goes by. */
  readonly keepAlive: number;
  /** How long after its loss the controller may still execute something. */
  readonly fence: number;
  /** The array does not say so: `fence` is assumed, not guaranteed. */
  readonly isFenceAssumed: boolean;
  /** How long the volume may be between two ANA states before the controller is reset; 0 where there are none. */
  readonly anaTransition: number;
  /** Until the next attempt to connect, where one is waited for; else -1. */
  readonly nextAttempt: number;
}

/** Time-outs and delays of a device's paths, milliseconds. */
export interface DeviceDelays {
  /** Keep-alive timeout as asked for. */
  readonly keepAlive: number;
  /** A command without an answer is called back after that time, 0: never; and so much later its controller is reset. */
  readonly ioTimeout: number;
  readonly abortGrace: number;
  /** How long what was sent may go unacknowledged; 0: as the kernel likes. */
  readonly tcpUserTimeout: number;
  /** Waits between attempts to connect grow from the first to the longest; there is no last one. */
  readonly reconnectFirst: number;
  readonly reconnectLongest: number;
}

export interface PathCounters {
  readonly reads: number;
  readonly writes: number;
  readonly others: number;
  /** Bytes of all of them; of the reads; of the writes. */
  readonly bytes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly errors: number;
  /** Commands that came back over it and had to be sent again, there or elsewhere. */
  readonly retries: number;
  readonly inFlight: number;
  /** Mean and longest latency since attach, microseconds. */
  readonly latencyMean: number;
  readonly latencyMax: number;
  /** Smoothed latency of reads and writes as of the last answer, of the slowest reactor, microseconds; 0: none yet. */
  readonly latencyNow: number;
  /** Hedges (second attempts at slow reads) sent over it; how many answered first, and how many did not. */
  readonly hedges: number;
  readonly hedgesWon: number;
  readonly hedgesLost: number;
}

export interface DeviceCounters {
  readonly reads: number;
  readonly writes: number;
  readonly flushes: number;
  readonly discards: number;
  readonly writeZeroes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly errors: number;
  readonly retries: number;
  /** Requests that wait for a path now, and for how many milliseconds already. */
  readonly waiting: number;
  readonly waitingFor: number;
  /** Writes of unknown outcome, held now until the lost controller is fenced; and how many ever were. */
  readonly held: number;
  readonly everHeld: number;
  /** Ranges that a lost controller may still write to, now and ever; and writes that wait, or ever waited, for them. */
  readonly quarantined: number;
  readonly everQuarantined: number;
  readonly gated: number;
  readonly everGated: number;
  /** Reads sent on a second path besides (hedges): how many the hedge won, or lost; and how many the budget refused. */
  readonly hedges: number;
  readonly hedgesWon: number;
  readonly hedgesLost: number;
  readonly hedgesRefused: number;
  /** Sum and maximum over finished reads and writes, microseconds. */
  readonly latencySum: number;
  readonly latencyMax: number;
}

/** A controller that was lost with writes of unknown outcome: what its fence waits for. */
export interface FenceView {
  readonly path: string;
  readonly cntlid: number;
  /** `controller-reset`, `cross-controller-reset`, `time`, or `time (assumed, not guaranteed)`. */
  readonly by: string;
  /** Milliseconds until the fence by time at the latest. */
  readonly remaining: number;
  /** What is in quarantine until then: ranges, and their bytes. */
  readonly ranges: number;
  readonly bytes: number;
}

export interface DeviceView {
  readonly name: string;
  readonly state: 'attaching' | 'serving' | 'detaching' | 'failed';
  /** The kernel's node, e.g. /dev/loop0. */
  readonly device: string;
  /** The stable name, e.g. /dev/causeway/demo. */
  readonly link: string;
  /** null for a volume that is attached without a kernel device (library). */
  readonly kernelDevice: KernelDeviceKind | null;
  /** How the kernel device reaches us, e.g. `io_uring` or `classic` for FUSE; and remarks (why not another one). */
  readonly transport: string;
  /** If its process dies, requests wait for the next one instead of failing. */
  readonly survivesCrash: boolean;
  readonly notes: readonly string[];
  /** The node that takes the ioctls of NVMe devices. */
  readonly companion: CompanionView;
  readonly identity: string;
  readonly model: string;
  readonly serial: string;
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly readOnly: boolean;
  readonly volatileCache: boolean;
  /** Its controllers are taken to share that cache: assumed by whoever attached it, not known. */
  readonly assumeSharedCache: boolean;
  readonly selector: string;
  /** Of `round-robin`; and of `latency`, milliseconds. */
  readonly minimumRun: number;
  readonly latencyMemory: number;
  readonly ghostWrites: GhostWrites;
  /** Milliseconds; -1 = for ever. */
  readonly noPathRetry: number;
  /** What decides when a path carries I/O again, or no more; milliseconds. */
  readonly life: PathLife;
  /** null for a volume of this host. */
  readonly delays: DeviceDelays | null;
  readonly reactors: number;
  /** Payload memory that this device takes, bytes. */
  readonly payloadBytes: number;
  readonly pid: number;
  /** Since when it serves (ISO 8601). */
  readonly since: string;
  readonly paths: readonly PathView[];
  readonly fences: readonly FenceView[];
  readonly counters: DeviceCounters;
}

export interface HolderView {
  /** `process`, `mount`, `swap` or `device`. */
  readonly kind: 'process' | 'mount' | 'swap' | 'device';
  /** Process id, for processes. */
  readonly pid?: number;
  /** Process name, mount point, or device name. */
  readonly name: string;
}

/** Something that happened, for people and programs that follow. `at` is ISO 8601. */
export interface HostEvent {
  readonly at: string;
  readonly event:
    | 'ready'
    | 'path-state'
    | 'path-added'
    | 'path-removed'
    | 'fence'
    | 'all-paths-down'
    | 'paths-back'
    | 'volume-changed'
    | 'volume-replaced'
    | 'in-use'
    | 'detached'
    | 'handed-over'
    | 'note';
  readonly device: string;
  /** One sentence. */
  readonly message: string;
  readonly path?: string;
  readonly state?: PathState;
  /** Of a path that is not used: why, as an error's code. */
  readonly code?: ErrorCode;
  /** Of a volume that changed: what it is now, and the size it had. */
  readonly sizeBytes?: number;
  readonly sizeBefore?: number;
  readonly readOnly?: boolean;
}
