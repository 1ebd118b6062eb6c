import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { nobody, Quarantine, quarantineBytes, quarantineEntries } from './quarantine.ts';
import { slotsPerReactor, WriteTable, writeTableBytes } from './write-table.ts';

describe('quarantine', () => {
  it('knows the same as a plain list, whatever comes and goes, on every reactor', () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('put' as const),
        by: fc.nat(1),
        start: fc.nat(60),
        length: fc.integer({ min: 1, max: 30 }),
        controller: fc.nat(2),
        epoch: fc.nat(1),
        owner: fc.nat(3),
      }),
      fc.record({ kind: fc.constant('clear' as const), by: fc.nat(1), controller: fc.nat(2), epoch: fc.nat(1) }),
      fc.record({
        kind: fc.constant('ask' as const),
        by: fc.nat(1),
        start: fc.nat(60),
        length: fc.integer({ min: 1, max: 30 }),
        owner: fc.nat(3),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const shared = new SharedArrayBuffer(quarantineBytes);
        const views = [new Quarantine(shared), new Quarantine(shared)];
        let list: { start: number; length: number; controller: number; epoch: number; owner: number }[] = [];
        for (const each of steps) {
          const view = views[each.by]!;
          if (each.kind === 'put') {
            const { start, length, controller, epoch, owner } = each;
            assert.ok(view.put(start, length, controller, epoch, owner));
            list.push({ start, length, controller, epoch, owner });
          } else if (each.kind === 'clear') {
            const stays = list.filter((entry) => entry.controller !== each.controller || entry.epoch !== each.epoch);
            assert.equal(view.clear(each.controller, each.epoch), list.length - stays.length);
            list = stays;
          } else {
            const blocked = list.some(
              ({ start, length, owner }) =>
                start < each.start + each.length &&
                each.start < start + length &&
                (owner === nobody || owner !== each.owner),
            );
            assert.equal(view.blocks(each.start, each.length, each.owner), blocked);
            assert.equal(
              view.holds(each.owner),
              list.some(({ owner }) => owner === each.owner),
            );
          }
        }
        assert.equal(views[0]!.entries().length, list.length);
      }),
    );
  });

  it('says when it is full, and takes more when there is room again', () => {
    const quarantine = new Quarantine();
    for (let index = 0; index < quarantineEntries; index += 1) assert.ok(quarantine.put(index, 1, index % 2, 1, 1));
    assert.equal(quarantine.put(0, 1, 0, 1, 1), false);
    assert.equal(quarantine.clear(0, 1), quarantineEntries / 2);
    assert.ok(quarantine.put(0, 1, 0, 1, 1));
    assert.equal(quarantine.entries().length, quarantineEntries / 2 + 1);
  });

  it('gives every owner another number', () => {
    const shared = new SharedArrayBuffer(quarantineBytes);
    const [one, other] = [new Quarantine(shared), new Quarantine(shared)];
    const owners = new Set([one.newOwner(), other.newOwner(), one.newOwner()]);
    assert.equal(owners.size, 3);
    assert.ok(!owners.has(nobody));
  });
});

describe('writes under way', () => {
  it('are seen by all reactors, exactly while they are', () => {
    const shared = new SharedArrayBuffer(writeTableBytes(2));
    const [one, other] = [new WriteTable(shared, 0, 2, 0), new WriteTable(shared, 0, 2, 1)];
    one.enter(slotsPerReactor - 1, 100, 10);
    other.enter(slotsPerReactor - 1, 200, 10);
    for (const table of [one, other]) {
      assert.ok(table.overlaps(109, 1) && table.overlaps(0, 101) && table.overlaps(205, 1));
      assert.ok(!table.overlaps(110, 90) && !table.overlaps(0, 100) && !table.overlaps(210, 1000));
    }
    one.leave(slotsPerReactor - 1);
    one.leave(slotsPerReactor - 1);
    assert.ok(!other.overlaps(100, 10));
    one.enter(slotsPerReactor - 1, 100, 10);
    assert.ok(other.overlaps(100, 10));
  });
});
