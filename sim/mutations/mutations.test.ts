/** Each fault that can be built in is found, and within how many seeds. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { FindingKind } from '../finding.ts';
import { run } from '../run.ts';
import { drawScenario } from '../scenario.ts';
import { concerns, mutate } from './mutate.ts';
import { type MutationName, mutationNames } from './names.ts';

/** Seeds from 1 on, within which each has to be found, and as what. */
const within: Readonly<Record<MutationName, readonly [seeds: number, ...kinds: FindingKind[]]>> = {
  'quarantine-off': [60, 'wrong-read'],
  'quarantine-one-reactor': [200, 'wrong-read'],
  'retry-before-overlap': [200, 'wrong-read'],
  'fence-too-early': [100, 'wrong-read'],
  'flush-one-controller': [200, 'wrong-read'],
  'buffer-reuse': [60, 'crash', 'wrong-read'],
  'hedge-into-freed': [60, 'crash', 'wrong-read'],
  'retry-table': [60, 'wrong-read'],
  'double-completion': [5, 'crash'],
  'stale-path': [100, 'wrong-read'],
  'crash-forgets-inflight': [200, 'wrong-read'],
};

describe('a fault that is built in is found', () => {
  afterEach(() => mutate(null, drawScenario(1)));

  for (const name of mutationNames) {
    const [seeds, ...kinds] = within[name];
    it(`${name}, within ${seeds} seeds`, async (t) => {
      let ran = 0;
      for (let seed = 1; seed <= seeds; seed += 1) {
        const scenario = drawScenario(seed);
        if (!concerns(name, scenario)) continue;
        ran += 1;
        const { finding } = await run(mutate(name, scenario));
        if (finding === null) continue;
        t.diagnostic(`${name} was found after ${seed} of ${seeds} seeds (${ran} runs): ${finding.kind}`);
        assert.ok(kinds.includes(finding.kind), `${finding.kind}: ${finding.message}`);
        return;
      }
      assert.fail(`not found within ${seeds} seeds`);
    });
  }

  it('and taken out again without a trace', async () => {
    const before = await run(drawScenario(4));
    await run(mutate('retry-table', drawScenario(4)));
    const after = await run(mutate(null, drawScenario(4)));
    assert.equal(before.finding, null);
    assert.equal(after.hash, before.hash);
  });
});
