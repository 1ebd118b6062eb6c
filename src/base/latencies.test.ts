import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Latencies, latencyWords, recordLatency } from './latencies.ts';

/** Milliseconds, from less than a microsecond to more than the buckets reach. */
const latency = fc.oneof(
  fc.double({ min: 0, max: 0.02, noNaN: true }),
  fc.double({ min: 0, max: 50, noNaN: true }),
  fc.double({ min: 0, max: 500_000, noNaN: true }),
);
const latencies = fc.array(latency, { minLength: 1, maxLength: 60 });

function told(places: readonly (readonly number[])[]): Latencies {
  // Each place between others, which have to stay as they are.
  const words = new Float64Array((places.length * 2 + 1) * latencyWords).fill(-1);
  const sum = new Latencies();
  for (const [index, values] of places.entries()) {
    const at = (index * 2 + 1) * latencyWords;
    words.fill(0, at, at + latencyWords);
    for (const value of values) recordLatency(words, at, value);
    sum.add(words, at);
  }
  for (let index = 0; index <= places.length; index += 1) {
    const at = index * 2 * latencyWords;
    assert.ok(words.subarray(at, at + latencyWords).every((word) => word === -1));
  }
  return sum;
}

test('a percentile is never below the exact one, and at most a quarter and a microsecond above', () => {
  fc.assert(
    fc.property(latencies, fc.integer({ min: 0, max: 1000 }), (input, permille) => {
      const sorted = input.toSorted((a, b) => a - b);
      const exact = sorted[Math.max(1, Math.ceil((sorted.length * permille) / 1000)) - 1]! * 1000;
      const found = told([input]).percentile(permille / 10);
      assert.ok(found >= exact, `${found} is below ${exact}`);
      // Above their range the longest is all that is known.
      if (exact < 117_000_000) assert.ok(found <= exact * 1.25 + 1, `${found} is too far above ${exact}`);
    }),
    { numRuns: 1000 },
  );
});

test('each latency is in the one bucket whose bounds hold it, whichever reactors counted', () => {
  fc.assert(
    fc.property(fc.array(latencies, { minLength: 1, maxLength: 3 }), (places) => {
      const all = places.flat();
      const sum = told(places);
      const { buckets } = sum;
      for (const { from, to, count } of buckets) {
        const within = all.filter((one) => one * 1000 >= from && (to === null || one * 1000 < to));
        assert.equal(within.length, count, `from ${from} to ${to}`);
      }
      for (const [index, { from }] of buckets.entries()) if (index > 0) assert.ok(from >= buckets[index - 1]!.to!);
      assert.equal(sum.count, all.length);
      assert.equal(sum.max, Math.max(...all) * 1000);
      const total = all.reduce((one, other) => one + other, 0) * 1000;
      assert.ok(Math.abs(sum.sum - total) <= total * 1e-9);
    }),
  );
});

test('nothing was counted: 0 everywhere, and no bucket', () => {
  const none = new Latencies();
  assert.deepEqual([none.count, none.sum, none.max, none.percentile(99), none.buckets], [0, 0, 0, 0, []]);
});

test('what is no latency counts as 0 and leaves everything else alone', () => {
  const sum = told([[-5, Number.NaN, -0]]);
  assert.deepEqual([sum.count, sum.sum, sum.max], [3, 0, 0]);
  assert.deepEqual(sum.buckets, [{ from: 0, to: 1, count: 3 }]);
});

test('a latency without end is in the last bucket', () => {
  const sum = told([[1, 200_000]]);
  assert.deepEqual(sum.buckets.at(-1), { from: 117_440_512, to: null, count: 1 });
  assert.equal(sum.percentile(100), 200_000_000);
});
