import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Slab } from './slab.ts';

interface Item {
  readonly tag: number;
}

const slabOf = (capacity: number): Slab<Item> => new Slab(capacity, (tag) => ({ tag }));

test('no item is handed out twice, and every idle one can be had', () => {
  // Each step takes (null) or gives back the item of that rank among those in use.
  const step = fc.option(fc.nat(7));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 100 }), (capacity, steps) => {
      const slab = slabOf(capacity);
      const inUse: Item[] = [];
      for (const rank of steps) {
        if (rank === null) {
          const item = slab.take();
          assert.equal(item === null, inUse.length === capacity);
          if (item === null) continue;
          assert.ok(!inUse.includes(item));
          inUse.push(item);
        } else if (inUse.length > 0) {
          const [item] = inUse.splice(rank % inUse.length, 1);
          assert.ok(item);
          slab.give(item);
        }
        assert.equal(slab.available, capacity - inUse.length);
        for (let tag = 0; tag < capacity; tag += 1) assert.equal(slab.isTaken(tag), inUse.includes(slab.at(tag)));
      }
    }),
  );
});

test('the item given back last is handed out first', () => {
  const slab = slabOf(3);
  const [a, b] = [slab.take(), slab.take()];
  assert.deepEqual([a?.tag, b?.tag], [0, 1]);
  assert.ok(a);
  slab.give(a);
  assert.equal(slab.take(), a);
});

test('giving back twice, or what belongs elsewhere, is a bug and says so', () => {
  const slab = slabOf(2);
  const item = slab.take();
  assert.ok(item);
  slab.give(item);
  assert.throws(() => slab.give(item), { code: 'assertion' });
  const other = slabOf(2).take();
  assert.ok(other);
  slab.take();
  assert.throws(() => slab.give(other), { code: 'assertion' });
});

test('tags that do not exist', () => {
  const slab = slabOf(2);
  for (const tag of [-1, 2, 0.5, Number.NaN]) {
    assert.equal(slab.isTaken(tag), false);
    assert.throws(() => slab.at(tag), { code: 'assertion' });
  }
});

test('an item with the wrong tag is refused at start-up', () => {
  assert.throws(() => new Slab(2, () => ({ tag: 0 })), { code: 'assertion' });
});
