/**
 * Which paths are suspect: commands lie on them and nothing comes back, while something does come back over others. A
 * suspect path gets no new I/O as long as a better one lives; it is judged by its keep-alive and I/O timeouts as before.
 * Where nothing comes back over any path it is the array, or we ourselves, and no path is suspect.
 *
 * No command is looked at for this: a look now and then compares how many have ended.
 */
import type { Member } from './member.ts';

export interface HealthOptions {
  /** Nothing came back for so long, milliseconds; 0: no path is ever suspect. */
  readonly suspectAfter?: number;
}

export const defaultSuspectAfter = 300;
/** Looks in that time. */
const looks = 3;
/** A path stays suspect for so long after something came back over it, or after nothing was left on it. Milliseconds. */
const calmTime = 2_000;

export class Health {
  readonly #suspectAfter: number;
  /** When the next look is due; 0: nothing is under way that would need one. */
  #nextAt = Number.NaN; // starts as a double, so that the field's representation never changes
  #lastAt = Number.NaN;

  constructor(options: HealthOptions) {
    this.#suspectAfter = options.suspectAfter ?? defaultSuspectAfter;
    this.#nextAt = 0;
    this.#lastAt = 0;
  }

  /** Nobody looks, although something is under way: the caller sees to it that `look` is called at the time returned. */
  get isIdle(): boolean {
    return this.#nextAt === 0 && this.#suspectAfter > 0;
  }

  begin(now: number): number {
    this.#lastAt = now;
    this.#nextAt = now + this.#interval;
    return this.#nextAt;
  }

  get #interval(): number {
    return this.#suspectAfter / looks;
  }

  /**
   * Looks at the paths if it is time to; returns when it is the next time, Infinity if nothing needs it.
   * @param changed is called for each path that became suspect or is not any more
   */
  look(members: readonly (Member | undefined)[], now: number, changed: (member: Member) => void): number {
    if (this.#nextAt === 0) return Number.POSITIVE_INFINITY;
    if (now < this.#nextAt) return this.#nextAt;
    // We ourselves stood still: nobody could have answered, so nobody is judged by this look.
    const stalled = now - this.#lastAt > 2 * this.#interval + 50;
    this.#lastAt = now;
    let moving = false;
    let needed = false;
    for (const member of members) {
      if (member === undefined) continue;
      const moved = member.ended !== member.endedBefore;
      member.endedBefore = member.ended;
      if (moved || stalled || member.path.inFlight === 0 || !member.open) member.quietSince = now;
      if (moved) moving = true;
      if (member.path.inFlight > 0 || member.suspect) needed = true;
    }
    for (const member of members) if (member !== undefined) this.#judge(member, now, moving, changed);
    this.#nextAt = needed ? now + this.#interval : 0;
    return needed ? this.#nextAt : Number.POSITIVE_INFINITY;
  }

  #judge(member: Member, now: number, othersMove: boolean, changed: (member: Member) => void): void {
    const isQuiet = now - member.quietSince >= this.#suspectAfter;
    if (isQuiet && othersMove) {
      member.calmSince = now;
      if (member.suspect) return;
      member.suspect = true;
    } else {
      // As long as commands lie on it without an answer it is not trusted, whatever the others do.
      if (isQuiet) member.calmSince = now;
      if (!member.suspect || now - member.calmSince < calmTime) return;
      member.suspect = false;
    }
    changed(member);
  }
}
