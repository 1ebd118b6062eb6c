/**
 * Paths are lost at random under fio with verification: no I/O error, no wrong byte; requests go on while one path lives,
 * wait while none does, and go on again when one is back.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anaWeather } from '../support/ana-weather.ts';
import { requires } from '../support/requires.ts';
import { type Scene, type SceneOptions, withScene } from '../support/scene.ts';
import { type Rounds, storm } from '../support/storm.ts';
import {
  assertHarmless,
  checkerLoad,
  describeOutcome,
  fioLoad,
  loadIn,
  stormSeed as seed,
} from '../support/verified-storm.ts';

const mebi = 2 ** 20;
const needs = ['root', 'io_uring', 'fuse', 'loop', 'fio'] as const;
/**
 * How long no request may end while a path lives, milliseconds. With a reset over another controller a lost one is fenced
 * within a few round trips; the rest is this machine, which runs fio, host and array on the same few processors.
 */
const stall = 2_000;

function scene(label: string, seconds: number, more: Partial<SceneOptions> = {}): SceneOptions {
  return {
    label,
    bound: (seconds + 60) * 1000,
    ...more,
    array: { ports: 4, sizeBytes: 256 * mebi, ...more.array },
    attach: { kernelDevice: 'fuse', ...more.attach },
  };
}

test('60 s of verified I/O while paths are closed and opened at random', requires(...needs), (t) =>
  withScene(scene('storm', 60), async (it) => {
    const rounds: Rounds = new Map();
    // The last round may wait for paths beyond the end of the load.
    const outcome = await loadIn(it, fioLoad, 60, (milliseconds) => storm(it, { seed, milliseconds, done: rounds }));
    t.diagnostic(describeOutcome(it, outcome));
    t.diagnostic(`lost at once: ${[...rounds].map(([size, count]) => `${count} times ${size}`).join(', ')}`);
    assertHarmless(it, outcome, stall);
    const { losses, pulse } = outcome;
    assert(losses >= 30, `seed ${seed}: only ${losses} path losses`);
    assert((rounds.get(3) ?? 0) >= 2, 'three of four were not lost at once');
    assert((rounds.get(4) ?? 0) >= 1 && pulse.darks >= 1, 'all paths were not lost at once');
    assert(pulse.mostWaiting > 0, 'nothing waited while all paths were down');
    assert.equal(pulse.endedInTheDark, 0, 'something was answered while all paths were down');
  }),
);

test('cut connections, two reactors, the classic transport', requires(...needs), (t) =>
  withScene(
    scene('cut', 15, { host: { reactors: 2 }, attach: { kernelDevice: 'fuse', fuseTransport: 'classic' } }),
    async (it) => {
      const outcome = await loadIn(it, fioLoad, 15, (milliseconds) =>
        storm(it, { seed, milliseconds, kinds: ['cut'] }),
      );
      t.diagnostic(describeOutcome(it, outcome));
      assertHarmless(it, outcome, stall);
      assert(outcome.losses >= 4, `seed ${seed}: only ${outcome.losses} path losses`);
    },
  ),
);

test('ports that swallow everything are noticed and done without', requires(...needs), (t) =>
  withScene(
    scene('swallow', 20, { attach: { kernelDevice: 'fuse', keepAlive: 1500, ioTimeout: 1000 } }),
    async (it) => {
      const outcome = await loadIn(it, fioLoad, 20, (milliseconds) =>
        storm(it, { seed, milliseconds, kinds: ['swallow'], rounds: [1, 3, 1, 2], lost: [1500, 2500] }),
      );
      t.diagnostic(describeOutcome(it, outcome));
      // A path that swallows counts as living until its oldest command is too old, and may hold all there is by then.
      assertHarmless(it, outcome, stall + 1500);
      assert(outcome.losses >= 3, `seed ${seed}: only ${outcome.losses} path losses`);
    },
  ),
);

// Late execution: what a lost connection left behind is executed all the same, up to the array's word on how long.

const ghostMilliseconds = 700;

async function raiseGhosts(it: Scene, onReset: 'drop' | 'run'): Promise<void> {
  for (let port = 1; port <= 4; port += 1) {
    await it.array.fault('delayExecution', [port, { milliseconds: 20, writesOnly: true }]);
    await it.array.fault('ghostWrites', [port, { milliseconds: ghostMilliseconds, onReset }]);
  }
}

for (const ghostWrites of ['quarantine', 'strict'] as const) {
  const attach = { kernelDevice: 'fuse', ghostWrites } as const;

  test(`${ghostWrites}: late writes of controllers that others reset do no harm`, requires(...needs), (t) =>
    withScene(scene(`ghost-reset-${ghostWrites[0]}`, 15, { attach }), async (it) => {
      await raiseGhosts(it, 'run');
      const outcome = await loadIn(it, checkerLoad, 15, (milliseconds) => storm(it, { seed, milliseconds }));
      t.diagnostic(describeOutcome(it, outcome));
      assertHarmless(it, outcome, stall);
      assert(outcome.ghosts > 0, 'the array executed nothing late');
      assert((outcome.fences.get('cross-controller-reset') ?? 0) > 0, 'no fence by cross-controller reset');
    }),
  );

  test(`${ghostWrites}: late writes of controllers that time alone fences do no harm`, requires(...needs), (t) =>
    withScene(
      // Silent for 2 × KATO and the array's quiesce time: 2.8 s after the loss at the latest, a ghost is over.
      scene(`ghost-time-${ghostWrites[0]}`, 20, {
        array: { crossControllerReset: false, commandQuiesceTime: 800 },
        attach: { ...attach, keepAlive: 1000 },
      }),
      async (it) => {
        await raiseGhosts(it, 'run');
        const outcome = await loadIn(it, checkerLoad, 20, (milliseconds) => storm(it, { seed, milliseconds }));
        t.diagnostic(describeOutcome(it, outcome));
        assertHarmless(it, outcome, stall + 2_800);
        assert(outcome.ghosts > 0, 'the array executed nothing late');
        assert((outcome.fences.get('time') ?? 0) > 0, 'no fence by time');
      },
    ),
  );
}

test('without fences the same late writes corrupt data, and this test sees it', requires(...needs), (t) =>
  withScene(
    scene('ghost-harm', 30, {
      array: { crossControllerReset: false },
      attach: { kernelDevice: 'fuse', ghostWrites: 'none' },
    }),
    async (it) => {
      await raiseGhosts(it, 'run');
      const outcome = await loadIn(it, checkerLoad, 15, (milliseconds) => storm(it, { seed, milliseconds }));
      t.diagnostic(describeOutcome(it, outcome));
      const { report, ghosts } = outcome;
      assert(ghosts > 0, 'the array executed nothing late');
      assert.match(report.text, /holds write \d+ instead of write \d+/, 'the blocks that late writes brought back');
    },
  ),
);

test('paths change their ANA state under load', requires(...needs), (t) =>
  withScene(scene('ana', 15), async (it) => {
    let changes = 0;
    const outcome = await loadIn(it, fioLoad, 15, async (milliseconds) => {
      changes = await anaWeather(it, milliseconds, seed);
    });
    t.diagnostic(`${describeOutcome(it, outcome)}; ${changes} ANA changes`);
    assertHarmless(it, outcome, stall);
    assert(changes >= 20, `only ${changes} ANA changes`);
    assert.equal(outcome.losses, 0, 'a path was lost although no connection was');
    assert(outcome.pulse.darks >= 1, 'there was always a path that could be used');
  }),
);
