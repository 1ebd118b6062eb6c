import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Histogram, histogramWords } from './histogram.ts';

const value = fc.oneof(fc.nat(200), fc.nat(2 ** 31 - 1), fc.integer({ min: 0, max: 2 ** 47 - 1 }));
const values = fc.array(value, { minLength: 1, maxLength: 60 });

function recorded(input: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const one of input) histogram.record(one);
  return histogram;
}

test('a percentile is never below the exact one and at most 1/32 above', () => {
  fc.assert(
    fc.property(values, fc.integer({ min: 0, max: 1000 }), (input, permille) => {
      const sorted = [...input].toSorted((a, b) => a - b);
      const exact = sorted[Math.max(1, Math.ceil((sorted.length * permille) / 1000)) - 1] ?? Number.NaN;
      const told = recorded(input).percentile(permille / 10);
      assert.ok(told >= exact, `${told} is below ${exact}`);
      assert.ok(told <= exact + exact / 32, `${told} is too far above ${exact}`);
    }),
    { numRuns: 1000 },
  );
});

test('small values are exact', () => {
  for (let one = 0; one < 64; one += 1) assert.equal(recorded([one, 1000]).percentile(50), one);
});

test('every power of two and its neighbours fall where they belong', () => {
  for (let bit = 1; bit < 47; bit += 1) {
    for (const one of [2 ** bit - 1, 2 ** bit, 2 ** bit + 1]) {
      const told = recorded([one, 2 ** 46]).percentile(50);
      assert.ok(told >= one && told <= one + one / 32, `${one} became ${told}`);
    }
  }
});

test('count, sum and max', () => {
  const histogram = recorded([3, 5, 2 ** 40]);
  assert.deepEqual([histogram.count, histogram.sum, histogram.max], [3, 8 + 2 ** 40, 2 ** 40]);
});

test('an empty one says 0 everywhere', () => {
  const histogram = new Histogram();
  assert.deepEqual([histogram.count, histogram.sum, histogram.max, histogram.percentile(99)], [0, 0, 0, 0]);
});

test('merging is the same as recording both', () => {
  fc.assert(
    fc.property(values, values, (a, b) => {
      const merged = recorded(a);
      merged.merge(recorded(b));
      const both = recorded([...a, ...b]);
      for (const percent of [0, 1, 50, 90, 99, 100]) assert.equal(merged.percentile(percent), both.percentile(percent));
      assert.deepEqual([merged.count, merged.max], [both.count, both.max]);
    }),
  );
});

test('clearing forgets everything', () => {
  const histogram = recorded([1, 2, 3]);
  histogram.clear();
  assert.deepEqual([histogram.count, histogram.sum, histogram.max], [0, 0, 0]);
});

test('values beyond the range, negative ones and NaN are counted and break nothing', () => {
  const histogram = recorded([2 ** 50, Number.POSITIVE_INFINITY]);
  assert.equal(histogram.count, 2);
  assert.equal(histogram.percentile(50), Number.POSITIVE_INFINITY);
  const low = recorded([-5, Number.NaN]);
  assert.deepEqual([low.count, low.sum, low.percentile(100)], [2, 0, 0]);
});

test('one thread records, another reads, over the same shared memory', () => {
  const memory = new SharedArrayBuffer(histogramWords * 8);
  const writer = new Histogram(new Float64Array(memory));
  const reader = new Histogram(new Float64Array(memory));
  writer.record(17);
  assert.deepEqual([reader.count, reader.percentile(50)], [1, 17]);
});

test('memory of the wrong length is refused', () => {
  assert.throws(() => new Histogram(new Float64Array(10)), { code: 'assertion' });
});
