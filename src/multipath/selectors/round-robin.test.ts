import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PathRig } from './path-rig.test.support.ts';

describe('round-robin', () => {
  it('visits every path with room equally often, as many times in a row as it is told to', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 64 }),
        fc.integer({ min: 1, max: 20 }),
        (rooms, minimumRun) => {
          const rig = new PathRig(rooms.length, { selector: 'round-robin', minimumRun });
          for (const [index, room] of rooms.entries()) if (!room) rig.taken(index, 128);
          const withRoom = rooms.filter((room) => room).length;
          if (withRoom === 0) return;
          for (let round = 0; round < 3; round += 1) {
            const visits: number[] = [];
            for (let i = 0; i < withRoom * minimumRun; i += 1) {
              const index = rig.send();
              rig.answer(index);
              if (i % minimumRun === 0) visits.push(index);
              else assert.equal(index, visits.at(-1), 'a run is not broken off');
            }
            assert.equal(new Set(visits).size, withRoom, `round ${round} went to ${visits.join()}`);
          }
        },
      ),
    );
  });

  it('goes on before its run is over when the path is full, and does not owe it the rest', () => {
    const rig = new PathRig(2, { selector: 'round-robin', minimumRun: 4 });
    assert.equal(rig.send(), 0);
    rig.taken(0, 128);
    assert.equal(rig.send(), 1);
    rig.taken(0, 0);
    assert.deepEqual(
      Array.from({ length: 7 }, () => rig.send()),
      [1, 1, 1, 0, 0, 0, 0],
    );
  });

  it('goes on when the path is lost in the middle of its run', () => {
    const rig = new PathRig(2, { selector: 'round-robin', minimumRun: 4 });
    assert.equal(rig.send(), 0);
    rig.disable(0, true);
    assert.equal(rig.send(), 1);
  });
});
