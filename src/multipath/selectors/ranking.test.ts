import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Ranking } from './ranking.ts';

describe('a ranking', () => {
  it('always names the least key, among equals the one used longest ago, of those that take part', () => {
    const change = fc.tuple(
      fc.nat({ max: 63 }),
      fc.oneof(fc.integer({ min: 0, max: 4 }), fc.constant(Number.POSITIVE_INFINITY)),
      fc.boolean(),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(1, 2, 4, 8, 16, 32, 64),
        fc.array(change, { maxLength: 300, size: 'max' }),
        (leaves, changes) => {
          const turns = new Float64Array(64);
          const ranking = new Ranking(turns);
          ranking.clear(leaves);
          for (const [turn, [at, key, used]] of changes.entries()) {
            const index = at % leaves;
            if (used) turns[index] = turn + 1;
            ranking.set(index, key);
            const taking = [...turns.slice(0, leaves).keys()].filter((each) => ranking.keys[each]! < Infinity);
            const best = taking.toSorted(
              (a, b) => ranking.keys[a]! - ranking.keys[b]! || turns[a]! - turns[b]! || a - b,
            )[0];
            assert.equal(ranking.first, best ?? -1);
          }
        },
      ),
    );
  });

  it('has nobody in it after it was cleared', () => {
    const ranking = new Ranking(new Float64Array(64));
    ranking.clear(4);
    ranking.set(2, 1);
    assert.equal(ranking.first, 2);
    ranking.clear(2);
    assert.equal(ranking.first, -1);
  });
});
