/**
 * Selectors, weights and everything else of the policy change, and paths come and go, under loads that verify every block:
 * no error, no wrong block, no stall, and the I/O goes where it was told to.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../src/base/random.ts';
import { ghostWrites } from '../../src/multipath/options.ts';
import { selectorNames } from '../../src/multipath/selector.ts';
import { requires } from '../support/requires.ts';
import { type Scene, type SceneOptions, withScene } from '../support/scene.ts';
import {
  assertHarmless,
  checkerLoad,
  describeOutcome,
  fioLoad,
  type Load,
  loadIn,
  stormSeed as seed,
} from '../support/verified-storm.ts';

const mebi = 2 ** 20;
const needs = ['root', 'io_uring', 'fuse', 'loop', 'fio'] as const;
const stall = 2_000;
const seconds = 15;

function scene(label: string, more: Partial<SceneOptions> = {}): SceneOptions {
  return {
    label,
    bound: (seconds + 60) * 1000,
    array: { ports: 4, sizeBytes: 256 * mebi },
    attach: { kernelDevice: 'fuse' },
    ...more,
  };
}

/** How many reads and writes each path did in a while, by its id. */
async function shares(it: Scene, milliseconds: number): Promise<Map<string, number>> {
  const count = (): [string, number][] =>
    it.volume.view().paths.map(({ id, counters }) => [id, counters.reads + counters.writes]);
  const before = new Map(count());
  await sleep(milliseconds);
  return new Map(count().map(([id, now]) => [id, now - (before.get(id) ?? 0)]));
}

/** Another policy every 200 ms, and each second a path goes and one comes. Returns how many paths went and came. */
async function changes(it: Scene, milliseconds: number): Promise<number> {
  const random = new Random(seed);
  const { volume } = it;
  const end = performance.now() + milliseconds;
  const missing: string[] = [];
  let moved = 0;
  for (let round = 0; performance.now() < end; round += 1) {
    const until = performance.now() + 200;
    const paths = volume.view().paths.map(({ id }) => id);
    const weights = Object.fromEntries(paths.map((id) => [id, 1 + random.below(20)]));
    await volume.setPolicy({
      selector: selectorNames[round % selectorNames.length]!,
      ghostWrites: ghostWrites[random.below(2)]!,
      minimumRun: 1 + random.below(8),
      latencyMemory: 50 + random.below(500),
      failback: 50 * random.below(3),
      suspectAfter: 100 * random.below(4),
      weights,
    });
    if (round % 5 === 2) {
      const id = paths[random.below(paths.length)]!;
      await volume.removePath(id);
      missing.push(id);
      moved += 1;
    }
    if (round % 5 === 4 || missing.length > 2) {
      await volume.addPath(missing.splice(random.below(missing.length), 1)[0]!);
      moved += 1;
    }
    await sleep(Math.max(0, until - performance.now()));
  }
  return moved;
}

const loads: [name: string, load: Load, host: SceneOptions['host']][] = [
  ['the block checker', checkerLoad, { reactors: 2 }],
  ['fio', fioLoad, {}],
];
for (const [name, load, host] of loads) {
  test(
    `${seconds} s of another policy every 200 ms, and of paths that come and go, under ${name}`,
    requires(...needs),
    (t) =>
      withScene(scene('policy', { host: host ?? {} }), async (it) => {
        let moved = 0;
        const outcome = await loadIn(it, load, seconds, async (milliseconds) => {
          moved = await changes(it, milliseconds);
        });
        t.diagnostic(`${describeOutcome(it, outcome)}; ${moved} paths came or went`);
        assertHarmless(it, outcome, stall);
        assert(moved >= 12, `only ${moved} paths came or went`);
        assert.equal(outcome.losses, 0, 'a path was lost although no connection was');
      }),
  );
}

test('the I/O follows: shares by weight, one path alone, paths that come and go', requires(...needs), (t) =>
  withScene(scene('shares', { host: { reactors: 2 } }), async (it) => {
    const { volume } = it;
    const ids = volume.view().paths.map(({ id }) => id);
    const outcome = await loadIn(it, fioLoad, seconds, async () => {
      const weights = Object.fromEntries(ids.map((id, index) => [id, index === 0 ? 3 : 1]));
      await volume.setPolicy({ selector: 'weighted', weights });
      const weighted = [...(await shares(it, 1500)).values()];
      t.diagnostic(`weighted 3:1:1:1: ${weighted.join(', ')}`);
      const mean = (weighted[1]! + weighted[2]! + weighted[3]!) / 3;
      assert(
        Math.abs(weighted[0]! / mean - 3) < 0.3,
        `the first took ${weighted[0]! / mean} times what the others took`,
      );
      for (const each of weighted.slice(1)) assert(Math.abs(each / mean - 1) < 0.15, `${each} of ${mean}`);

      await volume.setPolicy({ selector: 'failover-only' });
      // What was under way on the others ends.
      await sleep(200);
      const alone = await shares(it, 1000);
      t.diagnostic(`failover-only: ${[...alone.values()].join(', ')}`);
      assert.deepEqual(
        [...alone.values()].map((count) => count > 0),
        [true, false, false, false],
      );

      await volume.removePath(ids[0]!);
      const next = await shares(it, 1000);
      t.diagnostic(`and when that path is gone: ${[...next.values()].join(', ')}`);
      assert.deepEqual(
        [...next].map(([id, count]) => [id, count > 0]),
        [
          [ids[1], true],
          [ids[2], false],
          [ids[3], false],
        ],
      );

      await volume.addPath(ids[0]!);
      await volume.setPolicy({ selector: 'round-robin' });
      await sleep(200);
      const turns = await shares(it, 1000);
      t.diagnostic(`round-robin, with a path that came: ${[...turns.values()].join(', ')}`);
      const [least, most] = [Math.min(...turns.values()), Math.max(...turns.values())];
      assert(turns.size === 4 && least > 0.8 * most, 'paths do not take turns');
    });
    t.diagnostic(describeOutcome(it, outcome));
    assertHarmless(it, outcome, stall);
  }),
);
