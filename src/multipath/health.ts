/**
 * Which paths are suspect: commands lie on them and nothing comes back, or one of them has been lying there for much longer
 * than any on the others, while something does come back over others. A suspect path gets no new I/O as long as a better
 * one lives; it is judged by its keep-alive and I/O timeouts as before. Where nothing comes back over any path it is the
 * array, or we ourselves, and no path is suspect; where all paths have old commands it is the array too.
 *
 * Nothing is done for this while commands come and go: a look now and then compares how many have ended, and how old those
 * under way are.
 */
import type { Part } from '../fabric/contract.ts';
import type { Member } from './member.ts';

export interface HealthOptions {
  /** Nothing came back for so long while other paths answered, or not the oldest command; milliseconds. 0: no path is ever suspect. 300. */
  readonly suspectAfter?: number;
}

export const defaultSuspectAfter = 300;
/** Looks in that time. */
const looks = 3;
/** A path stays suspect for so long after something came back over it, or after nothing was left on it. Milliseconds. */
const calmTime = 2_000;
/** A path's oldest command is suspect if it is so many times as old as the oldest on any other path that answers. */
const contrast = 4;

export class Health {
  #suspectAfter = Number.NaN; // starts as a double, so that the field's representation never changes
  /** When the next look is due; 0: nothing is under way that would need one. */
  #nextAt = Number.NaN;
  #lastAt = Number.NaN;
  /** Ages count from here at the earliest: moved by our own stalls. */
  #judgeFrom = Number.NaN;
  readonly #parts: readonly Part[];
  /** Since when there has been something to look at. */
  #begunAt = Number.NaN;

  /** @param parts those that can be under way */
  constructor(options: HealthOptions, parts: readonly Part[]) {
    this.#parts = parts;
    this.#judgeFrom = 0;
    this.#suspectAfter = options.suspectAfter ?? defaultSuspectAfter;
    this.#nextAt = 0;
    this.#lastAt = 0;
    this.#begunAt = 0;
  }

  /**
   * Another rule from now on. Who is suspect by the old one alone is not any more; who is by the new one will be found
   * by the next look, as soon as the new rule can tell.
   * @param changed is called for each path that is not suspect any more
   * @returns when to look next, Infinity if nothing needs it
   */
  change(
    { suspectAfter = defaultSuspectAfter }: HealthOptions,
    members: readonly (Member | undefined)[],
    now: number,
    changed: (member: Member) => void,
  ): number {
    const before = this.#suspectAfter;
    if (suspectAfter === before) return Number.POSITIVE_INFINITY;
    this.#suspectAfter = suspectAfter;
    let needed = false;
    for (const member of members) {
      if (member === undefined) continue;
      const longest = Math.max(this.#quietFor(member, now), member.oldest);
      if (member.suspect && (suspectAfter === 0 || (longest >= before && longest < suspectAfter))) {
        member.suspect = false;
        changed(member);
      }
      if (member.suspect || member.path.inFlight > 0) needed = true;
    }
    if (!needed || suspectAfter === 0) {
      this.#nextAt = 0;
      return Number.POSITIVE_INFINITY;
    }
    if (this.#nextAt === 0) return this.begin(now);
    this.#lastAt = now;
    this.#nextAt = now + this.#interval;
    return this.#nextAt;
  }

  /** Nobody looks, although something is under way: the caller sees to it that `look` is called at the time returned. */
  get isIdle(): boolean {
    return this.#nextAt === 0 && this.#suspectAfter > 0;
  }

  begin(now: number): number {
    this.#lastAt = now;
    this.#begunAt = now;
    this.#nextAt = now + this.#interval;
    return this.#nextAt;
  }

  /** How long commands have been lying on it and none came back: no longer than somebody looked. */
  #quietFor(member: Member, now: number): number {
    return now - Math.max(member.quietSince, this.#begunAt);
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
    if (stalled) this.#judgeFrom = now;
    let moving = false;
    let needed = false;
    for (const member of members) {
      if (member === undefined) continue;
      member.moved = member.ended !== member.endedBefore;
      member.endedBefore = member.ended;
      if (member.moved || stalled || member.path.inFlight === 0 || !member.open) member.quietSince = now;
      if (member.moved) moving = true;
      if (member.path.inFlight > 0 || member.suspect) needed = true;
    }
    this.#findOldest(members, now);
    for (const member of members) {
      if (member === undefined) continue;
      const isBehind = member.oldest >= this.#suspectAfter && member.oldest >= contrast * oldestBeside(member, members);
      this.#judge(member, now, isBehind, moving, changed);
    }
    this.#nextAt = needed ? now + this.#interval : 0;
    return needed ? this.#nextAt : Number.POSITIVE_INFINITY;
  }

  #findOldest(members: readonly (Member | undefined)[], now: number): void {
    for (const member of members) if (member !== undefined) member.oldest = 0;
    for (const { underWay, pathIndex, startedAt } of this.#parts) {
      const member = underWay ? members[pathIndex] : undefined;
      if (member === undefined) continue;
      const age = now - Math.max(startedAt, this.#judgeFrom);
      if (age > member.oldest) member.oldest = age;
    }
  }

  #judge(member: Member, now: number, isBehind: boolean, othersMove: boolean, changed: (member: Member) => void): void {
    const isQuiet = this.#quietFor(member, now) >= this.#suspectAfter;
    if ((isQuiet || isBehind) && othersMove) {
      member.calmSince = now;
      if (member.suspect) return;
      member.suspect = true;
    } else {
      // As long as commands lie on it without an answer it is not trusted, whatever the others do.
      if (isQuiet || member.oldest >= this.#suspectAfter) member.calmSince = now;
      if (!member.suspect || now - member.calmSince < calmTime) return;
      member.suspect = false;
    }
    changed(member);
  }
}

/** The oldest command on the other paths that answer and are not suspect themselves; infinite where no other answers. */
function oldestBeside(member: Member, members: readonly (Member | undefined)[]): number {
  let oldest = Number.POSITIVE_INFINITY;
  for (const other of members) {
    if (other === undefined || other === member || !other.moved || other.suspect) continue;
    oldest = oldest === Number.POSITIVE_INFINITY ? other.oldest : Math.max(oldest, other.oldest);
  }
  return oldest;
}
