import type { Geometry, Identity } from '../block/device.ts';
import type { FlushLedger } from './flush-ledger.ts';
import type { FastFailOptions } from './fast-fail.ts';
import type { HealthOptions } from './health.ts';
import type { HedgeOptions } from './hedger.ts';
import type { ComebackOptions } from './comebacks.ts';
import type { GhostGate } from './ghost-gate.ts';
import type { Member } from './member.ts';
import type { SelectorOptions } from './path-set.ts';
import type { DeviceStatistics } from './statistics.ts';

/**
 * What happens to a write that a lost controller may still execute: `quarantine` (default) sends it again at once and
 * keeps others off its range until the fence, `strict` holds it until the fence, `none` sends it again and lets it harm.
 */
export const ghostWrites = ['quarantine', 'strict', 'none'] as const;
export type GhostWrites = (typeof ghostWrites)[number];
export const defaultGhostWrites: GhostWrites = 'quarantine';

/** What a multipath device is made with. */
export interface MultipathOptions
  extends SelectorOptions,
    ComebackOptions,
    HealthOptions,
    HedgeOptions,
    FastFailOptions {
  readonly geometry: Geometry;
  readonly identity: Identity;
  /** While no path lives: wait for ever (-1, the default), this many milliseconds, or not at all (0). */
  readonly noPathRetry?: number;
  readonly ghostWrites?: GhostWrites;
  /** Shared by all reactors of this device; made anew where there is one reactor only. */
  readonly gate?: GhostGate;
  /** The array's controllers share or mirror their volatile cache: one flush covers all, and none is lost with a path. */
  readonly sharedCache?: boolean;
  /** Shared by all reactors of this device. */
  readonly ledger?: FlushLedger;
  readonly statistics?: DeviceStatistics;
  /** True if that life of a controller was fenced already: for parts that come back late. */
  readonly isFenced?: (controller: number, epoch: number) => boolean;
  /** The path is open, before anything is sent over it: perhaps with a controller that is new (control). */
  readonly onOpened?: (member: Member) => void;
  /** Told of each change of a path's state (control; not on the data path). */
  readonly onPathState?: (member: Member) => void;
  /** The array answered with a path error although the path looked fine: its state should be read anew (control). */
  readonly onPathError?: (member: Member) => void;
}
