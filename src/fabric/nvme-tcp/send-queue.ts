/**
 * What a connection still has to send: a ring of segments, and a ring of bytes (*staging*) in which headers are
 * written. Headers that stand next to each other travel as one segment. Nothing is allocated after construction.
 */
import { assert } from '../../base/assert.ts';
import { maxSegments, type Memory } from '../../io/contract.ts';

/** Where a payload's memory is reported free of the send. */
export interface SentSink {
  onSent(cookie: number): void;
}

/** The cookie of segments that nobody waits for: headers. */
const noCookie = -1;

/**
 * The most bytes one send takes (at least one segment always goes). A send is over only when all of it was taken by
 * the kernel, and until then every payload in it is held: large sends would hold the first payloads too long.
 */
const maxBatchBytes = 1024 * 1024;

export class SendQueue {
  /** The batch that `take` made, for `Socket.send`. */
  readonly places = new Int32Array(maxSegments);
  readonly lengths = new Int32Array(maxSegments);
  /** Bytes ever queued; a double, so exact up to 2^53. */
  queuedBytes = Number.NaN; // starts as a double, so that the field's representation never changes
  /** Bytes ever given to a socket. What was queued at or beyond this position has not left in any part. */
  handedBytes = Number.NaN;

  readonly #memory: Memory;
  readonly #staging: number;
  readonly #stagingBytes: number;
  /** Where the next header goes, from the start of staging. */
  #tail = 0;
  /** Staging bytes that are not free: headers, and what was skipped at the end so that a header stays in one piece. */
  #used = 0;

  readonly #capacity: number;
  readonly #mask: number;
  readonly #place: Int32Array;
  readonly #length: Int32Array;
  readonly #cookie: Int32Array;
  /** Staging bytes that become free with the segment. */
  readonly #consumed: Int32Array;
  /** 1 where a PDU ends with the segment. */
  readonly #ends: Uint8Array;
  #head = 0;
  #count = 0;
  /** How many of `count`, from the head on, the socket has. */
  #taken = 0;
  #handedWholePdus = true;

  /** `segments` is a power of two. */
  constructor(memory: Memory, stagingBytes: number, segments: number) {
    assert(segments >= 4 && (segments & (segments - 1)) === 0, 'the number of segments is a power of two');
    this.#memory = memory;
    this.#staging = memory.allocate(stagingBytes, 64);
    this.#stagingBytes = stagingBytes;
    this.#capacity = segments;
    this.#mask = segments - 1;
    this.#place = new Int32Array(segments);
    this.#length = new Int32Array(segments);
    this.#cookie = new Int32Array(segments);
    this.#consumed = new Int32Array(segments);
    this.#ends = new Uint8Array(segments);
    this.queuedBytes = 0;
    this.handedBytes = 0;
  }

  /** Segments that the socket does not have yet. */
  get waiting(): number {
    return this.#count - this.#taken;
  }

  /** The socket has a batch. */
  get underWay(): boolean {
    return this.#taken > 0;
  }

  /** What was given to the socket so far ends where a PDU ends, so another PDU may follow. */
  get atPduBoundary(): boolean {
    return this.#handedWholePdus;
  }

  /**
   * A place for `bytes` of header in one piece, or -1 while there is no room for them and for `segments` segments.
   * Nothing is taken until `pushHeader`; the next `reserve` may return the same place.
   */
  reserve(bytes: number, segments: number): number {
    if (this.#count + segments > this.#capacity) return -1;
    if (this.#used === 0) this.#tail = 0;
    const toEnd = this.#stagingBytes - this.#tail;
    if (bytes <= toEnd) return this.#used + bytes <= this.#stagingBytes ? this.#staging + this.#tail : -1;
    return this.#used + toEnd + bytes <= this.#stagingBytes ? this.#staging : -1;
  }

  /** Queues header bytes written at a reserved place. `endsPdu`: nothing of the same PDU follows. */
  pushHeader(place: number, bytes: number, endsPdu: boolean): void {
    const offset = place - this.#staging;
    const skipped = offset === this.#tail ? 0 : this.#stagingBytes - this.#tail;
    assert(offset === this.#tail || offset === 0, 'a header was not written where room was reserved');
    this.#tail = offset + bytes;
    this.#used += bytes + skipped;
    this.queuedBytes += bytes;
    if (this.#count > this.#taken) {
      const last = (this.#head + this.#count - 1) & this.#mask;
      const lastEnd = this.#place[last]! + this.#length[last]!;
      if (this.#cookie[last] === noCookie && lastEnd === place && skipped === 0) {
        this.#length[last] = this.#length[last]! + bytes;
        this.#consumed[last] = this.#consumed[last]! + bytes;
        this.#ends[last] = endsPdu ? 1 : 0;
        return;
      }
    }
    this.#push(place, bytes, noCookie, bytes + skipped, endsPdu);
  }

  /** Queues payload. `cookie` (at least 0) comes back through `SentSink.onSent` when its memory is free of the send. */
  pushPayload(place: number, bytes: number, cookie: number, endsPdu: boolean): void {
    this.queuedBytes += bytes;
    this.#push(place, bytes, cookie, 0, endsPdu);
  }

  #push(place: number, bytes: number, cookie: number, consumed: number, endsPdu: boolean): void {
    assert(this.#count < this.#capacity, 'more segments were queued than reserved');
    const index = (this.#head + this.#count) & this.#mask;
    this.#place[index] = place;
    this.#length[index] = bytes;
    this.#cookie[index] = cookie;
    this.#consumed[index] = consumed;
    this.#ends[index] = endsPdu ? 1 : 0;
    this.#count += 1;
  }

  /** Gathers the next batch in `places` and `lengths` and returns its number of segments; 0 if nothing waits. */
  take(): number {
    assert(this.#taken === 0, 'two sends of one connection at once');
    let bytes = 0;
    let taken = 0;
    while (taken < this.#count && taken < maxSegments) {
      const index = (this.#head + taken) & this.#mask;
      const length = this.#length[index]!;
      if (taken > 0 && bytes + length > maxBatchBytes) break;
      this.places[taken] = this.#place[index]!;
      this.lengths[taken] = length;
      bytes += length;
      taken += 1;
    }
    if (taken > 0) this.#handedWholePdus = this.#ends[(this.#head + taken - 1) & this.#mask] === 1;
    this.#taken = taken;
    this.handedBytes += bytes;
    return taken;
  }

  /** The batch is sent. `sink` may queue more from inside. */
  done(sink: SentSink): void {
    const taken = this.#taken;
    // Nothing may join the batch from here on: it is taken off the ring one by one.
    for (let left = taken; left > 0; left -= 1) {
      const index = this.#head;
      const cookie = this.#cookie[index]!;
      this.#used -= this.#consumed[index]!;
      this.#head = (index + 1) & this.#mask;
      this.#count -= 1;
      this.#taken -= 1;
      if (cookie !== noCookie) sink.onSent(cookie);
    }
  }

  /** Forgets what the socket does not have yet. Its cookies are not reported. */
  dropWaiting(): void {
    let freed = 0;
    for (let at = this.#taken; at < this.#count; at += 1) {
      const index = (this.#head + at) & this.#mask;
      freed += this.#consumed[index]!;
      this.queuedBytes -= this.#length[index]!;
    }
    this.#used -= freed;
    // `freed` counts skipped bytes too, so going back by it, around the end, leads to the end of the last kept header.
    this.#tail = (this.#tail - freed + this.#stagingBytes) % this.#stagingBytes;
    this.#count = this.#taken;
  }

  /** Forgets everything; only when no send is under way in the kernel. Positions go on growing. */
  reset(): void {
    this.#count = 0;
    this.#taken = 0;
    this.#used = 0;
    this.#tail = 0;
    this.#handedWholePdus = true;
    // What was queued and never handed stays "never handed": the next position begins behind it.
    this.handedBytes = this.queuedBytes;
  }

  /** Gives the staging memory back. */
  release(): void {
    this.#memory.free(this.#staging);
  }
}
