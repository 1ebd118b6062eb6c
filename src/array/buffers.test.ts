import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { World } from '../io/sim/world.ts';
import { BufferPool, type BufferWaiter } from './buffers.ts';

class Waiter implements BufferWaiter {
  nextWaiter: BufferWaiter | null = null;
  readonly name: string;
  readonly served: string[];
  readonly pool: BufferPool;
  /** Gives its buffer back at once, when true. */
  readonly quick: boolean;

  constructor(name: string, pool: BufferPool, served: string[], quick = true) {
    this.name = name;
    this.pool = pool;
    this.served = served;
    this.quick = quick;
  }

  onBuffer(place: number): void {
    this.served.push(this.name);
    if (this.quick) this.pool.give(place);
  }
}

const classes = [
  { bytes: 4096, count: 2 },
  { bytes: 16384, count: 1 },
];

describe('the buffer pool', () => {
  it('hands out what fits, and says when there is none', () => {
    const pool = new BufferPool(new World({ seed: 1 }).io('one'), classes);
    assert.equal(pool.largest, 16384);
    const first = pool.take(1);
    const second = pool.take(4096);
    assert.notEqual(first, second);
    assert.equal(pool.take(4096), -1);
    const large = pool.take(4097);
    assert.ok(large >= 0);
    assert.equal(pool.inUse, 3);
    pool.give(first);
    assert.equal(pool.take(100), first);
    pool.give(first);
    pool.give(second);
    pool.give(large);
    assert.equal(pool.inUse, 0);
  });

  it('serves those who wait in order, before those who come later', async () => {
    const world = new World({ seed: 2 });
    const io = world.io('one');
    const pool = new BufferPool(io, classes);
    const held = [pool.take(4096), pool.take(4096)];
    const served: string[] = [];
    for (const name of ['a', 'b', 'c']) pool.wait(4096, new Waiter(name, pool, served));
    pool.give(held[0]!);
    assert.deepEqual(served, [], 'never from inside give');
    assert.equal(pool.take(4096), -1, 'those who wait come first');
    await world.drive(io.sleep(1));
    assert.deepEqual(served, ['a', 'b', 'c']);
    assert.notEqual(pool.take(4096), -1);
  });

  it('keeps its sizes apart', async () => {
    const world = new World({ seed: 3 });
    const io = world.io('one');
    const pool = new BufferPool(io, classes);
    const small = pool.take(4096);
    const large = pool.take(16384);
    const served: string[] = [];
    pool.wait(16384, new Waiter('large', pool, served, false));
    pool.give(small);
    await world.drive(io.sleep(1));
    assert.deepEqual(served, []);
    pool.give(large);
    await world.drive(io.sleep(1));
    assert.deepEqual(served, ['large']);
    assert.equal(pool.inUse, 1);
  });

  it('takes nothing back twice, and nothing that is not its own', () => {
    const pool = new BufferPool(new World({ seed: 4 }).io('one'), classes);
    const place = pool.take(16384);
    pool.give(place);
    assert.throws(() => pool.give(place), { code: 'assertion' });
    assert.throws(() => pool.give(place + 4096), { code: 'assertion' });
    assert.throws(() => pool.give(-1), { code: 'assertion' });
    assert.throws(() => pool.take(16385), { code: 'assertion' });
  });
});
