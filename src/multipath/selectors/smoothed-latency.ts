import { maxPaths } from '../statistics.ts';

/** Below this, latencies are taken as equal: nobody is sent everything because nothing is known of him. Milliseconds. */
const floor = 0.02;
/** What a path is taken to need of which nothing is known, when nothing is known of the others either. Milliseconds. */
const unknown = 1;

/**
 * How long each path lately took, as a peak-sensitive average: a longer latency counts at once and wholly, a shorter one
 * pulls the average down over time. Everything is milliseconds of the reactor's clock.
 *
 * Time alone changes what is expected of a path, in two ways. An idle path fades towards nothing, so that it is tried
 * again however bad it was. A busy path that does not answer is taken to need at least as long as it has been silent, so
 * that one that hangs is left after as many milliseconds as the others need, long before any deadline.
 */
export class SmoothedLatency {
  /** By path, as of `heardAt`; -1 where nothing is known. */
  readonly values = new Float64Array(maxPaths).fill(-1);
  /** When the path last answered, or was given work after it had none. */
  readonly heardAt = new Float64Array(maxPaths);
  /** How long the past counts: after this time without a sample, two fifths of a value are left. Whole. */
  memory: number;

  constructor(memory: number) {
    this.memory = memory;
  }

  forget(index: number): void {
    this.values[index] = -1;
  }

  /** A path that comes, or comes back, begins as bad as the worst of the others: it has to earn its load. An event. */
  introduce(index: number, now: number): void {
    this.values[index] = -1;
    const worst = Math.max(...this.values);
    this.values[index] = worst < 0 ? unknown : worst;
    this.heardAt[index] = now;
  }

  /** An idle path gets work: its silence begins now. */
  began(index: number, now: number): void {
    const value = this.values[index]!;
    if (value > 0) this.values[index] = value * this.#faded(index, now);
    this.heardAt[index] = now;
  }

  /** The path answered. @param took how long the command was under way; below 0 if that says nothing of the path */
  heard(index: number, took: number, now: number): void {
    const value = this.values[index]!;
    if (took >= value) this.values[index] = took;
    else if (took >= 0) this.values[index] = took + (value - took) * this.#faded(index, now);
    this.heardAt[index] = now;
  }

  /** What a command may be expected to need on this path. */
  expected(index: number, busy: boolean, now: number): number {
    const value = this.values[index]!;
    const expected = busy ? Math.max(value, now - this.heardAt[index]!) : value * this.#faded(index, now);
    return Math.max(expected, floor);
  }

  /** What is left of the past: the exponential decay, by the first terms of its series, which cost less than a call. */
  #faded(index: number, now: number): number {
    const age = (now - this.heardAt[index]!) / this.memory;
    return 1 / (1 + age + 0.5 * age * age);
  }
}
