import type { Geometry, Identity } from '../block/device.ts';
import type { FlushLedger } from './flush-ledger.ts';
import type { Member } from './member.ts';
import type { SelectorName } from './selector.ts';
import type { DeviceStatistics } from './statistics.ts';

/** What a multipath device is made with. */
export interface MultipathOptions {
  readonly geometry: Geometry;
  readonly identity: Identity;
  readonly selector?: SelectorName;
  /** While no path lives: wait for ever (-1, the default), this many milliseconds, or not at all (0). */
  readonly noPathRetry?: number;
  /** What happens to a write that a lost controller may still execute. */
  readonly ghostWrites?: 'strict' | 'none';
  /** The array's controllers share or mirror their volatile cache: one flush covers all, and none is lost with a path. */
  readonly sharedCache?: boolean;
  /** Shared by all reactors of this device. */
  readonly ledger?: FlushLedger;
  readonly statistics?: DeviceStatistics;
  /** True if that life of a controller was fenced already: for parts that come back late. */
  readonly isFenced?: (controller: number, epoch: number) => boolean;
  /** Told of each change of a path's state (control; not on the data path). */
  readonly onPathState?: (member: Member) => void;
  /** The array answered with a path error although the path looked fine: its state should be read anew (control). */
  readonly onPathError?: (member: Member) => void;
}
