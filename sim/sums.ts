/** What many runs add up to. */
import { opName } from '../src/block/request.ts';
import { statusName } from '../src/block/status.ts';
import { Coverage } from './coverage.ts';
import type { RunResult } from './run.ts';
import type { Scenario } from './scenario.ts';
import { type FaultKind, faultNames } from './weather/plan.ts';

function list(names: readonly string[], counts: ArrayLike<number>): string {
  return names
    .map((name, index) => [name, counts[index] ?? 0] as const)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

export class Sums {
  readonly coverage = new Coverage();
  runs = 0;
  found = 0;
  readonly #ghosts = new Map<string, { made: number; executed: number }>();
  #simulated = 0;
  #checked = 0;
  readonly #requests = new Float64Array(opName.length);
  readonly #failures = new Float64Array(statusName.length);
  readonly #faults = new Map<FaultKind, number>();

  add(result: RunResult): void {
    this.runs += 1;
    if (result.finding !== null) this.found += 1;
    const mode = modeOf(result.scenario);
    const ghosts = this.#ghosts.get(mode) ?? { made: 0, executed: 0 };
    this.#ghosts.set(mode, { made: ghosts.made + result.ghostsMade, executed: ghosts.executed + result.ghosts });
    this.#simulated += result.simulated;
    this.#checked += result.checked;
    for (const [index, count] of result.requests.entries()) this.#requests[index] = this.#requests[index]! + count;
    for (const [index, count] of result.failures.entries()) this.#failures[index] = this.#failures[index]! + count;
    for (const [kind, count] of result.faults) this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + count);
    this.coverage.add(result.coverage);
  }

  get requests(): number {
    return this.#requests.reduce((sum, count) => sum + count, 0);
  }

  /** Ghosts that were executed. */
  get ghosts(): number {
    return [...this.#ghosts.values()].reduce((sum, { executed }) => sum + executed, 0);
  }

  #ghostLines(): string[] {
    const modes = [...this.#ghosts].toSorted(([one], [other]) => one.localeCompare(other));
    return modes.map(([mode, { made, executed }]) => {
      return `ghost writes in mode ${mode}: ${made} made, ${executed} of them executed`;
    });
  }

  lines(): string[] {
    const hours = this.#simulated / 3_600_000;
    return [
      `simulated: ${hours.toFixed(2)} h in ${this.runs} runs; ${this.#checked} blocks checked`,
      `requests: ${this.requests}: ${list(opName, this.#requests)}`,
      `answered with an error that was due: ${list(statusName, this.#failures) || 'none'}`,
      ...this.#ghostLines(),
      `faults: ${list(
        faultNames,
        faultNames.map((name) => this.#faults.get(name) ?? 0),
      )}`,
      ...this.coverage.lines(),
    ];
  }
}

/** What becomes of ghost writes in a run. */
function modeOf({ host, weather }: Scenario): string {
  return weather.some(({ kind }) => kind === 'policy') ? 'that changes' : host.policy.ghostWrites;
}
