import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BoundedQueue } from './bounded-queue.ts';

test('behaves as an array with an upper bound', () => {
  const step = fc.oneof(fc.constant('push'), fc.constant('shift'));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.array(step, { maxLength: 200 }), (capacity, steps) => {
      const queue = new BoundedQueue<{ id: number }>(capacity);
      const model: { id: number }[] = [];
      for (const [id, what] of steps.entries()) {
        if (what === 'push') {
          const item = { id };
          const fits = model.length < capacity;
          assert.equal(queue.push(item), fits);
          if (fits) model.push(item);
        } else {
          assert.equal(queue.shift(), model.shift() ?? null);
        }
        assert.equal(queue.size, model.length);
        assert.equal(queue.peek(), model[0] ?? null);
      }
    }),
  );
});

test('a full queue that is not a power of two refuses, and takes again once there is room', () => {
  const queue = new BoundedQueue<{ id: number }>(3);
  for (let id = 0; id < 3; id += 1) assert.equal(queue.push({ id }), true);
  assert.equal(queue.push({ id: 3 }), false);
  assert.deepEqual(queue.shift(), { id: 0 });
  assert.equal(queue.push({ id: 4 }), true);
  assert.deepEqual(
    [queue.shift(), queue.shift(), queue.shift(), queue.shift()],
    [{ id: 1 }, { id: 2 }, { id: 4 }, null],
  );
});

for (const capacity of [0, -1, 1.5, Number.NaN, 2 ** 24 + 1]) {
  test(`a capacity of ${capacity} is refused`, () => {
    assert.throws(() => new BoundedQueue(capacity), { code: 'assertion' });
  });
}
