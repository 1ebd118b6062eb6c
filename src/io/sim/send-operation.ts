import { assert } from '../../base/assert.ts';
import { maxSegments } from '../contract.ts';
import type { Pipe } from './pipe.ts';
import { Claim, type SimMemory } from './sim-memory.ts';

/**
 * The send of one socket: its segments, how far they were read, and a checksum of what they held when it was submitted.
 * If they hold something else when the owner is told, somebody changed memory that was not his: with a real kernel the
 * peer would have received either.
 */
export class SendOperation {
  readonly #memory: SimMemory;
  readonly #places = new Int32Array(maxSegments);
  readonly #lengths = new Int32Array(maxSegments);
  readonly #claims: Claim[] = [];
  #count = 0;
  #segment = 0;
  #within = 0;
  #checksum = 0;
  /** Bytes. */
  total = 0;

  constructor(memory: SimMemory) {
    this.#memory = memory;
  }

  begin(places: Int32Array, lengths: Int32Array, count: number): void {
    this.#count = count;
    this.#segment = 0;
    this.#within = 0;
    this.total = 0;
    for (let index = 0; index < count; index += 1) {
      const place = places[index];
      const length = lengths[index];
      assert(place !== undefined && length !== undefined && length > 0, 'a segment of a send is empty');
      let claim = this.#claims[index];
      if (claim === undefined) {
        claim = new Claim();
        this.#claims.push(claim);
      }
      this.#memory.claim(claim, 'send', place, length, false);
      this.#places[index] = place;
      this.#lengths[index] = length;
      this.total += length;
    }
    this.#checksum = this.#sum();
  }

  /** Everything was read. */
  get copied(): boolean {
    return this.#segment === this.#count;
  }

  /** Reads on as far as the pipe has room. */
  copyInto(pipe: Pipe): void {
    while (!this.copied) {
      const length = this.#lengths[this.#segment]!;
      const place = this.#places[this.#segment]! + this.#within;
      const taken = pipe.write(this.#memory.u8, place, length - this.#within);
      this.#within += taken;
      if (this.#within < length) return;
      this.#segment += 1;
      this.#within = 0;
    }
  }

  /** The memory is the owner's again. @throws CausewayError `assertion` if it was changed meanwhile */
  end(): void {
    for (let index = 0; index < this.#count; index += 1) this.#memory.release(this.#claims[index]!);
    assert(this.#sum() === this.#checksum, 'memory of a send was changed before the send was complete');
    this.#count = 0;
    this.#segment = 0;
  }

  #sum(): number {
    const { u8, u32 } = this.#memory;
    let sum = 1;
    for (let index = 0; index < this.#count; index += 1) {
      let at = this.#places[index]!;
      const end = at + this.#lengths[index]!;
      // Whole words where there are any: every byte of every send is looked at twice.
      for (; at % 4 !== 0 && at < end; at += 1) sum = (Math.imul(sum, 31) + u8[at]!) | 0;
      for (; at + 4 <= end; at += 4) sum = (Math.imul(sum, 31) + u32[at / 4]!) | 0;
      for (; at < end; at += 1) sum = (Math.imul(sum, 31) + u8[at]!) | 0;
    }
    return sum;
  }
}
