import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { groupOf, maxGroups, throughputGroups } from './throughput-groups.ts';

const weights = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 64 });

describe('throughput groups', () => {
  it('stand for themselves while there are few', () => {
    assert.deepEqual(throughputGroups([10, 25, 10, 100]), [100, 25, 10]);
    assert.equal(groupOf([100, 25, 10], 25), 1);
  });

  it('are never too many, fall, and stay within what there is', () => {
    fc.assert(
      fc.property(weights, (given) => {
        const groups = throughputGroups(given);
        assert.ok(groups.length >= 1 && groups.length <= maxGroups);
        for (let i = 1; i < groups.length; i += 1) assert.ok(groups[i - 1]! > groups[i]!);
        for (const group of groups) assert.ok(group >= Math.min(...given) && group <= Math.max(...given));
        if (new Set(given).size <= maxGroups)
          for (const weight of given) assert.equal(groups[groupOf(groups, weight)], weight);
      }),
    );
  });

  it('take no weight for one that is far from it, even when weights are spread over a thousandfold', () => {
    fc.assert(
      fc.property(weights, (given) => {
        const groups = throughputGroups(given);
        for (const weight of given) {
          const group = groups[groupOf(groups, weight)]!;
          const ratio = group > weight ? group / weight : weight / group;
          assert.ok(ratio < 2.4, `${weight} is taken for ${group}`);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
