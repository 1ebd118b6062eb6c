/**
 * Ends what waits for a lost path, and for nothing else: writes that are held for the fence of its controller, and writes
 * into ranges that this controller may still write to. A path that has been lost for `fastIoFail` is not waited for any
 * longer, until it is back. What another path can do goes on; what waits for any path at all is `noPathRetry`'s matter, and
 * flushes that were bound to the path ended with it.
 *
 * Why that harms nobody. A write that waited for a range was not sent: it had no effect, and has none. One that was held
 * may still be executed, once: its range goes into quarantine before it is answered, and stays there until the fence, so
 * that nothing that is acknowledged later is undone. Where the quarantine has no room it is held on.
 */
import type { Ghosts } from './ghosts.ts';
import type { PartList } from './job.ts';
import type { Member } from './member.ts';
import type { PathSet } from './path-set.ts';

export interface FastFailOptions {
  /** Milliseconds after the loss of a path when what waits for it alone ends with an error; -1: never (default). */
  readonly fastIoFail?: number;
}

export const noFastFail = -1;

export class FastFail {
  readonly #paths: PathSet;
  readonly #ghosts: Ghosts;
  #after = noFastFail;
  #now = Number.NaN; // starts as a double, so that the field's representation never changes
  readonly #isGivenUp = (controller: number, epoch: number): boolean =>
    this.#paths.members.some(
      (member) =>
        member?.path.controller === controller && this.#dueAt(member) <= this.#now && epoch <= member.path.epoch,
    );

  constructor(paths: PathSet, ghosts: Ghosts, options: FastFailOptions) {
    this.#paths = paths;
    this.#ghosts = ghosts;
    this.#now = 0;
    this.setOptions(options);
  }

  /** At any time; the caller sees to it that `look` is called soon. */
  setOptions({ fastIoFail = noFastFail }: FastFailOptions): void {
    this.#after = fastIoFail;
    this.#ghosts.failsFast = this.isOn;
  }

  get isOn(): boolean {
    return this.#after >= 0;
  }

  /** Gives to `into` what is not waited for; returns when to look again, Infinity if nothing needs it. */
  look(now: number, into: PartList): number {
    let next = Number.POSITIVE_INFINITY;
    if (!this.isOn) return next;
    this.#now = now;
    let isDue = false;
    for (const member of this.#paths.members) {
      const dueAt = member === undefined ? next : this.#dueAt(member);
      if (dueAt > now) next = Math.min(next, dueAt);
      else isDue = true;
    }
    if (isDue) this.#ghosts.giveUp(into, this.#isGivenUp);
    return next;
  }

  /** When the path is given up: Infinity while it is not lost. */
  #dueAt({ path, lostAt }: Member): number {
    return path.open ? Number.POSITIVE_INFINITY : lostAt + this.#after;
  }
}
