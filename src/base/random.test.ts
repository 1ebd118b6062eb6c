import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from './random.ts';

const take = (random: Random, count: number): number[] => Array.from({ length: count }, () => random.nextUint32());

test('a seed always gives the sequence that is written down here', () => {
  // If this fails, recorded seeds of failures no longer replay what they recorded.
  assert.deepEqual(take(new Random(1), 3), [3685413526, 628251110, 212572038]);
});

test('different seeds, also those that differ above bit 32, give different sequences', () => {
  const first = [0, 1, 2, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1].map((seed) => take(new Random(seed), 4).join());
  assert.equal(new Set(first).size, first.length);
});

test('below: every number occurs about as often as the others', () => {
  const random = new Random(7);
  const seen = new Array<number>(10).fill(0);
  const draws = 100_000;
  for (let draw = 0; draw < draws; draw += 1) {
    const drawn = random.below(10);
    seen[drawn] = (seen[drawn] ?? Number.NaN) + 1;
  }
  // The standard deviation is 95; the seed is fixed, so this either always or never passes.
  for (const count of seen) assert.ok(Math.abs(count - draws / 10) < 400, seen.join());
});

test('below: bounds at the edges', () => {
  const random = new Random(3);
  for (let draw = 0; draw < 100; draw += 1) assert.equal(random.below(1), 0);
  for (let draw = 0; draw < 100; draw += 1) assert.ok(random.below(2 ** 32) < 2 ** 32);
  for (const bound of [0, -1, 1.5, Number.NaN, 2 ** 32 + 1]) {
    assert.throws(() => random.below(bound), { code: 'assertion' });
  }
});

test('below: no favour for small numbers where the bound does not divide 2^32', () => {
  // A plain remainder would put half of all draws into the lowest third.
  const random = new Random(11);
  const bound = 3 * 2 ** 30;
  let low = 0;
  for (let draw = 0; draw < 30_000; draw += 1) if (random.below(bound) < 2 ** 30) low += 1;
  assert.ok(Math.abs(low - 10_000) < 400, `${low} of 30000 in the lowest third`);
});

test('float lies in [0, 1) and has its mean in the middle', () => {
  const random = new Random(5);
  let sum = 0;
  for (let draw = 0; draw < 10_000; draw += 1) {
    const drawn = random.float();
    assert.ok(drawn >= 0 && drawn < 1);
    sum += drawn;
  }
  assert.ok(Math.abs(sum / 10_000 - 0.5) < 0.02, String(sum));
});

for (const seed of [-1, 0.5, Number.NaN, 2 ** 53]) {
  test(`a seed of ${seed} is refused`, () => assert.throws(() => new Random(seed), { code: 'assertion' }));
}
