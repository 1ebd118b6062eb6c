import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSeeds } from './fleet.ts';
import type { MutationName } from './mutations/names.ts';
import type { RunResult } from './run.ts';
import { Sums } from './sums.ts';

const dying = new URL('./dying-worker.test.support.js', import.meta.url);

interface Outcome {
  readonly hashes: Map<number, string>;
  readonly sums: Sums;
  readonly unconcerned: number[];
}

async function outcomeOf(jobs: number, seeds = 8, mutation: MutationName | null = null): Promise<Outcome> {
  const outcome: Outcome = { hashes: new Map(), sums: new Sums(), unconcerned: [] };
  await runSeeds(
    { firstSeed: 1, seeds, mutation, jobs },
    {
      onUnconcerned: (seed) => outcome.unconcerned.push(seed),
      onResult: (result: RunResult) => {
        outcome.hashes.set(result.scenario.seed, result.hash);
        outcome.sums.add(result);
        return mutation === null;
      },
    },
  );
  return outcome;
}

test('seeds that several processes share give what they give in one', async () => {
  const alone = await outcomeOf(1);
  const shared = await outcomeOf(3);
  assert.equal(alone.hashes.size, 8);
  assert.deepEqual([...shared.hashes].toSorted(bySeed), [...alone.hashes]);
  assert.deepEqual(shared.sums.lines(), alone.sums.lines());
});

test('a fault is built into every process, and nothing is run after the end was asked for', async () => {
  const broken = await outcomeOf(2, 8, 'double-completion');
  assert.deepEqual([broken.hashes.size, broken.sums.found], [1, 1]);
  const { hashes, unconcerned } = await outcomeOf(2, 40, 'stale-path');
  assert.equal(hashes.size, 1);
  assert.ok(unconcerned.length > 0);
});

test('a process that dies under a seed is no clean end', async () => {
  const order = { firstSeed: 1, seeds: 8, mutation: null, jobs: 2 };
  const listener = { onUnconcerned: () => undefined, onResult: () => true };
  await assert.rejects(runSeeds(order, listener, dying), /a process died \(3\) under seed \d/);
});

function bySeed([one]: [number, string], [other]: [number, string]): number {
  return one - other;
}
