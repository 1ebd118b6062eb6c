/**
 * One command that can be under way on a queue: made with the queue, used again and again, found by its cid.
 */
import type { Tagged } from '../../base/slab.ts';

/** Who learns how a command ended. */
export interface CommandOwner {
  /**
   * The command is decided, and no operation refers to its data any more. The slot is free already: what is wanted of it
   * is read before anything else is submitted.
   */
  onCommand(slot: CommandSlot): void;
  /** After `drop` said false: nothing refers to the command's data any more. Only for who calls it. */
  onDropped?(slot: CommandSlot): void;
}

/** How far a command is. */
export const slotState = {
  free: 0,
  /** Taken by its owner, not yet given to the connection: there was no room. */
  waiting: 1,
  /** Its capsule is queued or sent. */
  sent: 2,
  /** The response is here, but a send still refers to the data. */
  responded: 3,
} as const;

/** How a command ended. */
export const ending = {
  /** By a response: `status` is the controller's. */
  response: 0,
  /** The connection ended before a response came. */
  lost: 1,
} as const;

/** Direction of a command's data. */
export const direction = { none: 0, in: 1, out: 2 } as const;

/** Bits of a cid that find the slot; the bits above count how often the slot was used. */
const slotBits = 10;
export const maxSlots = 1 << slotBits;
const generations = 1 << (16 - slotBits);

export class CommandSlot implements Tagged {
  readonly tag: number;
  /**
   * Command identifier: the tag, and above it a count of uses, so that an answer to a former use is told from one to
   * this. Never 0xffff, which is reserved: the last slot is not made (`maxSlots - 1` is the most).
   */
  cid: number;
  state: number = slotState.free;
  owner: CommandOwner | null = null;
  /** For the owner. */
  purpose = 0;

  direction: number = direction.none;
  /** Place and length of the command's data. */
  data = 0;
  dataBytes = 0;
  /** The data travels in the capsule. */
  inCapsule = false;
  /** Data in: bytes that arrived. Data out: bytes that R2Ts asked for. */
  moved = 0;
  /** R2Ts whose data is not wholly queued. */
  r2ts = 0;
  /** Sends that refer to the data. */
  sends = 0;
  /** A data digest was wrong. */
  corrupted = false;
  /** Data in: nobody wants it any more, what still comes of it is dropped. */
  dropped = false;
  /** Its owner is to be told as soon as nothing refers to its data. */
  dropAwaited = false;
  /** C2HData with LAST_PDU was seen, with SUCCESS. */
  last = false;
  success = false;

  /** Position of the capsule in what the connection sends. */
  position = Number.NaN; // starts as a double, so that the field's representation never changes
  startedAt = Number.NaN;
  /** When it was found to be without an answer for too long; 0 = it was not. */
  overdueAt = Number.NaN;

  ending: number = ending.response;
  /** `sct << 8 | sc`. */
  status = 0;
  doNotRetry = false;
  /** Command retry delay: 0 none, else which of CRDT1 to CRDT3. */
  retryDelayIndex = 0;
  dw0 = 0;
  dw1 = 0;
  /** At least a byte of the capsule was given to the socket: the controller may have seen the command. */
  handed = false;
  /** Link of the list of waiting commands. */
  next: CommandSlot | null = null;

  constructor(tag: number) {
    this.tag = tag;
    this.cid = tag;
    this.position = 0;
    this.startedAt = 0;
    this.overdueAt = 0;
  }

  /** Makes it ready for another command. */
  begin(
    owner: CommandOwner,
    purpose: number,
    dataDirection: number,
    data: number,
    dataBytes: number,
    now: number,
  ): void {
    this.cid = this.tag | ((((this.cid >>> slotBits) + 1) % generations) << slotBits);
    this.state = slotState.waiting;
    this.owner = owner;
    this.purpose = purpose;
    this.direction = dataDirection;
    this.data = data;
    this.dataBytes = dataBytes;
    this.inCapsule = false;
    this.moved = 0;
    this.r2ts = 0;
    this.sends = 0;
    this.corrupted = false;
    this.dropped = false;
    this.dropAwaited = false;
    this.last = false;
    this.success = false;
    this.startedAt = now;
    this.overdueAt = 0;
    this.ending = ending.response;
    this.status = 0;
    this.doNotRetry = false;
    this.retryDelayIndex = 0;
    this.dw0 = 0;
    this.dw1 = 0;
    this.handed = false;
    this.next = null;
  }
}
