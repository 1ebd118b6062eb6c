/** Which rows of the tables a run has reached: the path states, and the ways in which a part comes back. */
import { op } from '../src/block/request.ts';
import { type Part, verdict } from '../src/fabric/contract.ts';
import { outcome, outcomeCount, outcomeName, sc } from '../src/fabric/nvme-tcp/status.ts';
import type { MultipathDevice } from '../src/multipath/device.ts';
import { type PathState, pathStateNames } from '../src/multipath/state.ts';
import { everyStatus } from './statuses.ts';

/** What decides about a part that came back, in the words of multipath's retry table. */
export const retryRows = [
  'done',
  'the answer is final',
  'again on the same path, after a while',
  'elsewhere: nothing changes by it',
  'elsewhere: surely not executed',
  'elsewhere: executed perhaps, and over',
  'may still execute',
] as const;

/** Rows that our own code never sets, with the reason. */
const unreachable = new Set<number>([
  // A reset's commands come back with the loss of their connection, before the reset has ended.
  outcome.controllerReset,
]);

const ownOutcomes: readonly number[] = Object.values(outcome).filter((code) => !unreachable.has(code));

export class Coverage {
  readonly states = new Float64Array(pathStateNames.length);
  readonly retries = new Float64Array(retryRows.length);
  readonly outcomes = new Float64Array(outcomeCount);

  pathState(state: string): void {
    const index = (pathStateNames as readonly string[]).indexOf(state);
    if (index >= 0) this.states[index] = this.states[index]! + 1;
  }

  /** Looks at every part that comes back to `device`, before the device does. */
  watch(device: MultipathDevice): void {
    const onPart = device.onPart.bind(device);
    device.onPart = (part) => {
      this.#part(part);
      onPart(part);
    };
  }

  #part(part: Part): void {
    this.outcomes[part.outcome] = this.outcomes[part.outcome]! + 1;
    const row = rowOf(part);
    this.retries[row] = this.retries[row]! + 1;
  }

  add(other: Coverage): void {
    for (const [mine, theirs] of [
      [this.states, other.states],
      [this.retries, other.retries],
      [this.outcomes, other.outcomes],
    ] as const) {
      for (const [index, count] of theirs.entries()) mine[index] = mine[index]! + count;
    }
  }

  /** Rows that were never reached. */
  missing(): string[] {
    const states = pathStateNames.filter((_name: PathState, index) => this.states[index] === 0);
    const rows = retryRows.filter((_name, index) => this.retries[index] === 0);
    const codes = [...everyStatus, ...ownOutcomes, sc.success].filter((code) => this.outcomes[code] === 0);
    return [
      ...states.map((name) => `path state "${name}"`),
      ...rows.map((name) => `retry row "${name}"`),
      ...codes.map((code) => `outcome "${outcomeName(code)}"`),
    ];
  }
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
