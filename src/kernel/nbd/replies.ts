/** Answers on their way to the kernel: those of a batch go out with one send, the data of reads straight from where it stands. */
import { type Flushable, type Io, maxSegments, type Socket } from '../../io/contract.ts';
import { replyBytes } from './abi.ts';
import type { NbdSlot } from './slot.ts';

export class Replies implements Flushable {
  readonly #io: Io;
  readonly #onSent: (slot: NbdSlot) => void;
  #socket: Socket | null = null;
  /** Slots whose answers wait, in order: a ring that has room for all. */
  readonly #waiting: (NbdSlot | null)[];
  #first = 0;
  #count = 0;
  /** Slots whose answers are being sent. */
  readonly #sending: (NbdSlot | null)[] = new Array<NbdSlot | null>(maxSegments).fill(null);
  #sendingCount = 0;
  #flushing = false;
  readonly #places = new Int32Array(maxSegments);
  readonly #lengths = new Int32Array(maxSegments);

  /** @param onSent the slot's answer is with the kernel, its memory is free again; also for those that are dropped */
  constructor(io: Io, slots: number, onSent: (slot: NbdSlot) => void) {
    this.#io = io;
    this.#onSent = onSent;
    this.#waiting = new Array<NbdSlot | null>(slots).fill(null);
  }

  set socket(socket: Socket) {
    this.#socket = socket;
  }

  /** Answers that the kernel does not have yet. */
  get underWay(): number {
    return this.#count + this.#sendingCount;
  }

  /** The slot's reply stands in its place, and `replyData` bytes of its data are to follow it. */
  add(slot: NbdSlot): void {
    const { length } = this.#waiting;
    this.#waiting[(this.#first + this.#count) % length] = slot;
    this.#count += 1;
    if (this.#flushing || this.#sendingCount > 0) return;
    this.#flushing = true;
    this.#io.atEndOfBatch(this);
  }

  flush(): void {
    this.#flushing = false;
    const socket = this.#socket;
    if (socket === null || this.#count === 0 || this.#sendingCount > 0) return;
    let segments = 0;
    while (this.#count > 0 && segments <= maxSegments - 2) {
      const slot = this.#waiting[this.#first]!;
      this.#waiting[this.#first] = null;
      this.#first = (this.#first + 1) % this.#waiting.length;
      this.#count -= 1;
      this.#sending[this.#sendingCount] = slot;
      this.#sendingCount += 1;
      this.#places[segments] = slot.reply;
      this.#lengths[segments] = replyBytes;
      segments += 1;
      if (slot.replyData === 0) continue;
      this.#places[segments] = slot.data;
      this.#lengths[segments] = slot.replyData;
      segments += 1;
    }
    socket.send(this.#places, this.#lengths, segments);
  }

  /** The send has ended; what came meanwhile goes out next. */
  onSent(): void {
    const count = this.#sendingCount;
    this.#sendingCount = 0;
    for (let place = 0; place < count; place += 1) {
      const slot = this.#sending[place]!;
      this.#sending[place] = null;
      this.#onSent(slot);
    }
    this.flush();
  }

  /** The connection is being ended: nothing more is sent. */
  stop(): void {
    this.#socket = null;
  }

  /** The connection is over and refers to no memory any more: nobody wants the answers. */
  drop(): void {
    this.stop();
    this.onSent();
    while (this.#count > 0) {
      const slot = this.#waiting[this.#first]!;
      this.#waiting[this.#first] = null;
      this.#first = (this.#first + 1) % this.#waiting.length;
      this.#count -= 1;
      this.#onSent(slot);
    }
  }
}
