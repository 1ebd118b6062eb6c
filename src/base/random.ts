import { assert } from './assert.ts';

const TWO_32 = 0x1_0000_0000;
/** Rounds after seeding until the four state words are well mixed; the generator's author uses 12 for three words. */
const WARM_UP = 15;

/**
 * Seeded random numbers: the same seed gives the same sequence on every host. The generator is sfc32 (128 bits of
 * state, passes PractRand). Not for secrets.
 */
export class Random {
  readonly #state = new Uint32Array(4);

  /** `seed` is a whole number from 0 to 2^53 - 1; all of its bits count. */
  constructor(seed: number) {
    assert(Number.isSafeInteger(seed) && seed >= 0, 'a seed is a whole number of at least 0');
    this.#state[0] = Math.floor(seed / TWO_32);
    this.#state[1] = seed;
    this.#state[2] = 0x9e3779b9;
    this.#state[3] = 1;
    for (let round = 0; round < WARM_UP; round += 1) this.nextUint32();
  }

  /** A whole number from 0 to 2^32 - 1. */
  nextUint32(): number {
    const state = this.#state;
    const a = state[0]!;
    const b = state[1]!;
    const c = state[2]!;
    const counter = state[3]!;
    const result = (a + b + counter) >>> 0;
    state[0] = b ^ (b >>> 9);
    state[1] = c + (c << 3);
    state[2] = ((c << 21) | (c >>> 11)) + result;
    state[3] = counter + 1;
    return result;
  }

  /** A whole number from 0 to `bound` - 1, all equally likely; `bound` is from 1 to 2^32. */
  below(bound: number): number {
    assert(Number.isInteger(bound) && bound >= 1 && bound <= TWO_32, 'a bound is from 1 to 2^32');
    // The last, incomplete stretch of multiples would favour small numbers: draw again there (less than half the time).
    const limit = TWO_32 - (TWO_32 % bound);
    let drawn = this.nextUint32();
    while (drawn >= limit) drawn = this.nextUint32();
    return drawn % bound;
  }

  /** At least 0 and below 1, with 53 random bits. */
  float(): number {
    const high = this.nextUint32() >>> 5;
    const low = this.nextUint32() >>> 6;
    return (high * 0x400_0000 + low) / 0x20_0000_0000_0000;
  }
}
