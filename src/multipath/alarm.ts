import type { Io, Timer } from '../io/contract.ts';

/** One timer for everything that is due some time: it goes off for the earliest, and its owner arms it for the rest. */
export class Alarm {
  readonly #io: Io;
  readonly #timer: Timer;
  #at = Number.NaN; // starts as a double, so that the field's representation never changes

  constructor(io: Io, fire: () => void) {
    this.#io = io;
    this.#timer = io.timer(fire);
    this.#at = 0;
  }

  /** Goes off at `at` (the reactor's clock) at the latest. */
  arm(at: number): void {
    if (this.#timer.armed && this.#at <= at) return;
    this.#at = at;
    this.#timer.arm(Math.max(0, at - this.#io.clock.now()));
  }

  disarm(): void {
    this.#timer.disarm();
  }
}
