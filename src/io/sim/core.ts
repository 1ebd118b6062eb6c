import type { Random } from '../../base/random.ts';
import type { Clock } from '../contract.ts';
import { TimerSet } from '../timers.ts';

/** The virtual clock starts here, not at 0, so that a time of 0 never looks like a real one. Milliseconds. */
export const worldStart = 1000;

/**
 * What everything in a world shares: its virtual time, its one source of chance and its queue of events. Time moves
 * only between events, in `World`.
 */
export class Core implements Clock {
  readonly seed: number;
  readonly random: Random;
  /** Everything that will happen: each event is a timer, ordered by due time, then by when it was armed. */
  readonly events: TimerSet;
  /** Control work was settled: promises are due before the next event. */
  controlDue = false;
  #now = Number.NaN;

  constructor(seed: number, random: Random) {
    this.seed = seed;
    this.random = random;
    this.#now = worldStart;
    this.events = new TimerSet(this);
  }

  /** Milliseconds of virtual time. */
  now(): number {
    return this.#now;
  }

  advance(to: number): void {
    if (to > this.#now) this.#now = to;
  }

  /** A number of milliseconds from `min` to `max`, by seed. */
  between(min: number, max: number): number {
    return min + (max - min) * this.random.float();
  }

  /** True once in `times`, by seed. */
  oneIn(times: number): boolean {
    return this.random.below(times) === 0;
  }

  readonly onSettled = (): void => {
    this.controlDue = true;
  };
}
