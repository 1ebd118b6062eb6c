/** One request of the kernel on its way through: made at start-up, used again and again. */
import type { Completer } from '../../block/request.ts';
import { Request } from '../../block/request.ts';
import type { Io } from '../../io/contract.ts';

/** Who takes up a request that came back from the device. */
export interface SlotOwner {
  onDeviceDone(slot: FuseSlot): void;
}

/** Where a slot's answer goes: each transport is one. */
export interface ReplyPort {
  /** Answers with `-error` (0 or a positive errno) and the first `payloadBytes` of the payload. */
  reply(slot: FuseSlot, error: number, payloadBytes: number): void;
  /** Ends the slot's work without an answer: the kernel expects none. */
  drop(slot: FuseSlot): void;
}

export class FuseSlot implements Completer {
  /** Its number among the slots of its server. */
  readonly index: number;
  /** The queue it belongs to (io_uring). */
  readonly queue: number;
  /** Place of fuse_in_header. */
  readonly header: number;
  /** Place of the first argument structure. */
  readonly argument: number;
  /** Place of the payload, page-aligned: data of reads and writes, and every structure of an answer. */
  readonly payload: number;
  readonly request: Request;
  /** The two words of the request's number, as the kernel gave it. */
  uniqueLow = 0;
  uniqueHigh = 0;
  /** With the device now. */
  underWay = false;
  /** A range that is being zeroed by writing: what comes next, and its end. Doubles from the start on. */
  zeroNext = Number.NaN;
  zeroEnd = Number.NaN;
  readonly #owner: SlotOwner;

  constructor(
    io: Io,
    owner: SlotOwner,
    index: number,
    queue: number,
    header: number,
    argument: number,
    payload: number,
  ) {
    this.index = index;
    this.queue = queue;
    this.header = header;
    this.argument = argument;
    this.payload = payload;
    this.#owner = owner;
    this.request = new Request(io, index);
    this.zeroNext = 0;
    this.zeroEnd = 0;
  }

  onRequest(): void {
    this.#owner.onDeviceDone(this);
  }
}
