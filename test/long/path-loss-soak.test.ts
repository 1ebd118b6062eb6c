/**
 * Half an hour of all kinds of bad weather on one device: closed, cut and silent ports, late writes, ANA changes, with
 * fio and the block checker in turn. Nothing is lost, nothing stalls, and nothing grows.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anaWeather } from '../support/ana-weather.ts';
import { requires } from '../support/requires.ts';
import { type Scene, withScene } from '../support/scene.ts';
import { storm } from '../support/storm.ts';
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
const segmentSeconds = 90;
const rounds = 4;
/** Silence is noticed after a second of I/O time-out; all else as in the short tests, on a machine that is busy longer. */
const stall = 8_000;
/** What a process may grow by after its first round. */
const growth = 64 * mebi;

interface Segment {
  readonly name: string;
  readonly load: Load;
  readonly weather: (it: Scene, milliseconds: number, seed: number) => Promise<unknown>;
}

const segments: readonly Segment[] = [
  { name: 'closed ports', load: fioLoad, weather: (it, milliseconds, s) => storm(it, { seed: s, milliseconds }) },
  {
    name: 'closed, cut and silent ports',
    load: checkerLoad,
    weather: (it, milliseconds, s) =>
      storm(it, { seed: s, milliseconds, kinds: ['close', 'cut', 'swallow'], lost: [100, 2500] }),
  },
  {
    name: 'late writes',
    load: checkerLoad,
    weather: async (it, milliseconds, s) => {
      const ports = [1, 2, 3, 4];
      for (const port of ports) {
        await it.array.fault('delayExecution', [port, { milliseconds: 10, writesOnly: true }]);
        await it.array.fault('ghostWrites', [port, { milliseconds: 900, onReset: 'run' }]);
      }
      await storm(it, { seed: s, milliseconds, kinds: ['close', 'cut'] });
      for (const port of ports) {
        await it.array.fault('delayExecution', [port, { milliseconds: 0 }]);
        await it.array.fault('ghostWrites', [port, { milliseconds: null }]);
      }
    },
  },
  { name: 'ANA changes', load: fioLoad, weather: anaWeather },
  {
    name: 'cut ports and ANA changes at once',
    load: checkerLoad,
    weather: (it, milliseconds, s) =>
      Promise.all([
        storm(it, { seed: s, milliseconds, kinds: ['cut'], rounds: [1], lost: [10, 500] }),
        anaWeather(it, milliseconds, s, ['optimized', 'non-optimized']),
      ]),
  },
];

test('half an hour of bad weather', requires(...needs), () =>
  withScene(
    {
      label: 'soak',
      bound: rounds * segments.length * (segmentSeconds + 60) * 1000,
      host: { reactors: 2 },
      array: { ports: 4, sizeBytes: 256 * mebi, commandQuiesceTime: 1000 },
      attach: { kernelDevice: 'fuse', keepAlive: 2000, ioTimeout: 1000 },
    },
    async (it) => {
      let first = 0;
      for (let round = 0; round < rounds; round += 1) {
        for (const [index, { name, load, weather }] of segments.entries()) {
          const mine = seed + round * segments.length + index;
          const outcome = await loadIn(it, load, segmentSeconds, (milliseconds) => weather(it, milliseconds, mine));
          console.log(`${name}, weather ${mine}: ${describeOutcome(it, outcome)}`);
          assertHarmless(it, outcome, stall);
        }
        const { rss } = process.memoryUsage();
        console.log(`after round ${round + 1}: ${Math.round(rss / mebi)} MiB resident`);
        if (round === 0) first = rss;
        else assert(rss < first + growth, `the process grew from ${first} to ${rss} bytes`);
      }
    },
  ),
);
