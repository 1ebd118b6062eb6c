/**
 * The timers of one loop: a binary heap of the armed ones, ordered by when they are due, and among equals by when they
 * were armed. Arming, moving and disarming allocate nothing once the heap has reached its size.
 */
import { assert } from '../base/assert.ts';
import type { Clock, Timer } from './contract.ts';

/** Where a timer that is not armed stands in the heap. */
const NOWHERE = -1;

class HeapTimer implements Timer {
  readonly fire: () => void;
  readonly #set: TimerSet;
  place = NOWHERE;
  /** Milliseconds of the loop's clock; doubles from the start, so that the fields' representation never changes. */
  due = Number.NaN;
  sequence = Number.NaN;

  constructor(set: TimerSet, fire: () => void) {
    this.#set = set;
    this.fire = fire;
  }

  get armed(): boolean {
    return this.place !== NOWHERE;
  }

  arm(milliseconds: number): void {
    this.#set.arm(this, milliseconds);
  }

  disarm(): void {
    this.#set.disarm(this);
  }
}

/** True if `one` has to fire before `other`. */
function before(one: HeapTimer, other: HeapTimer): boolean {
  return one.due < other.due || (one.due === other.due && one.sequence < other.sequence);
}

export class TimerSet {
  readonly #clock: Clock;
  /** Places from `#size` on are null. */
  readonly #heap: (HeapTimer | null)[] = [];
  #size = 0;
  #sequence = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Makes a timer. One that is not armed and that nobody refers to any more is simply collected. */
  make(fire: () => void): Timer {
    return new HeapTimer(this, fire);
  }

  /** How many timers are armed. */
  get armed(): number {
    return this.#size;
  }

  /** When the next timer is due, in milliseconds of the clock; Infinity if none is armed. */
  nextDue(): number {
    return this.#heap[0]?.due ?? Number.POSITIVE_INFINITY;
  }

  /**
   * Fires every timer that is due at `now`, in order; returns how many. A timer armed while this runs fires in the next
   * call at the earliest, even if it is due at once: one that arms itself with 0 cannot hold the loop. It stands behind
   * all others that are due, because `now` is never later than the clock it was armed by.
   */
  runDue(now: number): number {
    const first = this.#sequence;
    let fired = 0;
    for (;;) {
      const timer = this.#heap[0] ?? null;
      if (timer === null || timer.due > now || timer.sequence >= first) return fired;
      this.disarm(timer);
      fired += 1;
      timer.fire();
    }
  }

  /** For `Timer.arm`. */
  arm(timer: HeapTimer, milliseconds: number): void {
    assert(milliseconds >= 0 && milliseconds < Number.POSITIVE_INFINITY, 'a timer is armed for 0 or more milliseconds');
    const moved = timer.place !== NOWHERE;
    timer.due = this.#clock.now() + milliseconds;
    timer.sequence = this.#sequence;
    this.#sequence += 1;
    if (!moved) {
      this.#put(timer, this.#size);
      this.#size += 1;
      this.#up(timer);
      return;
    }
    this.#up(timer);
    this.#down(timer);
  }

  /** For `Timer.disarm`. */
  disarm(timer: HeapTimer): void {
    const place = timer.place;
    if (place === NOWHERE) return;
    timer.place = NOWHERE;
    this.#size -= 1;
    const last = this.#heap[this.#size]!;
    this.#heap[this.#size] = null;
    if (last === timer) return;
    this.#put(last, place);
    this.#up(last);
    this.#down(last);
  }

  #put(timer: HeapTimer, place: number): void {
    this.#heap[place] = timer;
    timer.place = place;
  }

  #up(timer: HeapTimer): void {
    let place = timer.place;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = this.#heap[above]!;
      if (!before(timer, parent)) break;
      this.#put(parent, place);
      place = above;
    }
    this.#put(timer, place);
  }

  #down(timer: HeapTimer): void {
    let place = timer.place;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= this.#size) break;
      let child = this.#heap[below]!;
      const right = below + 1 < this.#size ? this.#heap[below + 1]! : child;
      if (right !== child && before(right, child)) {
        child = right;
        below += 1;
      }
      if (!before(child, timer)) break;
      this.#put(child, place);
      place = below;
    }
    this.#put(timer, place);
  }
}
