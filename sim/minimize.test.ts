import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { minimize } from './minimize.ts';
import { concerns, mutate } from './mutations/mutate.ts';
import { run } from './run.ts';
import { drawScenario } from './scenario.ts';

afterEach(() => mutate(null, drawScenario(1)));

test('what a crash of the host brings out is brought down to that crash, and still fails in the same way', async () => {
  const name = 'crash-forgets-inflight';
  for (let seed = 1; seed <= 100; seed += 1) {
    const scenario = drawScenario(seed);
    if (!concerns(name, scenario)) continue;
    const first = await run(mutate(name, scenario));
    if (first.finding === null) continue;
    const told: string[] = [];
    const { scenario: small, finding } = await minimize(first, (text) => told.push(text));
    assert.equal(finding?.kind, first.finding.kind);
    assert.ok(small.weather.length < 4, small.weather.map(({ kind }) => kind).join(', '));
    assert.ok(small.weather.some(({ kind }) => kind === 'crash-host'));
    assert.ok(told.length > 0 && small.load.burst <= scenario.load.burst);
    return;
  }
  assert.fail('nothing was found');
});
