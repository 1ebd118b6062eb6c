import { assert } from './assert.ts';

/** Each power of two is cut into this many buckets of equal width, so a value is known to 1/32, about 3 %. */
const SUB_BITS = 5;
const SUB_BUCKETS = 1 << SUB_BITS;
/** Larger values are counted in the last bucket. In nanoseconds 39 hours, in bytes 128 TiB. */
const MAX_BITS = 47;
const BUCKETS = (MAX_BITS - SUB_BITS + 1) * SUB_BUCKETS;
/** Values from here on do not fit 32-bit arithmetic; they are scaled down by WIDE_SHIFT bits first. */
const WIDE = 2 ** 31;
const WIDE_SHIFT = 16;

/** Words after the buckets. */
const SUM = BUCKETS;
const MAX = BUCKETS + 1;

/** How many 64-bit words a histogram takes; eight bytes each. */
export const histogramWords = BUCKETS + 2;

/**
 * Counts how often values occurred, in buckets whose width grows with the value (log-linear). Values are whole
 * numbers of any unit, usually nanoseconds. Recording is a few nanoseconds and allocates nothing. It may stand on shared
 * memory: one thread records, others read; a reader may miss the latest values but never sees a torn count.
 */
export class Histogram {
  readonly #words: Float64Array;

  /** @param words memory to stand on, `histogramWords` long, zeroed or recorded into before; its own by default */
  constructor(words: Float64Array = new Float64Array(histogramWords)) {
    assert(words.length === histogramWords, 'a histogram stands on exactly histogramWords words');
    this.#words = words;
  }

  /** Counts one value, at least 0; a fraction is cut off. Negative and NaN count as 0. */
  record(value: number): void {
    const words = this.#words;
    const clean = value > 0 ? value : 0;
    const index = bucketOf(clean);
    words[index] = words[index]! + 1;
    words[SUM] = words[SUM]! + clean;
    if (clean > words[MAX]!) words[MAX] = clean;
  }

  get count(): number {
    let count = 0;
    for (let index = 0; index < BUCKETS; index += 1) count += this.#words[index]!;
    return count;
  }

  /** Largest value recorded; 0 if there is none. */
  get max(): number {
    return this.#words[MAX]!;
  }

  /** Sum of all values recorded. */
  get sum(): number {
    return this.#words[SUM]!;
  }

  /**
   * The value that `percent` of all recorded values (0 to 100) do not exceed: the upper end of its bucket, so never too
   * small and at most 1/32 too large. 0 if nothing was recorded.
   */
  percentile(percent: number): number {
    const index = rankedBucket(this.#words, BUCKETS, percent);
    return index === BUCKETS - 1 ? this.max : Math.min(logLinearEnd(index, SUB_BITS), this.max);
  }

  /** Adds everything that `other` counted. */
  merge(other: Histogram): void {
    const words = this.#words;
    for (let index = 0; index <= SUM; index += 1) {
      words[index] = words[index]! + other.#words[index]!;
    }
    words[MAX] = Math.max(this.max, other.max);
  }

  clear(): void {
    this.#words.fill(0);
  }
}

function bucketOf(value: number): number {
  if (value < WIDE) return logLinearBucket(value | 0, SUB_BITS);
  // Scaling down by a power of two moves the bucket by whole rows: the result is exact.
  const scaled = Math.floor(value / 2 ** WIDE_SHIFT);
  if (scaled >= WIDE) return BUCKETS - 1;
  return logLinearBucket(scaled, SUB_BITS) + WIDE_SHIFT * SUB_BUCKETS;
}

/**
 * The bucket of a whole number from 0 to 2^31 - 1, where each power of two is cut into 2^`subBits` of equal width. Below
 * 2^(`subBits` + 1) each value has its own bucket, which the formula gives as well.
 */
export function logLinearBucket(value: number, subBits: number): number {
  const shift = Math.max(0, 31 - subBits - Math.clz32(value));
  return (shift << subBits) + (value >>> shift);
}

/** The largest whole number that falls into this bucket. */
export function logLinearEnd(index: number, subBits: number): number {
  const shift = Math.max(0, (index >> subBits) - 1);
  return (index - (shift << subBits) + 1) * 2 ** shift - 1;
}

/** The first of the buckets with which `percent` (0 to 100) of all that they count is reached; the last if they are empty. */
export function rankedBucket(counts: Float64Array, buckets: number, percent: number): number {
  let count = 0;
  for (let index = 0; index < buckets; index += 1) count += counts[index]!;
  const rank = Math.max(1, Math.ceil((count * percent) / 100));
  let seen = 0;
  for (let index = 0; index < buckets; index += 1) {
    seen += counts[index]!;
    if (seen >= rank) return index;
  }
  return buckets - 1;
}
