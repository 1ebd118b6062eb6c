import type { NativePath } from '../fabric/contract.ts';
import { PartList } from './job.ts';
import { Comebacks, type ComebackOptions } from './comebacks.ts';
import {
  type Access,
  type PathFacts,
  type PathRank,
  pathRank,
  type PathState,
  pathState,
  pathStateNames,
} from './state.ts';
import { DeviceStatistics, pathCounter } from './statistics.ts';

/** One path as a member of a multipath device, on one reactor: the facts of its state, and what waits for it alone. */
export class Member implements PathFacts {
  readonly index: number;
  readonly path: NativePath;
  disabled = false;
  removed = false;
  wasOpen = false;
  access: Access = 'optimized';
  /**
   * The array answered a command with a path error. No more is sent until the array's state was read again or a while
   * has passed: otherwise a failing path would be asked again and again without pause.
   */
  paused = false;
  pausedUntil = Number.NaN;
  /** Parts that must go over this very path (flush of its controller's cache). */
  readonly own = new PartList();
  /** How it comes and goes. */
  readonly comebacks: Comebacks;
  /** What `Health` thinks of it, and what that goes by. */
  suspect = false;
  /** Parts that came back over it, as a number that wraps; and what that was at the last look. */
  ended = 0;
  endedBefore = 0;
  /** Something came back over it between the last two looks. */
  moved = false;
  /** Since when commands have been lying on it and none came back; milliseconds of the reactor's clock. */
  quietSince = Number.NaN;
  calmSince = Number.NaN;
  /** How long the oldest command on it has been under way, as of the last look; milliseconds. */
  oldest = Number.NaN;
  /** Since when it has not been open; milliseconds of the reactor's clock. */
  lostAt = Number.NaN;
  state: PathState = 'connecting';
  #seenOpen = false;
  readonly statistics: DeviceStatistics;
  readonly base: number;

  constructor(index: number, path: NativePath, statistics: DeviceStatistics, comebacks: ComebackOptions) {
    this.index = index;
    this.path = path;
    this.statistics = statistics;
    this.base = DeviceStatistics.pathBase(index);
    this.pausedUntil = 0;
    this.comebacks = new Comebacks(comebacks);
    this.quietSince = 0;
    this.calmSince = 0;
    this.oldest = 0;
    this.lostAt = Number.POSITIVE_INFINITY;
  }

  /** Takes over what was said of the path that was in its place, and what waits for it. */
  inherit(before: Member): void {
    this.disabled = before.disabled;
    this.access = before.access;
    this.own.take(before.own);
  }

  get open(): boolean {
    return this.path.open;
  }

  get onProbation(): boolean {
    return this.comebacks.onProbation;
  }

  /** Derives the state from the facts as of now (the reactor's clock); true if it changed. */
  refresh(now: number): boolean {
    if (this.path.open !== this.#seenOpen) {
      this.#seenOpen = this.path.open;
      this.suspect = false;
      if (!this.path.open) this.comebacks.lost(now);
      else if (this.wasOpen) this.comebacks.cameBack(now);
    }
    if (this.path.open) {
      this.wasOpen = true;
      this.lostAt = Number.POSITIVE_INFINITY;
    } else {
      this.lostAt = Math.min(this.lostAt, now);
    }
    const before = this.state;
    this.state = pathState(this);
    this.statistics.set(this.base + pathCounter.state, pathStateNames.indexOf(this.state));
    return this.state !== before;
  }

  get rank(): PathRank {
    return this.paused ? 0 : pathRank(this.state);
  }
}
