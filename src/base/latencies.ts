/**
 * Latencies counted in few buckets: for every path of every device, where a `Histogram` of 11 KiB would be too large.
 * Reactors count at some place of an array of doubles in shared memory, with one writer for each place; who wants to know
 * adds the places up in a `Latencies` of his own. He may miss the latest ones, and never sees a torn count.
 *
 * Buckets are doubles: counts of 32 bits would start again from 0 after an hour of a million requests a second.
 */
import { logLinearBucket, logLinearEnd, rankedBucket } from './histogram.ts';

/** Each power of two of microseconds is cut into four: a latency is known to a quarter. */
const subBits = 2;
/** The last bucket begins at 117 s and takes whatever is longer, too. */
const topBit = 26;
const buckets = (topBit - subBits + 2) << subBits;
const limit = 2 ** (topBit + 1);

/** Words after the buckets: the sum of all, and the longest; milliseconds. */
export const sumWord = buckets;
export const maxWord = buckets + 1;

/** How many doubles one place takes: 104 buckets, the sum and the maximum; 848 bytes. */
export const latencyWords = buckets + 2;

/** Latencies from `from` on and below `to`, microseconds; `to` is null where there is no end. */
export interface LatencyBucket {
  readonly from: number;
  readonly to: number | null;
  readonly count: number;
}

/** Counts one at the place that begins at `at`. Negative and NaN count as 0. */
export function recordLatency(words: Float64Array, at: number, milliseconds: number): void {
  const clean = milliseconds > 0 ? milliseconds : 0;
  const microseconds = clean * 1000;
  const index = at + (microseconds < limit ? logLinearBucket(microseconds | 0, subBits) : buckets - 1);
  words[index] = words[index]! + 1;
  words[at + sumWord] = words[at + sumWord]! + clean;
  if (clean > words[at + maxWord]!) words[at + maxWord] = clean;
}

/** What was counted at some places, together. Microseconds. Control. */
export class Latencies {
  readonly #words = new Float64Array(latencyWords);

  /** Adds what was counted at a place. */
  add(words: Float64Array, at: number): void {
    const all = this.#words;
    for (let index = 0; index <= sumWord; index += 1) all[index] = all[index]! + words[at + index]!;
    all[maxWord] = Math.max(all[maxWord]!, words[at + maxWord]!);
  }

  get count(): number {
    let count = 0;
    for (let index = 0; index < buckets; index += 1) count += this.#words[index]!;
    return count;
  }

  get sum(): number {
    return this.#words[sumWord]! * 1000;
  }

  /** 0 if there is none. */
  get max(): number {
    return this.#words[maxWord]! * 1000;
  }

  /** What `percent` of them (0 to 100) do not exceed: the end of a bucket, so never too small, at most a quarter too large. */
  percentile(percent: number): number {
    const index = rankedBucket(this.#words, buckets, percent);
    return index === buckets - 1 ? this.max : Math.min(endOf(index), this.max);
  }

  /** The buckets in which there is something, from short to long. */
  get buckets(): LatencyBucket[] {
    const found: LatencyBucket[] = [];
    for (let index = 0; index < buckets; index += 1) {
      const count = this.#words[index]!;
      if (count === 0) continue;
      const from = index === 0 ? 0 : endOf(index - 1);
      found.push({ from, to: index === buckets - 1 ? null : endOf(index), count });
    }
    return found;
  }
}

/** Where the bucket ends, and the next one begins. */
function endOf(index: number): number {
  return logLinearEnd(index, subBits) + 1;
}
