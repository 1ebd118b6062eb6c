import type { Timer } from './contract.ts';
import { LoopDeferred } from './deferred.ts';

/** A TimerSet, or what stands for one. */
interface TimerMaker {
  make(fire: () => void): Timer;
}

/** One sleeper: a timer that the next one who sleeps uses again. */
class Sleep {
  readonly #timer: Timer;
  #deferred: LoopDeferred<void> | null = null;

  constructor(timers: TimerMaker, back: (sleep: Sleep) => void) {
    this.#timer = timers.make(() => {
      const deferred = this.#deferred;
      this.#deferred = null;
      back(this);
      deferred?.resolve();
    });
  }

  start(milliseconds: number, onSettled: () => void): Promise<void> {
    const deferred = new LoopDeferred<void>(onSettled);
    this.#deferred = deferred;
    this.#timer.arm(milliseconds);
    return deferred.promise;
  }
}

/** Makes `Io.sleep` out of a loop's timers. `onSettled` as in LoopDeferred. */
export class Sleeps {
  readonly #timers: TimerMaker;
  readonly #onSettled: () => void;
  readonly #idle: Sleep[] = [];

  constructor(timers: TimerMaker, onSettled: () => void) {
    this.#timers = timers;
    this.#onSettled = onSettled;
  }

  sleep(milliseconds: number): Promise<void> {
    const sleep = this.#idle.pop() ?? new Sleep(this.#timers, (idle) => this.#idle.push(idle));
    return sleep.start(milliseconds, this.#onSettled);
  }
}
