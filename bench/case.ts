/** What a benchmark case is, and what it reports. */
import type { Rig } from './rig.ts';
import type { Series } from './rounds.ts';
import type { Table } from './table.ts';

export interface Goal {
  readonly what: string;
  readonly wanted: number;
  readonly reached: number;
  /** Numbers of most goals are to be reached at least; of others at most. */
  readonly atMost?: boolean;
  /** How the numbers are meant. */
  readonly unit: 'times' | 'share' | 'number';
}

export interface TitledTable extends Table {
  readonly title: string;
}

export interface CaseReport {
  readonly tables: readonly TitledTable[];
  readonly goals: readonly Goal[];
  /** Everything that was measured, for the record. */
  readonly series: readonly Series[];
  /** What is not a series. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

export interface BenchCase {
  /** As chosen on the command line. */
  readonly name: string;
  readonly title: string;
  /** Programs it needs, with the Debian package of each. */
  readonly needs: Readonly<Record<string, string>>;
  run(rig: Rig): Promise<CaseReport>;
}

export function isReached(goal: Goal): boolean {
  return goal.atMost === true ? goal.reached <= goal.wanted : goal.reached >= goal.wanted;
}
