/** One request of the kernel on its way through: made at start-up, used again and again. */
import { type Completer, op, type Op, Request } from '../../block/request.ts';
import type { Io } from '../../io/contract.ts';

/** Who takes up a request that came back from the device. */
export interface SlotOwner {
  onDeviceDone(slot: NbdSlot): void;
}

export class NbdSlot implements Completer {
  readonly index: number;
  /** Place of the reply's header, which goes out in one send with the data of a read. */
  readonly reply: number;
  /** Place of the payload, page-aligned. */
  readonly payload: number;
  readonly request: Request;
  operation: Op = op.read;
  flags = 0;
  /** Where the data of this request stands: the payload, or a place of its own if it is larger. */
  data = 0;
  /** Bytes of the whole request. */
  length = Number.NaN;
  /** Of a request that is larger than a payload and so is carried out in pieces: what comes next. Doubles from the start on. */
  offset = Number.NaN;
  done = Number.NaN;
  /** As ZeroedSlot. */
  zeroNext = Number.NaN;
  zeroEnd = Number.NaN;
  /** Bytes of data that follow the reply's header. */
  replyData = 0;
  readonly #owner: SlotOwner;

  constructor(io: Io, owner: SlotOwner, index: number, reply: number, payload: number) {
    this.index = index;
    this.reply = reply;
    this.payload = payload;
    this.#owner = owner;
    this.request = new Request(io, index);
    this.length = 0;
    this.offset = 0;
    this.done = 0;
    this.zeroNext = 0;
    this.zeroEnd = 0;
  }

  onRequest(): void {
    this.#owner.onDeviceDone(this);
  }
}
