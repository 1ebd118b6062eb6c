import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run, type RunResult } from './run.ts';
import { describeScenario, drawScenario } from './scenario.ts';
import { Sums } from './sums.ts';

/** What is needed to repeat it, and to see what went wrong. */
function report({ scenario, finding, story }: RunResult): string {
  return [`seed ${scenario.seed}: ${finding?.message}`, ...describeScenario(scenario), ...story].join('\n');
}

test('seeds are clean, and their load and weather are not empty', async () => {
  const sums = new Sums();
  for (let seed = 1; seed <= 40; seed += 1) {
    const result = await run(drawScenario(seed));
    assert.equal(result.finding, null, report(result));
    sums.add(result);
  }
  assert.ok(sums.requests > 40_000, `only ${sums.requests} requests`);
  assert.ok(sums.ghosts > 50, `only ${sums.ghosts} ghosts`);
});

test('the same seed gives the same story, also after other runs', async () => {
  for (const seed of [3, 7, 12]) {
    const first = await run(drawScenario(seed));
    await run(drawScenario(seed + 1));
    const second = await run(drawScenario(seed));
    assert.equal(first.hash, second.hash, `seed ${seed} told two stories`);
    assert.deepEqual(first.requests, second.requests);
  }
  const other = await run(drawScenario(4));
  assert.notEqual(other.hash, (await run(drawScenario(3))).hash);
});
