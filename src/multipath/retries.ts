/** The parts of a device that are to be sent again: at once, or later. */
import type { Part } from '../fabric/contract.ts';
import { PartList } from './job.ts';

export class Retries {
  /** As soon as a path takes them, in this order. */
  readonly now = new PartList();
  /** Later; `startedAt` says when. */
  readonly #later = new PartList();

  /** To be sent again at `at`, milliseconds of the reactor's clock. */
  postpone(part: Part, at: number): void {
    part.startedAt = at;
    this.#later.push(part);
  }

  /** Moves what is due to `now`; returns when the next one is, Infinity if none waits. */
  takeDue(now: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (let left = this.#later.size; left > 0; left -= 1) {
      const part = this.#later.shift()!;
      if (part.startedAt <= now) {
        this.now.push(part);
      } else {
        this.#later.push(part);
        next = Math.min(next, part.startedAt);
      }
    }
    return next;
  }

  /** The next part that waits for its time, taken out; null if there is none. */
  takePostponed(): Part | null {
    return this.#later.shift();
  }
}
