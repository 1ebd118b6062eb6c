/**
 * We ourselves stand still: the main thread, a reactor, the whole process. That is nobody else's fault: no path is judged
 * by it, and where the array gave us up meanwhile, everything goes on as after any other loss.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PathView } from '../../src/host/view.ts';
import { deviceCounter } from '../../src/multipath/statistics.ts';
import type { CheckReport } from '../support/block-checker.ts';
import { freshName, mainPath, startReady } from '../support/cli.ts';
import { requires } from '../support/requires.ts';
import { type Scene, withScene } from '../support/scene.ts';
import { StallScene, victims } from '../support/stall-scene.ts';
import { until } from '../support/until.ts';
import { checkerLoad, loadIn } from '../support/verified-storm.ts';

const needs = requires('root', 'io_uring', 'fuse', 'loop');
const mebi = 2 ** 20;
/** How long no request may end while paths live: this machine runs everything on the same few processors. Milliseconds. */
const stall = 2_000;

function assertSound({ errors, wrong, firstError, firstWrong }: CheckReport): void {
  assert.deepEqual({ errors, wrong }, { errors: 0, wrong: 0 }, `${firstError} ${firstWrong}`);
}

// --- The main thread

const spunMilliseconds = 20_000;
/** Before and after it. */
const controlMilliseconds = 3_000;
/** Between two looks at what reactors count: looking all the time would slow down their counting. Milliseconds. */
const lookEvery = 0.1;
const kato = 3_000;

/** Reads and writes that ended. Reactors count in shared memory, so that this needs nothing but this thread. */
function ended(it: Scene): number {
  const { statistics } = it.volume.source;
  return statistics.reduce((sum, each) => sum + each.get(deviceCounter.reads) + each.get(deviceCounter.writes), 0);
}

interface Spun {
  /** Requests a second. */
  readonly rate: number;
  /** The longest time in which none ended, milliseconds. */
  readonly longest: number;
}

/** Spins, without ever going back to the event loop. */
function spin(it: Scene, milliseconds: number): Spun {
  const begin = performance.now();
  const before = ended(it);
  let count = before;
  let at = begin;
  let longest = 0;
  let now = begin;
  while (now < begin + milliseconds) {
    const due = now + lookEvery;
    while (now < due) now = performance.now();
    const next = ended(it);
    if (next === count) continue;
    longest = Math.max(longest, now - at);
    count = next;
    at = now;
  }
  return { rate: (1000 * (count - before)) / (now - begin), longest: Math.max(longest, now - at) };
}

/** Somebody else spins: what that costs where the main thread is free. */
async function rateBesideSpinner(it: Scene): Promise<number> {
  const source = `const end = Date.now() + ${controlMilliseconds}; while (Date.now() < end);`;
  const before = ended(it);
  const begin = performance.now();
  await it.must(controlMilliseconds * 4, process.execPath, '-e', source);
  return (1000 * (ended(it) - before)) / (performance.now() - begin);
}

/** An array in a process of its own, for as long as `body` takes. */
async function withArray(body: (name: string, url: string) => Promise<void>): Promise<void> {
  const name = freshName();
  const { running, ready } = await startReady('array', '--name', name, '--port', '0', '--ports', '4', '--size', '64m');
  try {
    await body(name, ready.url ?? '');
  } finally {
    running.kill('SIGTERM');
    await running.ended;
  }
}

/** Cuts a path of the array after so many seconds, whatever this thread does. Resolves with how that ended. */
function cutLater(array: string, port: number, seconds: number): Promise<unknown> {
  const words = [mainPath, 'array', 'fault', array, 'cutPort', String(port)];
  return once(spawn('sh', ['-c', `sleep ${seconds}; exec "$0" "$@"`, process.execPath, ...words]), 'exit');
}

async function spunUnderLoad(t: TestContext, it: Scene, array: string): Promise<void> {
  const seconds = (spunMilliseconds + 2 * controlMilliseconds) / 1000 + 5;
  let spun: Spun = { rate: Number.NaN, longest: Number.NaN };
  let control = Number.NaN;
  const { report } = await loadIn(it, checkerLoad, seconds, async () => {
    control = await rateBesideSpinner(it);
    const cut = cutLater(array, 2, 6);
    spun = spin(it, spunMilliseconds);
    assert.deepEqual(await cut, [0, null], 'the path was not cut');
    control = (control + (await rateBesideSpinner(it))) / 2;
  });
  const { paths, counters } = it.volume.view();
  t.diagnostic(
    `${Math.round(spun.rate)} requests a second, longest time without any ${spun.longest.toFixed(1)} ms; ` +
      `${Math.round(control)} a second while another process spins; slowest request ${report.slowest.toFixed(0)} ms`,
  );
  assertSound({ ...report, firstError: report.text, firstWrong: '' });
  assert.equal(counters.errors, 0);
  assert.deepEqual(
    paths.map(({ losses }) => losses),
    [0, 1, 0, 0],
    'only the path that was cut was lost, and that was seen although it was back soon',
  );
  assert(spun.longest < stall, `no request ended for ${spun.longest} ms`);
  assert(spun.rate > control / 3, `${spun.rate} requests a second instead of ${control}`);
}

test('I/O goes on while the main thread spins for 20 s, also over the loss of a path', needs, (t) =>
  withScene({ label: 'spin', bound: 90_000, array: { ports: 1, sizeBytes: mebi } }, (it) =>
    withArray(async (array, url) => {
      await it.attach(url, { kernelDevice: 'fuse', keepAlive: kato });
      await spunUnderLoad(t, it, array);
      await it.detach();
    }),
  ),
);

// --- Reactors, and the whole process

/** What was ever said of the paths: a path that was judged and acquitted has another time. */
function judged(paths: readonly PathView[]): unknown {
  return paths.map(({ id, state, since, losses }) => ({ id, state, since, losses }));
}

test('standing still for half of KATO: no path is judged, and nothing fails', needs, (t) =>
  StallScene.with('half', { keepAlive: kato }, async (it) => {
    const before = judged((await it.view()).paths);
    const report = await it.checked(7_500, async () => {
      for (const victim of victims) {
        const stood = await it.stop(victim, kato / 2);
        await sleep(500);
        const { paths, counters } = await it.view();
        t.diagnostic(`${victim} stood still for ${Math.round(stood)} ms`);
        assert.deepEqual(judged(paths), before, `paths were judged because the ${victim} stood still`);
        assert.equal(counters.errors, 0);
      }
    });
    t.diagnostic(`${report.reads} reads, ${report.writes} writes, slowest ${Math.round(report.slowest)} ms`);
    assertSound(report);
    assert(report.slowest < kato / 2 + stall, `a request took ${report.slowest} ms`);
    assert.deepEqual(judged((await it.view()).paths), before);
  }),
);

async function losses(it: StallScene): Promise<number> {
  return (await it.view()).paths.reduce((sum, path) => sum + path.losses, 0);
}

const shortKato = 1_500;

test('standing still for three times KATO: the array gives us up, and everything recovers', needs, (t) =>
  StallScene.with('thrice', { keepAlive: shortKato, quiesceTime: 1_000 }, async (it) => {
    let lost = 0;
    const report = await it.checked(24_000, async () => {
      for (const victim of victims) {
        const stood = await it.stop(victim, 3 * shortKato);
        // Who keeps the controllers alive stood still as well, or did not. That it was given up it learns when it goes on.
        const expected = victim === 'reactor-1' ? 0 : 4;
        await until('the losses', async () => (await losses(it)) >= lost + expected);
        const took = await it.recovered(10_000);
        const now = await losses(it);
        t.diagnostic(
          `${victim} stood still for ${Math.round(stood)} ms: ${now - lost} paths lost, ` +
            `all was well again after ${Math.round(took)} ms`,
        );
        assert.equal((await it.view()).counters.errors, 0);
        if (expected === 0) assert.equal(now, lost, 'paths were lost although keep-alives went on');
        lost = now;
      }
    });
    t.diagnostic(`${report.reads} reads, ${report.writes} writes, slowest ${Math.round(report.slowest)} ms`);
    assertSound(report);
  }),
);
