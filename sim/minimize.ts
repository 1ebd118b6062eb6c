/** Makes a failing scenario smaller as long as it still fails in the same way: fewer faults, then less load and less time. */
import type { FindingKind } from './finding.ts';
import { run, type RunResult } from './run.ts';
import type { Scenario } from './scenario.ts';

/** Runs at most: each takes as long as a seed does. */
const mostRuns = 200;

export async function minimize(first: RunResult, told: (text: string) => void): Promise<RunResult> {
  const kind: FindingKind | undefined = first.finding?.kind;
  let best = first;
  const budget = { left: mostRuns };
  const attempt = async (scenario: Scenario): Promise<boolean> => {
    if (budget.left === 0) return false;
    budget.left -= 1;
    const result = await run(scenario);
    if (result.finding?.kind !== kind) return false;
    best = result;
    return true;
  };

  // Halves, quarters, … down to single faults, as delta debugging does.
  for (let size = Math.ceil(best.scenario.weather.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.scenario.weather.length && budget.left > 0; ) {
      const { scenario } = best;
      const weather = scenario.weather.toSpliced(at, size);
      if (await attempt({ ...scenario, weather })) told(`${weather.length} faults are enough`);
      else at += size;
    }
  }
  const smaller: readonly ((scenario: Scenario) => Scenario)[] = [
    (scenario) => ({ ...scenario, duration: scenario.duration / 2 }),
    (scenario) => ({ ...scenario, load: { ...scenario.load, burst: Math.ceil(scenario.load.burst / 2) } }),
    (scenario) => ({ ...scenario, load: { ...scenario.load, depth: Math.ceil(scenario.load.depth / 2) } }),
    (scenario) => ({ ...scenario, load: { ...scenario.load, largest: Math.ceil(scenario.load.largest / 2) } }),
    (scenario) => ({ ...scenario, load: { ...scenario.load, pause: scenario.load.pause * 2 } }),
    (scenario) => ({ ...scenario, host: { ...scenario.host, reactors: Math.max(1, scenario.host.reactors - 1) } }),
  ];
  for (const shrink of smaller) {
    for (let times = 0; times < 4; times += 1) {
      const before = JSON.stringify(best.scenario);
      const scenario = shrink(best.scenario);
      if (JSON.stringify(scenario) === before || !(await attempt(scenario))) break;
      told(`still with ${scenario.duration} ms, bursts of ${scenario.load.burst}, depth ${scenario.load.depth}`);
    }
  }
  return best;
}
