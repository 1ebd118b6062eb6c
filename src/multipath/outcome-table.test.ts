import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { addOutcomes, countOutcome, otherOutcomes, outcomeWords } from './outcome-table.ts';

describe('the table of outcomes', () => {
  it('counts the first ones each, the rest together, and none of them twice', () => {
    const outcome = fc.oneof(fc.nat(14), fc.nat(0x908));
    fc.assert(
      fc.property(fc.array(outcome, { maxLength: 100 }), (outcomes) => {
        const words = new Float64Array(outcomeWords + 2);
        for (const one of outcomes) countOutcome(words, 1, one);
        assert.deepEqual([words[0], words.at(-1)], [0, 0], 'it stays within its place');
        const counted = new Map<number, number>();
        addOutcomes(words, 1, counted);
        const known = new Set([...new Set(outcomes)].slice(0, outcomeWords / 2 - 1));
        const expected = new Map<number, number>();
        for (const one of outcomes) {
          const row = known.has(one) ? one : otherOutcomes;
          expected.set(row, (expected.get(row) ?? 0) + 1);
        }
        assert.deepEqual(counted, expected);
      }),
    );
  });

  it('adds up over reactors', () => {
    const [one, other] = [new Float64Array(outcomeWords), new Float64Array(outcomeWords)];
    countOutcome(one, 0, 0x301);
    countOutcome(other, 0, 6);
    countOutcome(other, 0, 0x301);
    const counted = new Map<number, number>();
    for (const words of [one, other]) addOutcomes(words, 0, counted);
    assert.deepEqual(
      [...counted],
      [
        [0x301, 2],
        [6, 1],
      ],
    );
  });
});
