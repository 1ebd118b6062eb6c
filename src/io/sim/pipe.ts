/**
 * One direction of a simulated connection: a bounded ring of bytes, the sender's and the receiver's kernel buffer and
 * the wire between them in one.
 *
 *     head ......... arrived ......... tail          (counted from the start of the stream)
 *       what the       what is on
 *       receiver can   its way
 *       read
 *
 * Bytes arrive in order, each stretch after its own seeded delay, in fragments of seeded size. The end of the stream,
 * FIN or RST, travels behind the last byte. While the link is cut nothing arrives; what a live sender has on its way
 * arrives after the link is whole again (TCP sends it once more), but a RST is sent only once: it is lost.
 */
import type { Timer } from '../contract.ts';
import type { Core } from './core.ts';

/** Arrival times that are kept apart; further stretches on their way join the last one. */
const MARKS = 32;
/** Bytes that a pipe has room for at first; most never need more. A power of two. */
const FIRST_BYTES = 4096;
/** Milliseconds between two fragments that arrive one behind the other. */
const FRAGMENT_GAP = 0.05;

export const ending = { none: 0, fin: 1, rst: 2 } as const;
export type Ending = (typeof ending)[keyof typeof ending];

/** What a pipe asks of the link that it is part of. */
export interface Wire {
  /** Nothing passes now. */
  readonly cut: boolean;
  /** Milliseconds that the next stretch takes, by seed. */
  delay(): number;
}

export interface PipeReader {
  /** More can be read, or the end has arrived. */
  onArrival(): void;
}

export interface PipeWriter {
  /** The reader has taken bytes: there is room again. */
  onRoom(): void;
}

export class Pipe {
  reader: PipeReader | null = null;
  writer: PipeWriter | null = null;
  /** When something last arrived, or when the first byte went on its way after a pause. Milliseconds. */
  progressAt = Number.NaN;
  /** What has arrived of the stream's end. */
  ended: Ending = ending.none;
  readonly #core: Core;
  readonly #wire: Wire;
  readonly #capacity: number;
  /** A ring that grows as needed, up to the capacity; its length is a power of two. */
  #bytes: Uint8Array;
  readonly #markEnds = new Float64Array(MARKS);
  readonly #markDues = new Float64Array(MARKS);
  readonly #event: Timer;
  #firstMark = 0;
  #marks = 0;
  #lastDue = 0;
  #head = 0;
  #arrived = 0;
  #tail = 0;
  #ending: Ending = ending.none;
  #endDue = 0;
  #stopped = false;

  /** @param capacity bytes that fit between sender and receiver, a power of two */
  constructor(core: Core, wire: Wire, capacity: number) {
    this.#core = core;
    this.#wire = wire;
    this.#capacity = capacity;
    this.#bytes = new Uint8Array(Math.min(capacity, FIRST_BYTES));
    this.#event = core.events.make(() => this.#onDue());
    this.progressAt = core.now();
  }

  get available(): number {
    return this.#arrived - this.#head;
  }

  get inFlight(): number {
    return this.#tail - this.#arrived;
  }

  get room(): number {
    return this.#capacity - (this.#tail - this.#head);
  }

  /** Sends as many bytes as there is room for; returns how many. Nothing is taken after the end. */
  write(from: Uint8Array, place: number, length: number): number {
    const bytes = this.#ending === ending.none ? Math.min(length, this.room) : 0;
    if (bytes === 0) return 0;
    if (this.inFlight === 0) this.progressAt = this.#core.now();
    if (this.#tail - this.#head + bytes > this.#bytes.length) this.#grow(bytes);
    const at = this.#tail & (this.#bytes.length - 1);
    const first = Math.min(bytes, this.#bytes.length - at);
    this.#bytes.set(from.subarray(place, place + first), at);
    this.#bytes.set(from.subarray(place + first, place + bytes), 0);
    this.#tail += bytes;
    this.#mark();
    return bytes;
  }

  /** Makes room for `more` bytes: every byte keeps its place in the stream, and gets another one in the ring. */
  #grow(more: number): void {
    const old = this.#bytes;
    let length = old.length;
    while (length < this.#tail - this.#head + more) length *= 2;
    this.#bytes = new Uint8Array(length);
    for (let from = this.#head; from < this.#tail; ) {
      const at = from & (old.length - 1);
      const bytes = Math.min(this.#tail - from, old.length - at);
      // Both lengths are powers of two, so what does not wrap in the old ring does not wrap in the new one.
      this.#bytes.set(old.subarray(at, at + bytes), from & (length - 1));
      from += bytes;
    }
  }

  /** Takes at most `length` of the bytes that have arrived; returns how many. */
  read(into: Uint8Array, place: number, length: number): number {
    const bytes = Math.min(length, this.available);
    if (bytes === 0) return 0;
    const at = this.#head & (this.#bytes.length - 1);
    const first = Math.min(bytes, this.#bytes.length - at);
    into.set(this.#bytes.subarray(at, at + first), place);
    into.set(this.#bytes.subarray(0, bytes - first), place + first);
    this.#head += bytes;
    this.writer?.onRoom();
    return bytes;
  }

  /** Drops what has arrived; returns how many bytes that were. */
  discard(): number {
    const bytes = this.available;
    this.#head = this.#arrived;
    if (bytes > 0) this.writer?.onRoom();
    return bytes;
  }

  /** The sender ends the stream in order, behind everything it sent. */
  finish(): void {
    if (this.#ending !== ending.none) return;
    this.#ending = ending.fin;
    this.#endDue = this.#nextDue();
    this.#arm();
  }

  /**
   * The sender resets the connection. With `discard`, what it has on its way is lost from a point on that the seed
   * picks: what is in its own buffer always is, what is on the wire may still arrive.
   */
  reset(discard: boolean): void {
    if (this.ended === ending.rst) return;
    if (discard) this.#truncate(this.#core.random.below(this.inFlight + 1));
    this.#ending = ending.rst;
    this.#stopped = false;
    this.#endDue = this.#nextDue();
    this.#arm();
  }

  /** Nothing more arrives, not even the end, unless the sender resets (again). */
  stop(): void {
    this.#truncate(0);
    if (this.#ending === ending.none) this.#ending = ending.rst;
    this.#stopped = true;
    this.#event.disarm();
  }

  /** The link is whole again. */
  onWhole(): void {
    if (this.#stopped || (this.#marks === 0 && this.#ending === this.ended)) return;
    this.#event.arm(this.#wire.delay());
  }

  /** No stretch overtakes an earlier one. */
  #nextDue(): number {
    this.#lastDue = Math.max(this.#lastDue, this.#core.now() + this.#wire.delay());
    return this.#lastDue;
  }

  #mark(): void {
    if (this.#marks < MARKS) this.#marks += 1;
    const place = (this.#firstMark + this.#marks - 1) % MARKS;
    this.#markEnds[place] = this.#tail;
    this.#markDues[place] = this.#nextDue();
    this.#arm();
  }

  #truncate(keep: number): void {
    this.#tail = this.#arrived + keep;
    while (this.#marks > 0) {
      const place = (this.#firstMark + this.#marks - 1) % MARKS;
      const before = (place + MARKS - 1) % MARKS;
      const start = this.#marks > 1 ? this.#markEnds[before]! : this.#arrived;
      if (start < this.#tail) {
        this.#markEnds[place] = this.#tail;
        return;
      }
      this.#marks -= 1;
    }
  }

  #arm(): void {
    if (this.#event.armed || this.#stopped) return;
    if (this.#marks === 0 && this.#ending === this.ended) return;
    const due = this.#marks > 0 ? this.#markDues[this.#firstMark]! : this.#endDue;
    this.#event.arm(Math.max(0, due - this.#core.now()));
  }

  #onDue(): void {
    if (this.#wire.cut) {
      // What the sender still answers for waits for `onWhole`; what nobody sends again is gone.
      if (this.#ending === ending.rst) this.stop();
      return;
    }
    const now = this.#core.now();
    let limit = this.#arrived;
    for (let mark = 0; mark < this.#marks; mark += 1) {
      const place = (this.#firstMark + mark) % MARKS;
      if (this.#markDues[place]! > now) break;
      limit = this.#markEnds[place]!;
    }
    const news = this.#deliver(limit) || this.#deliverEnd(now);
    if (this.#arrived < limit) this.#event.arm(this.#core.between(0.001, FRAGMENT_GAP));
    else this.#arm();
    if (news) this.reader?.onArrival();
  }

  #deliver(limit: number): boolean {
    const due = limit - this.#arrived;
    if (due === 0) return false;
    this.#arrived += this.#fragment(due);
    this.progressAt = this.#core.now();
    while (this.#marks > 0 && this.#markEnds[this.#firstMark]! <= this.#arrived) {
      this.#firstMark = (this.#firstMark + 1) % MARKS;
      this.#marks -= 1;
    }
    return true;
  }

  #deliverEnd(now: number): boolean {
    if (this.#ending === this.ended || this.#marks > 0 || this.#endDue > now) return false;
    this.ended = this.#ending;
    return true;
  }

  /** How many of `due` bytes arrive at once: mostly all, but also single bytes and any other split. */
  #fragment(due: number): number {
    const { random } = this.#core;
    switch (random.below(8)) {
      case 0:
        return 1;
      case 1:
        return Math.min(due, 1 + random.below(128));
      case 2:
      case 3:
        return 1 + random.below(due);
      default:
        return due;
    }
  }
}
