/**
 * Which rows of the tables a run has reached: what a path can be, how a part can come back and what becomes of it, what
 * the ghost gate answers, how a fence comes about, and what one life of the host leaves to the next.
 */
import { op } from '../src/block/request.ts';
import { type Part, verdict } from '../src/fabric/contract.ts';
import type { FenceKind } from '../src/fabric/nvme-tcp/messages.ts';
import { outcome, outcomeCount, outcomeName, sc } from '../src/fabric/nvme-tcp/status.ts';
import type { Heritage } from '../src/host/ghost-record.ts';
import type { MultipathDevice } from '../src/multipath/device.ts';
import { GhostGate, passage } from '../src/multipath/ghost-gate.ts';
import { Ghosts } from '../src/multipath/ghosts.ts';
import { fate } from '../src/multipath/retry.ts';
import { pathStateNames } from '../src/multipath/state.ts';
import { deviceCounter } from '../src/multipath/statistics.ts';
import type { HostEnd } from './host-lives.ts';
import { replace } from './replace.ts';
import { everyStatus } from './statuses.ts';

/** What decides about a part that came back, in the words of multipath's retry table. */
const retryRows = [
  'done',
  'the answer is final',
  'again on the same path, after a while',
  'elsewhere: nothing changes by it',
  'elsewhere: surely not executed',
  'elsewhere: executed perhaps, and over',
  'may still execute',
] as const;

/** A row for each kind, so that none is forgotten. */
const fenceRows: Readonly<Record<FenceKind, number>> = {
  'nothing-in-doubt': 0,
  'controller-reset': 1,
  'cross-controller-reset': 2,
  time: 3,
  'time-assumed': 4,
};

/** What the next life of the host finds of the one before. */
const heritageRows = [
  'nothing',
  'ranges, after a kill',
  'ranges, after a detach',
  'the whole volume, of a torn file',
  'the whole volume, after a start of the machine',
  'a flush has to tell',
  'over by resets',
  'over by time',
] as const;

/** What becomes of a hedge, by the device's own counters. */
const hedgeRows = ['hedge first', 'first path first', 'refused'] as const;

const tables = {
  state: { name: 'path state', rows: pathStateNames },
  part: { name: 'part that came back', rows: retryRows },
  fate: { name: 'fate of a failed part', rows: Object.keys(fate) },
  passage: { name: 'answer of the ghost gate', rows: Object.keys(passage) },
  fence: { name: 'fence', rows: Object.keys(fenceRows) },
  heritage: { name: 'left by an earlier life', rows: heritageRows },
  hedge: { name: 'hedged read', rows: hedgeRows },
} as const;

interface Table {
  readonly name: string;
  readonly rows: readonly string[];
}

const tableList: readonly Table[] = Object.values(tables);

/** Rows that our own code never sets, with the reason. */
const unreachable = new Set<number>([
  // A reset's commands come back with the loss of their connection, before the reset has ended.
  outcome.controllerReset,
]);

const everyOutcome: readonly number[] = [
  ...everyStatus,
  ...Object.values(outcome).filter((code) => !unreachable.has(code)),
  sc.success,
];

/** Counts of rows. Plain data. */
export interface CoverageCounts {
  /** In the order of the tables. */
  readonly rows: readonly (readonly number[])[];
  readonly outcomes: readonly number[];
}

/** Whose run it is now. */
let watching: Coverage | null = null;

/** From now on what happens anywhere counts here. */
export function watchFor(coverage: Coverage): void {
  watching = coverage;
}

replace(
  Ghosts.prototype,
  'fateOf',
  (fateOf) =>
    function seen(this: Ghosts, part) {
      const next = fateOf.call(this, part);
      watching?.count(tables.fate, next);
      return next;
    },
);
replace(
  GhostGate.prototype,
  'pass',
  (pass) =>
    function seen(this: GhostGate, slot, start, length, owner) {
      const answer = pass.call(this, slot, start, length, owner);
      watching?.count(tables.passage, answer);
      return answer;
    },
);

export class Coverage {
  readonly #counts = new Map<Table, Float64Array>(
    tableList.map((table) => [table, new Float64Array(table.rows.length)]),
  );
  readonly #outcomes = new Float64Array(outcomeCount);

  count(table: Table, row: number, more = 1): void {
    const counts = this.#of(table);
    counts[row] = counts[row]! + more;
  }

  #of(table: Table): Float64Array {
    return this.#counts.get(table)!;
  }

  pathState(state: string): void {
    const row = (pathStateNames as readonly string[]).indexOf(state);
    if (row >= 0) this.count(tables.state, row);
  }

  fence(how: FenceKind): void {
    this.count(tables.fence, fenceRows[how]);
  }

  heritage(how: HostEnd, { ranges, isUncovered }: Heritage): void {
    const row = { killed: 1, detached: 2, 'file-torn': 3, 'powered-off': 4 }[how];
    this.count(tables.heritage, ranges.length === 0 ? 0 : row);
    if (isUncovered) this.count(tables.heritage, 5);
  }

  /** What an earlier life left can not come any more: every controller that might have had it was reset, or by time. */
  heritageOver(byResets: boolean): void {
    this.count(tables.heritage, byResets ? 6 : 7);
  }

  /** Once, when the device has nothing more to do. */
  hedges({ statistics }: MultipathDevice): void {
    const { hedgesWon, hedgesLost, hedgesRefused } = deviceCounter;
    for (const [row, counter] of [hedgesWon, hedgesLost, hedgesRefused].entries()) {
      this.count(tables.hedge, row, statistics.get(counter));
    }
  }

  /** Looks at every part that comes back to `device`, before the device does. */
  watch(device: MultipathDevice): void {
    const onPart = device.onPart.bind(device);
    device.onPart = (part) => {
      this.#outcomes[part.outcome] = this.#outcomes[part.outcome]! + 1;
      this.count(tables.part, rowOf(part));
      onPart(part);
    };
  }

  get counts(): CoverageCounts {
    return { rows: tableList.map((table) => [...this.#of(table)]), outcomes: [...this.#outcomes] };
  }

  add({ rows, outcomes }: CoverageCounts): void {
    for (const [index, table] of tableList.entries()) addTo(this.#of(table), rows[index]!);
    addTo(this.#outcomes, outcomes);
  }

  /** Rows that were never reached. */
  missing(): string[] {
    const rows = tableList.flatMap((table) =>
      table.rows.filter((_row, index) => this.#of(table)[index] === 0).map((row) => `${table.name} "${row}"`),
    );
    const codes = everyOutcome.filter((code) => this.#outcomes[code] === 0);
    return [...rows, ...codes.map((code) => `outcome "${outcomeName(code)}"`)];
  }

  /** How often each row was reached. */
  lines(): string[] {
    const reached = everyOutcome.filter((code) => this.#outcomes[code]! > 0).length;
    return [
      ...tableList.map((table) => {
        const counts = table.rows.map((row, index) => `${row} ${this.#of(table)[index]}`);
        return `${table.name}: ${counts.join(', ')}`;
      }),
      `outcomes of commands: ${reached} of ${everyOutcome.length} rows`,
    ];
  }
}

function addTo(mine: Float64Array, theirs: readonly number[]): void {
  for (const [index, count] of theirs.entries()) mine[index] = mine[index]! + count;
}

function rowOf(part: Part): number {
  const bits = part.verdict;
  if (bits === verdict.ok) return 0;
  if ((bits & verdict.retryHere) !== 0) return 2;
  if ((bits & verdict.retryElsewhere) === 0) return 1;
  if (part.op === op.read || part.op === op.flush) return 3;
  if ((bits & verdict.mayHaveExecuted) === 0) return 4;
  return (bits & verdict.mayStillExecute) === 0 ? 5 : 6;
}
