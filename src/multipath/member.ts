import type { NativePath } from '../fabric/contract.ts';
import { PartList } from './job.ts';
import { type Access, type PathFacts, pathRank, type PathState, pathState, pathStateNames } from './state.ts';
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
  /** Writes of unknown outcome, held until this path's controller is fenced. */
  readonly held = new PartList();
  /** Parts that must go over this very path (flush of its controller's cache). */
  readonly own = new PartList();
  state: PathState = 'connecting';
  readonly statistics: DeviceStatistics;
  readonly base: number;

  constructor(index: number, path: NativePath, statistics: DeviceStatistics) {
    this.index = index;
    this.path = path;
    this.statistics = statistics;
    this.base = DeviceStatistics.pathBase(index);
    this.pausedUntil = 0;
  }

  get open(): boolean {
    return this.path.open;
  }

  /** Derives the state from the facts; true if it changed. */
  refresh(): boolean {
    if (this.path.open) this.wasOpen = true;
    const before = this.state;
    this.state = pathState(this);
    this.statistics.set(this.base + pathCounter.state, pathStateNames.indexOf(this.state));
    return this.state !== before;
  }

  get rank(): 0 | 1 | 2 {
    return this.paused ? 0 : pathRank(this.state);
  }
}
