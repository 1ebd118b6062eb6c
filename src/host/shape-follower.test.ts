import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeChange, ShapeFollower } from './shape-follower.ts';
import type { Shape } from './volume-shape.ts';

const mebi = 2 ** 20;

function shape(size: number, readOnly = false): Shape {
  return { sizeBytes: size * mebi, readOnly };
}

/** A follower over two reactors, with a kernel that does what it is told, when it is told to. */
class Bench {
  readonly orders: string[] = [];
  readonly changes: string[] = [];
  readonly troubles: string[] = [];
  failing = false;
  readonly #waiting: (() => void)[] = [];
  readonly follower = new ShapeFollower(
    2,
    shape(16),
    {
      onChanged: (before, now) => this.changes.push(...describeChange('db', before, now)),
      onTrouble: (message) => this.troubles.push(message),
    },
    () => new Promise((resolve) => this.#waiting.push(resolve)),
  );
  readonly kernel = {
    resize: (sizeBytes: number): Promise<void> => this.#order(`size ${sizeBytes / mebi}`),
    setReadOnly: (readOnly: boolean): Promise<void> => this.#order(readOnly ? 'protect' : 'allow'),
  };

  async #order(order: string): Promise<void> {
    this.orders.push(order);
    await Promise.resolve();
    if (this.failing) throw new Error('it does not answer');
  }

  /** Time passes. */
  async retry(): Promise<void> {
    for (const resume of this.#waiting.splice(0)) resume();
    await settled();
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('shape follower', () => {
  it('tells the kernel of growth when all reactors have grown, of shrinking with the first', async () => {
    const one = new Bench();
    await one.follower.begin(one.kernel, shape(16));
    one.follower.onShape(0, shape(32), '');
    await settled();
    assert.deepEqual([one.orders, one.changes], [[], []]);
    one.follower.onShape(1, shape(32), '');
    await settled();
    assert.deepEqual([one.orders, one.changes], [['size 32'], ['db grew from 16 MiB to 32 MiB']]);
    assert.equal(one.follower.shape.sizeBytes, 32 * mebi);
    one.follower.onShape(1, shape(8), '');
    await settled();
    assert.deepEqual(one.orders.slice(1), ['size 8']);
    assert.match(one.changes[1] ?? '', /^db shrank from 32 MiB to 8 MiB/);
  });

  it('keeps writes away with the first reactor, and invites them again with the last', async () => {
    const one = new Bench();
    await one.follower.begin(one.kernel, shape(16));
    one.follower.onShape(1, shape(16, true), '');
    await settled();
    assert.deepEqual(one.orders, ['protect']);
    one.follower.onShape(0, shape(16, true), '');
    one.follower.onShape(1, shape(16), '');
    await settled();
    assert.equal(one.orders.length, 1);
    one.follower.onShape(0, shape(16), '');
    await settled();
    assert.deepEqual(one.orders, ['protect', 'allow']);
    assert.deepEqual(one.changes, ['db is read-only now: its array protects it from writes', 'db is writable again']);
  });

  it('catches up with what changed while the device was made', async () => {
    const one = new Bench();
    for (const reactor of [0, 1]) one.follower.onShape(reactor, shape(32, true), '');
    await one.follower.begin(one.kernel, shape(16));
    assert.deepEqual(one.orders, ['protect', 'size 32']);
    assert.equal(one.changes.length, 2);
  });

  it('says so when the kernel can not be told, once, and tries again', async () => {
    const one = new Bench();
    await one.follower.begin(one.kernel, shape(16));
    one.failing = true;
    for (const reactor of [0, 1]) one.follower.onShape(reactor, shape(32), '');
    await settled();
    await one.retry();
    assert.deepEqual(one.orders, ['size 32', 'size 32']);
    const trouble = 'the kernel device does not show yet what the volume is now: it does not answer';
    assert.deepEqual([one.troubles, one.follower.notes, one.changes], [[trouble], [trouble], []]);
    assert.equal(one.follower.shape.sizeBytes, 16 * mebi);
    one.failing = false;
    await one.retry();
    assert.deepEqual([one.follower.notes, one.changes.length, one.follower.shape.sizeBytes], [[], 1, 32 * mebi]);
  });

  it('does nothing while it is held, and then all of it', async () => {
    const one = new Bench();
    await one.follower.begin(one.kernel, shape(16));
    await one.follower.hold();
    for (const reactor of [0, 1]) one.follower.onShape(reactor, shape(32), '');
    await settled();
    assert.deepEqual(one.orders, []);
    await one.follower.resume();
    assert.deepEqual(one.orders, ['size 32']);
  });

  it('shows the notes of the reactors, each once', async () => {
    const one = new Bench();
    for (const reactor of [0, 1]) one.follower.onShape(reactor, shape(16), 'the device stays');
    assert.deepEqual(one.follower.notes, ['the device stays']);
    for (const reactor of [0, 1]) one.follower.onShape(reactor, shape(16), '');
    assert.deepEqual(one.follower.notes, []);
  });

  it('listens to reactors that serve the volume, not to others', async () => {
    const one = new Bench();
    await one.follower.begin(one.kernel, shape(16));
    one.follower.onShape(2, shape(8, true), 'something');
    await settled();
    assert.deepEqual([one.orders, one.follower.notes], [[], []]);
  });
});
