/**
 * What `multipath/` knows of a way to reach an array, whatever the protocol. One *native path* is (controller, volume)
 * as seen by one reactor. Work is given to it in parts: one part becomes one command of the protocol.
 */
import type { Request } from '../block/request.ts';
import { op, type Op } from '../block/request.ts';
import { type Status, status } from '../block/status.ts';

/** Where a part comes back to. */
export interface PartOwner {
  /**
   * The part is decided; nothing in any ring refers to its buffer any more. `part.outcome` is a row of the protocol's
   * outcome table, `part.verdict` what that row says, for the multipath layer.
   */
  onPart(part: Part): void;
  /** After `NativePath.detach` said false: nothing refers to its buffer any more. Only for who calls it. */
  onDetached?(part: Part): void;
}

/**
 * What is known of a part that came back. Bits, because they are tested on the data path; `verdict.ok` is zero.
 */
export const verdict = {
  ok: 0,
  /** It failed. Always set when anything is. */
  failed: 1,
  /** The path (or its controller) is at fault, not the volume: another path may succeed. */
  pathFault: 2,
  /** The array may have executed it. */
  mayHaveExecuted: 4,
  /** The array may still execute it, after now: a ghost. Ends with the controller's fence. */
  mayStillExecute: 8,
  /** It may be sent again on another path (once no ghost can harm). */
  retryElsewhere: 16,
  /** It may be sent again on the same path after `part.retryDelay` milliseconds. */
  retryHere: 32,
  /** It had no answer in time, and was called back before its path was given up: nothing is said of it. */
  calledBack: 64,
} as const;

/** A piece of a request that fits into one command of the path it is given to. Pooled; made at start-up. */
export class Part {
  /** Its place in the pool. */
  readonly index: number;
  request: Request | null = null;
  owner: PartOwner | null = null;
  /** The owner's own number for what this part belongs to. */
  ownerTag = 0;
  /** Which of its owner's paths it was sent on last. */
  pathIndex = 0;
  op: Op = op.read;
  flags = 0;
  /** Bytes from the start of the volume. */
  offset = Number.NaN;
  /** Bytes. */
  length = Number.NaN;
  /** Place of this part's payload in the reactor's memory. */
  buffer = 0;
  path: NativePath | null = null;
  /** A path has it. Kept by the owner. */
  underWay = false;
  /** Which life of the path's controller it was sent to; a fence speaks of one life. */
  epoch = 0;
  startedAt = Number.NaN;
  /** Since when its owner keeps it back (a fence, a quarantine), milliseconds of the reactor's clock; -1: it does not. */
  waitsSince = Number.NaN;
  /** How often it was sent. Counted by the path. */
  attempts = 0;
  /** How often the array itself answered that it can not do it over that path. Counted by the owner. */
  refusals = 0;
  /** A row of the outcome table of the path's protocol, for people and statistics. */
  outcome = 0;
  verdict = 0;
  /** The block status that stands for the outcome when it goes up. */
  status: Status = status.ok;
  /** Milliseconds (CRD) to wait before `retryHere`. */
  retryDelay = 0;
  /** Link for lists of the layer that holds the part. */
  next: Part | null = null;

  constructor(index: number) {
    this.index = index;
    this.offset = 0;
    this.length = 0;
    this.startedAt = 0;
    this.waitsSince = -1;
  }
}

/** What one command on a path may carry, bytes; multiples of the block. */
export interface PathLimits {
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly writeZeroesBytes: number;
  readonly discardBytes: number;
  /** No read or write should cross a multiple of this (NOIOB); 0 = none. */
  readonly boundaryBytes: number;
  /** 0's bit: commands the volume understands on this path. */
  readonly canWriteZeroes: boolean;
  readonly canDiscard: boolean;
}

export interface NativePath {
  /** Stable, for people: `<address>:<port>/<nsid>`-like, unique within the device. */
  readonly id: string;
  /** Which controller it leads through; all paths of one controller are fenced together. */
  readonly controller: number;
  /** The life of that controller now; grows with every reconnect. */
  readonly epoch: number;
  readonly limits: PathLimits;
  /** The queue pair of this reactor is open. */
  readonly open: boolean;
  /** Commands under way on this path (this reactor). */
  readonly inFlight: number;
  /** Bytes under way. */
  readonly bytesInFlight: number;
  /** A command slot is free for it. If not although it is open, `waiter` is told when one is. */
  readonly hasRoom: boolean;
  /** Takes the part over until `owner.onPart`. Only when `open && hasRoom`. Never calls back from inside. */
  submit(part: Part): void;
  /**
   * Nobody wants the data of a read that is under way any more. True: nothing is written to its buffer from now on. False:
   * a receive into it is under way; it is ended within some milliseconds, and `owner.onDetached` follows. The part comes
   * back as before, with an outcome that says nothing of the buffer.
   */
  detach(part: Part): boolean;
  /**
   * Someone to be told (later in the batch) when there is room after `hasRoom` was false. Volumes share the room of a
   * controller by turns: what is not taken in the call goes to the next one who wants it.
   */
  waiter: { onRoom(path: NativePath): void } | null;
}
