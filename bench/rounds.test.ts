import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Contestant, Patience, seriesOf, takeTurns } from './rounds.ts';
import { randomRead1, randomRead32 } from './workloads.ts';

function contestant(name: string, turns: string[]): Contestant {
  return {
    name,
    processes: [],
    measure: (workload, seconds) => {
      turns.push(`${name} ${workload.depth} ${seconds}`);
      const completed = 1000 * turns.length;
      return Promise.resolve({ completed, iops: completed, bytesPerSecond: 0, p50: 1, p99: 2, cpu: { load: 0.5 } });
    },
  };
}

const quiet = { rounds: 3, seconds: 2, patience: new Patience(0), say: () => {} };

test('contestants are measured in turn, warmed up first', async () => {
  const turns: string[] = [];
  await takeTurns([contestant('a', turns), contestant('b', turns)], [randomRead1, randomRead32], quiet);
  const measured = turns.filter((turn) => turn.endsWith(' 2'));
  assert.deepEqual(measured.slice(0, 6), ['a 1 2', 'b 1 2', 'a 1 2', 'b 1 2', 'a 1 2', 'b 1 2']);
  assert.equal(turns.length, 2 * (2 + 6));
  assert.ok(!turns[0]?.endsWith(' 2') && !turns[1]?.endsWith(' 2'));
});

test('a series holds the samples of one contestant in one workload, with what they cost', async () => {
  const turns: string[] = [];
  const all = await takeTurns([contestant('a', turns)], [randomRead1], quiet);
  const { samples } = seriesOf(all, 'a', randomRead1);
  assert.equal(samples.length, 3);
  // Half a second of CPU for 2000 requests, the first ones after the warm-up.
  assert.equal(samples[0]?.cpuPerMillion['load'], 250);
  assert.throws(() => seriesOf(all, 'b', randomRead1), /b was not measured/);
});

test('patience ends', () => {
  const patience = new Patience(2);
  assert.deepEqual([patience.take(), patience.take(), patience.take()], [true, true, false]);
});
