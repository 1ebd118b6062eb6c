import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BatchQueue } from './batch.ts';
import { GrowingQueue } from './growing-queue.ts';

describe('the queue of a batch', () => {
  it('runs tasks in order until none is left, then flushes', () => {
    const order: string[] = [];
    const queue = new BatchQueue();
    queue.atEndOfBatch({ flush: () => order.push('flush') });
    queue.later({
      run: () => {
        order.push('one');
        queue.later({ run: () => order.push('three') });
      },
    });
    queue.later({ run: () => order.push('two') });
    assert.equal(queue.pending, true);
    queue.run();
    assert.deepEqual(order, ['one', 'two', 'three', 'flush']);
    assert.equal(queue.pending, false);
  });

  it('leaves what a flush adds to the next batch', () => {
    let tasks = 0;
    let flushes = 0;
    const queue = new BatchQueue();
    const again = {
      flush: (): void => {
        flushes += 1;
        queue.atEndOfBatch(again);
        queue.later({ run: () => (tasks += 1) });
      },
    };
    queue.atEndOfBatch(again);
    queue.run();
    assert.deepEqual([tasks, flushes, queue.pending], [0, 1, true]);
    queue.run();
    assert.deepEqual([tasks, flushes, queue.pending], [1, 2, true]);
  });

  it('ends a batch whose tasks never end, keeps the rest in order, and flushes nevertheless', () => {
    const order: number[] = [];
    let flushed = 0;
    const queue = new BatchQueue();
    const endless = {
      run: (): void => {
        order.push(1);
        queue.later(endless);
      },
    };
    const other = {
      run: (): void => {
        order.push(2);
        queue.later(other);
      },
    };
    queue.later(endless);
    queue.later(other);
    queue.atEndOfBatch({ flush: () => (flushed += 1) });
    queue.run();
    const first = order.length;
    assert.ok(first >= 1000 && first <= 100_000);
    assert.deepEqual([flushed, queue.pending], [1, true]);
    queue.run();
    assert.ok(order.every((value, index) => value === 1 + (index % 2)));
  });

  it('goes on after a task that threw', () => {
    let ran = 0;
    const queue = new BatchQueue();
    queue.later({
      run: () => {
        throw new Error('broken');
      },
    });
    queue.later({ run: () => (ran += 1) });
    assert.throws(() => queue.run(), /broken/);
    queue.run();
    assert.equal(ran, 1);
  });
});

describe('a growing queue', () => {
  it('keeps its order while it grows and wraps', () => {
    const queue = new GrowingQueue<{ value: number }>(4);
    let pushed = 0;
    let taken = 0;
    for (let round = 1; round < 100; round += 1) {
      for (let count = 0; count < round; count += 1) {
        queue.push({ value: pushed });
        pushed += 1;
      }
      for (let count = 0; count < round - (round % 3); count += 1) {
        assert.equal(queue.shift()?.value, taken);
        taken += 1;
      }
      assert.equal(queue.size, pushed - taken);
    }
    for (; taken < pushed; taken += 1) assert.equal(queue.shift()?.value, taken);
    assert.equal(queue.shift(), null);
    queue.push({ value: 1 });
    queue.clear();
    assert.deepEqual([queue.size, queue.shift()], [0, null]);
  });
});
