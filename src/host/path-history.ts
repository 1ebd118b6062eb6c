/**
 * The states that a path was in, with time and reason: the last ones each, all of them in sum. Kept by the main thread.
 * A path whose state changed often takes about 3 KiB here.
 */
import { defined } from '../base/assert.ts';
import { type PathState, pathStates } from '../multipath/state.ts';

/** Changes that are remembered of one path. */
export const keptChanges = 32;

export interface PathChange {
  readonly state: PathState;
  /** Since when (ISO 8601). */
  readonly at: string;
  /** Milliseconds for which it was in that state; of the last one, until now. */
  readonly lasted: number;
  /** In words, why it came to that state, where that is known. */
  readonly reason: string;
}

export interface PathHistoryView {
  readonly losses: number;
  /** How often its state changed since attach. */
  readonly changes: number;
  /** Milliseconds that it has been in each state; states that it never was in are missing. */
  readonly time: Readonly<Partial<Record<PathState, number>>>;
  /** The last ones, oldest first. */
  readonly last: readonly PathChange[];
}

/** When something happens, milliseconds: since 1970 for people, and by a clock that nobody sets. */
export interface Moment {
  readonly date: number;
  readonly clock: number;
}

interface Entry extends Moment {
  readonly state: PathState;
  reason: string;
}

export class PathHistory {
  /** How often it was lost. */
  losses = 0;
  /** A ring: change number n stands at n modulo its length. */
  readonly #entries: Entry[] = [];
  #changes = 0;
  /** Of the states that are over. */
  readonly #time: Partial<Record<PathState, number>> = {};

  constructor(state: PathState, now: Moment) {
    this.#entries.push({ state, date: now.date, clock: now.clock, reason: '' });
  }

  get #current(): Entry {
    return defined(this.#entries[this.#changes % keptChanges], 'a state');
  }

  get state(): PathState {
    return this.#current.state;
  }

  get since(): Date {
    return new Date(this.#current.date);
  }

  /** It is in another state now. */
  change(state: PathState, now: Moment, reason: string): void {
    const before = this.#current;
    this.#time[before.state] = (this.#time[before.state] ?? 0) + now.clock - before.clock;
    this.#changes += 1;
    if (state === 'down') this.losses += 1;
    this.#entries[this.#changes % keptChanges] = { state, date: now.date, clock: now.clock, reason: '' };
    this.explain(reason);
  }

  /** Word of the reason may come after the change. The first is why it happened; later ones tell of attempts to mend it. */
  explain(reason: string): void {
    const current = this.#current;
    // A path that carries I/O needs none, and the administrator has his own.
    const needsNone = pathStates[current.state].carries !== 0 || current.state === 'disabled';
    if (current.reason === '' && !needsNone) current.reason = reason;
  }

  view(now: Moment): PathHistoryView {
    const { state, clock } = this.#current;
    const time = { ...this.#time };
    time[state] = (time[state] ?? 0) + now.clock - clock;
    const last: PathChange[] = [];
    for (let number = Math.max(0, this.#changes - keptChanges + 1); number <= this.#changes; number += 1) {
      const entry = defined(this.#entries[number % keptChanges], 'a change');
      const next = number === this.#changes ? now : defined(this.#entries[(number + 1) % keptChanges], 'a change');
      const { state: was, date, reason } = entry;
      last.push({ state: was, at: new Date(date).toISOString(), lasted: next.clock - entry.clock, reason });
    }
    return { losses: this.losses, changes: this.#changes, time, last };
  }
}
