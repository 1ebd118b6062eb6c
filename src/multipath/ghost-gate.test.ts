import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { it } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { Contest, Verdict } from './gate-contender.test.support.ts';
import { ghostGateBytes } from './ghost-gate.ts';

const contender = new URL('./gate-contender.test.support.js', import.meta.url);

it('threads that contend for the same few blocks never pass beside a lost write', async () => {
  const seed = Number(process.env['CAUSEWAY_TEST_SEED'] ?? randomInt(2 ** 31));
  const reactors = 3;
  const gate = new SharedArrayBuffer(ghostGateBytes(reactors));
  const blocks = new SharedArrayBuffer(12 * 3 * 4);
  const verdicts = await Promise.all(
    Array.from({ length: reactors }, async (_unused, reactor): Promise<Verdict> => {
      const contest: Contest = { gate, blocks, reactors, reactor, rounds: 15_000, seed: seed + reactor };
      const [verdict] = (await once(new Worker(contender, { workerData: contest }), 'message')) as [Verdict];
      return verdict;
    }),
  );
  for (const { faults, losses } of verdicts) {
    assert.deepEqual(faults, [], `seed ${seed}`);
    assert.ok(losses > 100, `seed ${seed}: only ${losses} losses`);
  }
  const sum = (count: (verdict: Verdict) => number): number => verdicts.reduce((total, each) => total + count(each), 0);
  assert.ok(sum(({ turnedAway }) => turnedAway) > 0, `seed ${seed}: nobody was turned away`);
  assert.ok(sum(({ waited }) => waited) > 0, `seed ${seed}: no lost write waited`);
});
