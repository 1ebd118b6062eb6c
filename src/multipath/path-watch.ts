/**
 * What becomes of the paths of a device on one reactor while time passes: facts that changed, pauses after errors,
 * probation and suspicion that begin and end. It changes which paths are chosen; what is sent over them is the device's.
 */
import type { Part } from '../fabric/contract.ts';
import type { Io } from '../io/contract.ts';
import type { Alarm } from './alarm.ts';
import { Health, type HealthOptions } from './health.ts';
import type { Member } from './member.ts';
import type { MultipathOptions } from './options.ts';
import type { PathSet } from './path-set.ts';
import { DeviceStatistics, pathCounter } from './statistics.ts';

/** How long a path that answered with a path error is left alone if the array says nothing. Milliseconds. */
const pauseTime = 1000;

export class PathWatch {
  readonly #io: Io;
  readonly #options: MultipathOptions;
  readonly #paths: PathSet;
  readonly #statistics: DeviceStatistics;
  readonly #alarm: Alarm;
  readonly #health: Health;
  /** Something changed which paths are chosen first. */
  #ranksChanged = false;
  readonly #onJudged = (member: Member): void => {
    this.#ranksChanged = true;
    this.refresh(member);
  };

  /** @param parts all parts of the device */
  constructor(
    io: Io,
    options: MultipathOptions,
    parts: readonly Part[],
    paths: PathSet,
    statistics: DeviceStatistics,
    alarm: Alarm,
  ) {
    this.#io = io;
    this.#options = options;
    this.#paths = paths;
    this.#statistics = statistics;
    this.#alarm = alarm;
    this.#health = new Health(options, parts);
  }

  /** The facts of a path changed: its state may have, too. */
  refresh(member: Member): void {
    if (member.refresh(this.#io.clock.now())) this.#options.onPathState?.(member);
    if (member.comebacks.endsByItself) this.#alarm.arm(member.comebacks.until);
  }

  /**
   * Other rules for probation (which the members have already) and suspicion. What is over by them ends now, and the
   * alarm is set for what is not.
   */
  setPolicy(policy: HealthOptions): void {
    const now = this.#io.clock.now();
    const { members } = this.#paths;
    let next = this.#health.change(policy, members, now, this.#onJudged);
    for (const member of members) if (member !== undefined) next = Math.min(next, this.#endWaits(member, now));
    for (const member of members) if (member !== undefined) this.refresh(member);
    this.#paths.rebuild();
    if (next !== Number.POSITIVE_INFINITY) this.#alarm.arm(next);
  }

  /** The array answered with a path error: nothing more is sent there for a while. */
  pause(member: Member): void {
    member.pausedUntil = this.#io.clock.now() + pauseTime;
    this.#alarm.arm(member.pausedUntil);
    if (member.paused) return;
    member.paused = true;
    this.#paths.rebuild();
    this.#options.onPathError?.(member);
  }

  /** A command on the path had to be called back: for a while others are chosen. Where there is none, the path goes on. */
  avoid(member: Member): void {
    if (member.paused) return;
    this.pause(member);
    if (this.#paths.alive) return;
    member.paused = false;
    this.#paths.rebuild();
  }

  /** On the data path: a command was given to the path, at `now`. */
  sent(index: number, now: number, inFlight: number): void {
    this.#paths.sent(index);
    if (this.#health.isIdle) this.#alarm.arm(this.#health.begin(now));
    this.#statistics.counters[DeviceStatistics.pathBase(index) + pathCounter.inFlight] = inFlight;
  }

  /** Does what is due; returns when it is to be called again, Infinity if nothing needs it. */
  look(now: number): number {
    const { members } = this.#paths;
    let next = Number.POSITIVE_INFINITY;
    this.#ranksChanged = false;
    for (const member of members) if (member !== undefined) next = Math.min(next, this.#endWaits(member, now));
    next = Math.min(next, this.#health.look(members, now, this.#onJudged));
    if (this.#ranksChanged) this.#paths.rebuild();
    return next;
  }

  /** Ends a pause or probation whose time is over; returns when the next one ends. */
  #endWaits(member: Member, now: number): number {
    const { comebacks } = member;
    if (comebacks.onProbation && comebacks.until <= now) {
      comebacks.end();
      this.#onJudged(member);
    }
    let next = comebacks.onProbation ? comebacks.until : Number.POSITIVE_INFINITY;
    if (!member.paused) return next;
    if (member.pausedUntil <= now) {
      member.paused = false;
      this.#ranksChanged = true;
    } else {
      next = Math.min(next, member.pausedUntil);
    }
    return next;
  }
}
