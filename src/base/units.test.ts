import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatCount, formatDuration, formatSize, parseDuration, parseSize } from './units.ts';

const sizes: [string, number][] = [
  ['0', 0],
  ['4096', 4096],
  ['512b', 512],
  ['4k', 4096],
  ['4K', 4096],
  ['512m', 512 * 1024 ** 2],
  ['1g', 1024 ** 3],
  ['1GiB', 1024 ** 3],
  [' 2t ', 2 * 1024 ** 4],
  ['7p', 7 * 1024 ** 5],
];
for (const [text, bytes] of sizes) test(`size "${text}"`, () => assert.equal(parseSize(text), bytes));

for (const text of ['', 'g', '1gb', '-1', '1.5g', '1e3', '0x10', '8p', '9007199254740992', '1 g', 'Infinity']) {
  test(`"${text}" is no size`, () => assert.throws(() => parseSize(text), { code: 'invalid-size' }));
}

const durations: [string, number][] = [
  ['0', 0],
  ['250us', 0.25],
  ['500ms', 500],
  ['10s', 10_000],
  ['1.5s', 1500],
  ['2m', 120_000],
  ['1h', 3_600_000],
  ['1d', 86_400_000],
];
for (const [text, ms] of durations) test(`duration "${text}"`, () => assert.equal(parseDuration(text), ms));

for (const text of ['', '10', 's', '-1s', '1.s', '1 s', '1S', '1w']) {
  test(`"${text}" is no duration`, () => assert.throws(() => parseDuration(text), { code: 'invalid-duration' }));
}

const printedSizes: [number, string][] = [
  [0, '0 B'],
  [1023, '1023 B'],
  [4096, '4 KiB'],
  [1.5 * 1024 ** 3, '1.5 GiB'],
  [100.4 * 1024 ** 2, '100 MiB'],
  [1024 ** 2 - 1, '1 MiB'],
  [2 ** 53, '8 PiB'],
];
for (const [bytes, text] of printedSizes) test(`${bytes} bytes`, () => assert.equal(formatSize(bytes), text));

const printedDurations: [number, string][] = [
  [0, '0 µs'],
  [0.085, '85 µs'],
  [0.9996, '1 ms'],
  [1.23, '1.2 ms'],
  [999.6, '1 s'],
  [3440, '3.4 s'],
  [59_960, '1 min 0 s'],
  [125_000, '2 min 5 s'],
  [3_600_000, '1 h 0 min'],
  [12_000_000, '3 h 20 min'],
];
for (const [ms, text] of printedDurations) test(`${ms} ms`, () => assert.equal(formatDuration(ms), text));

const printedCounts: [number, string][] = [
  [0, '0'],
  [999, '999'],
  [999.6, '1k'],
  [1234, '1.2k'],
  [150_000, '150k'],
  [1_200_000, '1.2M'],
];
for (const [count, text] of printedCounts) test(`count ${count}`, () => assert.equal(formatCount(count), text));

test('a printed size is at most half a step of its last digit off, and never 1024 of a unit', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (bytes) => {
      const [number, unit] = formatSize(bytes).split(' ');
      const factor = 1024 ** ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'].indexOf(unit ?? '');
      assert.ok(Number(number) < 1024);
      const step = Number(number) < 100 ? 0.1 : 1;
      assert.ok(Math.abs(Number(number) * factor - bytes) <= (step / 2 + 1e-9) * factor, formatSize(bytes));
    }),
  );
});

test('a whole number of units is read as that many', () => {
  fc.assert(
    fc.property(fc.nat(4096), fc.constantFrom('', 'k', 'm', 'g', 't'), (count, unit) => {
      assert.equal(parseSize(`${count}${unit}`), count * 1024 ** ['', 'k', 'm', 'g', 't'].indexOf(unit));
    }),
  );
});
