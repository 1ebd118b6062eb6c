import assert from 'node:assert/strict';
import type { Flushable, Task } from '../contract.ts';
import type { ContractTest } from './bodies.ts';

export const loopTests: Record<string, ContractTest> = {
  'tasks run in order, also those that tasks add, and flushing comes after them': async ({ io }) => {
    const order: string[] = [];
    const done = io.deferred<void>();
    const last: Task = { run: () => order.push('last') };
    const inner: Flushable = {
      flush: () => {
        order.push('flush of a flush');
        done.resolve();
      },
    };
    const flush: Flushable = {
      flush: () => {
        order.push('flush');
        io.later({ run: () => order.push('task of a flush') });
        io.atEndOfBatch(inner);
      },
    };
    const first: Task = {
      run: () => {
        order.push('first');
        io.later({
          run: () => {
            order.push('added');
            io.later(last);
          },
        });
      },
    };
    io.atEndOfBatch(flush);
    io.later(first);
    io.later({ run: () => order.push('second') });
    assert.deepEqual(order, [], 'a task ran at once');
    await done.promise;
    assert.deepEqual(order, ['first', 'second', 'added', 'last', 'flush', 'task of a flush', 'flush of a flush']);
  },

  'a task that adds itself again and again does not keep timers and flushing away': async ({ io }) => {
    let on = true;
    let flushed = 0;
    const endless: Task = {
      run: () => {
        if (on) io.later(endless);
      },
    };
    const flush: Flushable = { flush: () => (flushed += 1) };
    io.later(endless);
    io.atEndOfBatch(flush);
    await io.sleep(2);
    on = false;
    assert.equal(flushed, 1);
  },

  'timers fire by due time, and among equals in the order in which they were armed': async ({ io }) => {
    const order: string[] = [];
    const done = io.deferred<void>();
    const start = io.clock.now();
    const at = new Map<string, number>();
    const named = (name: string) =>
      io.timer(() => {
        order.push(name);
        at.set(name, io.clock.now() - start);
      });
    const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map(named);
    const end = io.timer(() => done.resolve());
    assert.ok(a !== undefined && b !== undefined && c !== undefined && d !== undefined && e !== undefined);
    a.arm(30);
    b.arm(10);
    c.arm(5);
    d.arm(10);
    e.arm(15);
    a.arm(12);
    e.disarm();
    e.disarm();
    end.arm(40);
    assert.deepEqual([a.armed, e.armed], [true, false]);
    await done.promise;
    assert.deepEqual(order, ['c', 'b', 'd', 'a']);
    assert.deepEqual([a.armed, b.armed, end.armed], [false, false, false]);
    for (const [name, wanted] of Object.entries({ a: 12, b: 10, c: 5, d: 10 })) {
      assert.ok((at.get(name) ?? 0) >= wanted, `${name} fired after ${at.get(name)} ms instead of ${wanted}`);
    }
  },

  'a timer disarmed by another one that is due does not fire': async ({ io }) => {
    let fired = false;
    const victim = io.timer(() => {
      fired = true;
    });
    const killer = io.timer(() => victim.disarm());
    killer.arm(5);
    victim.arm(5);
    await io.sleep(10);
    assert.equal(fired, false);
    assert.equal(victim.armed, false);
  },

  'a timer that arms itself with nothing lets others live': async ({ io }) => {
    let times = 0;
    const again = io.timer(() => {
      times += 1;
      again.arm(0);
    });
    again.arm(0);
    await io.sleep(3);
    again.disarm();
    const before = times;
    assert.ok(before > 0);
    await io.sleep(3);
    assert.equal(times, before);
  },

  'the clock goes on, never back, and a sleep lasts at least as long as it should': async ({ io }) => {
    for (const milliseconds of [0, 1, 7.5, 20]) {
      const before = io.clock.now();
      await io.sleep(milliseconds);
      assert.ok(io.clock.now() - before >= milliseconds, `a sleep of ${milliseconds} ms was too short`);
    }
  },

  'sleepers wake in order': async ({ io }) => {
    const order: number[] = [];
    await Promise.all(
      [20, 5, 10, 1].map((milliseconds) => io.sleep(milliseconds).then(() => order.push(milliseconds))),
    );
    assert.deepEqual(order, [1, 5, 10, 20]);
  },

  'a deferred settles once, and what waits for it goes on': async ({ io }) => {
    const good = io.deferred<number>();
    const bad = io.deferred<number>();
    const timer = io.timer(() => {
      good.resolve(1);
      good.resolve(2);
      good.reject(new Error('too late'));
      bad.reject(new Error('told'));
    });
    timer.arm(1);
    assert.equal(good.settled, false);
    await assert.rejects(bad.promise, { message: 'told' });
    assert.equal(await good.promise, 1);
    assert.equal(good.settled, true);
  },
};
