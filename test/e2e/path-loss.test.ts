/**
 * Paths are lost at random under fio with verification: no I/O error, no wrong byte; requests go on while one path lives,
 * wait while none does, and go on again when one is back.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { type FioReport, runFio } from '../support/fio.ts';
import { Pulse } from '../support/pulse.ts';
import { requires } from '../support/requires.ts';
import { type Scene, type SceneOptions, withScene } from '../support/scene.ts';
import { type Rounds, storm, type StormOptions } from '../support/storm.ts';

const mebi = 2 ** 20;
const needs = ['root', 'io_uring', 'fuse', 'loop', 'fio'] as const;
/** To repeat a run: CAUSEWAY_TEST_SEED=<the seed it printed>. */
const seed = Number(process.env['CAUSEWAY_TEST_SEED'] ?? randomInt(2 ** 31));

interface Outcome {
  readonly fio: FioReport;
  readonly pulse: Pulse;
  readonly rounds: Rounds;
  readonly losses: number;
}

/** fio for so many seconds in a storm that ends shortly before. */
async function fioInStorm(t: TestContext, scene: Scene, seconds: number, weather: Partial<StormOptions>): Promise<Outcome> {
  const work = runFio(scene, { seed, seconds, bytes: 64 * mebi });
  // Whatever the storm does, the work's end is awaited below.
  work.catch(() => undefined);
  await scene.until(10_000, 'the first request', () => scene.volume.view().counters.writes > 0);
  const pulse = new Pulse(scene.volume);
  let rounds: Rounds;
  try {
    rounds = await storm(scene, { seed, milliseconds: (seconds - 3) * 1000, ...weather });
  } finally {
    pulse.stop();
  }
  const fio = await work;
  const { paths, counters } = scene.volume.view();
  const losses = paths.reduce((sum, path) => sum + path.losses, 0);
  const fences = new Map<string, number>();
  for (const { event, message } of scene.events) {
    const how = event === 'fence' ? /\(([^)]+)\)/.exec(message)?.[1] : undefined;
    if (how !== undefined) fences.set(how, (fences.get(how) ?? 0) + 1);
  }
  t.diagnostic(
    [
      `seed ${seed}: ${fio.reads} reads, ${fio.writes} writes, slowest ${Math.round(fio.slowest)} ms`,
      `${losses} losses (${[...rounds].map(([size, count]) => `${count} × ${size}`).join(', ')})`,
      `${counters.retries} retries, ${counters.everHeld} held writes, most waiting ${pulse.mostWaiting}`,
      `fences: ${[...fences].map(([how, count]) => `${count} ${how}`).join(', ') || 'none'}`,
      `longest stall ${Math.round(pulse.longestStall)} ms`,
      `dark ${pulse.darks} times, at most ${Math.round(pulse.longestDark)} ms, back after ${Math.round(pulse.slowestReturn)} ms`,
    ].join('; '),
  );
  assert.deepEqual(
    { error: fio.error, ioErrors: fio.ioErrors, errors: counters.errors },
    { error: 0, ioErrors: 0, errors: 0 },
    `seed ${seed}: ${fio.text}`,
  );
  assert.equal(counters.waiting, 0, `seed ${seed}: requests still wait`);
  assert.equal(counters.held, 0, `seed ${seed}: writes are still held`);
  return { fio, pulse, rounds, losses };
}

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
    const { pulse, rounds, losses } = await fioInStorm(t, it, 60, {});
    assert(losses >= 30, `seed ${seed}: only ${losses} path losses`);
    assert((rounds.get(3) ?? 0) >= 2, 'three of four were not lost at once');
    assert((rounds.get(4) ?? 0) >= 1 && pulse.darks >= 1, 'all paths were not lost at once');
    assert(pulse.mostWaiting > 0, 'nothing waited while all paths were down');
  }),
);
