/** What many runs add up to. */
import { opName } from '../src/block/request.ts';
import { statusName } from '../src/block/status.ts';
import { pathStateNames } from '../src/multipath/state.ts';
import { Coverage, retryRows } from './coverage.ts';
import type { RunResult } from './run.ts';
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
  ghosts = 0;
  #simulated = 0;
  #checked = 0;
  readonly #requests = new Float64Array(opName.length);
  readonly #failures = new Float64Array(statusName.length);
  readonly #faults = new Map<FaultKind, number>();

  add(result: RunResult): void {
    this.runs += 1;
    if (result.finding !== null) this.found += 1;
    this.ghosts += result.ghosts;
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

  lines(): string[] {
    const hours = this.#simulated / 3_600_000;
    return [
      `simulated: ${hours.toFixed(2)} h in ${this.runs} runs; ${this.#checked} blocks checked`,
      `requests: ${this.requests}: ${list(opName, this.#requests)}`,
      `answered with an error that was due: ${list(statusName, this.#failures) || 'none'}`,
      `ghost writes executed: ${this.ghosts}`,
      `faults: ${list(
        faultNames,
        faultNames.map((name) => this.#faults.get(name) ?? 0),
      )}`,
      `path states: ${list(pathStateNames, this.coverage.states)}`,
      `parts that came back: ${list(retryRows, this.coverage.retries)}`,
    ];
  }
}
