import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LivePolicy, type PolicyOrder } from './live-policy.ts';

const paths = ['10.0.0.1:4420', '10.0.0.2:4420'].map((id, index) => ({ id, index }));

/** Reactors that take their time: what each order said, and what lets the oldest one be taken over. */
function slowly(): { orders: PolicyOrder[]; deliver: (order: PolicyOrder) => Promise<void>; done: () => void } {
  const orders: PolicyOrder[] = [];
  const waiting: (() => void)[] = [];
  return {
    orders,
    deliver: (order) => {
      orders.push(order);
      return new Promise((resolve) => waiting.push(resolve));
    },
    done: () => waiting.shift()?.(),
  };
}

const atOnce = (): Promise<void> => Promise.resolve();
const mustNot = (): Promise<void> => assert.fail('a reactor was told');
const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('the policy of a volume', () => {
  it('is what was said at attach, and the defaults of the rest', () => {
    const policy = new LivePolicy({ selector: 'weighted', weights: { '10.0.0.2:4420': 3 } }, paths);
    const { selector, minimumRun, weights } = policy.settings(paths);
    assert.deepEqual(
      { selector, minimumRun, weights },
      {
        selector: 'weighted',
        minimumRun: 1,
        weights: { '10.0.0.1:4420': 1, '10.0.0.2:4420': 3 },
      },
    );
    assert.deepEqual(policy.order.weights, [1, 3]);
  });

  it('changes what is given and nothing else; the next change waits until all reactors have the one before', async () => {
    const policy = new LivePolicy({ failback: 500, weights: { '10.0.0.1:4420': 7 } }, paths);
    const { orders, deliver, done } = slowly();
    const first = policy.change({ selector: 'latency' }, {}, paths, deliver);
    const second = policy.change({ selector: 'weighted', weights: { '10.0.0.2:4420': 2 } }, {}, paths, deliver);
    await settle();
    assert.deepEqual(
      orders.map((order) => order.policy.selector),
      ['latency'],
    );
    assert.deepEqual(orders[0]?.weights, [7]);
    done();
    await first;
    await settle();
    assert.deepEqual(
      orders.map((order) => order.policy.selector),
      ['latency', 'weighted'],
    );
    assert.deepEqual([orders[1]?.weights, orders[1]?.policy.failback], [[7, 2], 500]);
    done();
    await second;
  });

  it('goes from none to quarantine by way of strict, which all reactors have before the first sends lost writes again', async () => {
    const policy = new LivePolicy({ ghostWrites: 'none' }, paths);
    const { orders, deliver, done } = slowly();
    const change = policy.change({ ghostWrites: 'quarantine' }, {}, paths, deliver);
    await settle();
    assert.deepEqual(
      orders.map((order) => order.policy.ghostWrites),
      ['strict'],
    );
    done();
    await settle();
    assert.deepEqual(
      orders.map((order) => order.policy.ghostWrites),
      ['strict', 'quarantine'],
    );
    done();
    await change;
  });

  it('becomes none only if the harm is accepted', async () => {
    const policy = new LivePolicy({}, paths);
    assert.throws(() => policy.change({ ghostWrites: 'none' }, {}, paths, mustNot), { code: 'invalid-argument' });
    assert.equal(policy.policy.ghostWrites, 'quarantine');
    await policy.change({ ghostWrites: 'none' }, { acceptStaleData: true }, paths, atOnce);
    assert.equal(policy.policy.ghostWrites, 'none');
  });

  const wrong: [settings: Record<string, unknown>, code: string][] = [
    [{ selector: 'fastest' }, 'invalid-argument'],
    [{ keepAlive: 5 }, 'invalid-argument'],
    [{ failback: -5 }, 'invalid-argument'],
    [{ weights: { '10.0.0.3:4420': 1 } }, 'no-such-path'],
    [{ weights: { '10.0.0.1:4420': 0 } }, 'invalid-argument'],
    [{ weights: { '10.0.0.1:4420': '5' } }, 'invalid-argument'],
    [{ weights: 5 }, 'invalid-argument'],
    [{ weights: null }, 'invalid-argument'],
  ];
  for (const [settings, code] of wrong) {
    it(`refuses ${JSON.stringify(settings)}, and nothing changes`, () => {
      const policy = new LivePolicy({}, paths);
      const before = policy.settings(paths);
      assert.throws(() => policy.change({ selector: 'latency', ...settings }, {}, paths, mustNot), { code });
      assert.deepEqual(policy.settings(paths), before);
    });
  }
});
