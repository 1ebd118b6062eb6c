import assert from 'node:assert/strict';
import { it } from 'node:test';
import { checkedPolicy, policyOf } from './policy.ts';

it('a policy has a value for everything, and takes over what is given', () => {
  const plain = policyOf({});
  assert.deepEqual(checkedPolicy({ ...plain }), plain, 'a default is refused');
  const other = policyOf({ selector: 'latency', noPathRetry: 0, failback: -1, ghostWrites: 'strict' });
  assert.deepEqual(other, { ...plain, selector: 'latency', noPathRetry: 0, failback: -1, ghostWrites: 'strict' });
});

it('only what is given of a policy is taken, whatever else stands beside it', () => {
  const given = { selector: undefined, failback: 0.5, name: 'db', constructor: 1, flapLimit: 3 };
  assert.deepEqual(checkedPolicy(given), { failback: 0.5, flapLimit: 3 });
});

const wrong: Record<string, unknown>[] = [
  { selector: 'fastest' },
  { selector: null },
  { ghostWrites: '__proto__' },
  { minimumRun: 0 },
  { minimumRun: 1.5 },
  { latencyMemory: -1 },
  { noPathRetry: -2 },
  { noPathRetry: Number.NaN },
  { failback: Number.POSITIVE_INFINITY },
  { failback: '5' },
  { flapLimit: 1001 },
  { flapWindow: -1 },
  { suspectAfter: -1 },
];
for (const given of wrong) {
  const [key = ''] = Object.keys(given);
  it(`refuses ${key} ${String(given[key])}, by its name`, () =>
    assert.throws(() => checkedPolicy(given), { code: 'invalid-argument', message: new RegExp(`^${key} is `) }));
}
