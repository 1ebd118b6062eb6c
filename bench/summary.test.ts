import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { inSeries, median, mediansOf, ratio, summarize } from './summary.ts';

test('the median of odd, even and no numbers', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.ok(Number.isNaN(median([])));
});

test('as many values lie above the median as below, in whatever order they come', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }), { minLength: 1 }),
      (values) => {
        const middle = median(values);
        const below = values.filter((value) => value < middle).length;
        const above = values.filter((value) => value > middle).length;
        assert.ok(below <= values.length / 2 && above <= values.length / 2);
        assert.equal(median(values.toReversed()), middle);
      },
    ),
  );
});

test('a summary says how far the samples lie apart', () => {
  assert.deepEqual(summarize([90, 100, 120]), { median: 100, least: 90, most: 120, spread: 0.3, count: 3 });
  assert.equal(summarize([0, 0]).spread, 0);
});

test('a part that some samples lack counts as nothing there', () => {
  assert.deepEqual(mediansOf([{ a: 1 }, { a: 3, b: 6 }, { a: 2, b: 4 }]), { a: 2, b: 4 });
});

test('ratios and stages in series', () => {
  assert.equal(ratio(6, 2), 3);
  assert.ok(Number.isNaN(ratio(1, 0)));
  assert.equal(inSeries(100, 100), 50);
  assert.equal(Math.round(inSeries(300, 150)), 100);
});
