import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CausewayError } from '../base/errors.ts';
import type { SelectorOptions } from './path-set.ts';
import { maxWeight, selectorNames } from './selector.ts';
import { PathRig, RigPath } from './selectors/path-rig.test.support.ts';
import { DeviceStatistics, pathCounter } from './statistics.ts';

describe('the paths of a device', () => {
  it('are none at first, and none is chosen', () => {
    for (const selector of selectorNames) {
      const rig = new PathRig(0, { selector });
      assert.equal(rig.set.alive, false);
      assert.equal(rig.send(), -1);
    }
  });

  it('are chosen optimized before non-optimized before none, by every selector', () => {
    for (const selector of selectorNames) {
      const rig = new PathRig(4, { selector });
      rig.access(0, 'inaccessible');
      rig.access(1, 'non-optimized');
      rig.access(3, 'non-optimized');
      assert.deepEqual(rig.share(20), [0, 0, 20, 0]);
      rig.disable(2, true);
      assert.equal(rig.share(20)[0], 0);
      rig.disable(1, true);
      assert.deepEqual(rig.share(20), [0, 0, 0, 20]);
      rig.disable(3, true);
      assert.equal(rig.set.alive, false);
      assert.equal(rig.send(), -1);
      rig.disable(1, false);
      assert.equal(rig.set.alive, true);
      assert.deepEqual(rig.share(20), [0, 20, 0, 0]);
    }
  });

  it('are not forgotten when full: one that has room again is chosen again, whoever made the room', () => {
    for (const selector of selectorNames) {
      const rig = new PathRig(2, { selector }, 2);
      rig.disable(1, true);
      rig.taken(0, 2);
      assert.equal(rig.send(), -1);
      rig.taken(0, 1);
      assert.equal(rig.send(), 0);
      assert.equal(rig.send(), -1);
      rig.answer(0);
      assert.equal(rig.send(), 0);
    }
  });

  it('come and go while commands are under way', () => {
    const rig = new PathRig(3, {});
    for (let i = 0; i < 9; i += 1) rig.send();
    rig.set.drop(1);
    assert.deepEqual(new Set([rig.send(), rig.send()]), new Set([0, 2]));
    rig.paths[1] = new RigPath(1, 128);
    rig.set.add(1, rig.path(1)).refresh(0);
    rig.set.rebuild();
    assert.deepEqual(
      Array.from({ length: 4 }, () => rig.send()),
      [1, 1, 1, 1],
    );
    assert.equal(rig.set.member(1).path, rig.path(1));
  });

  it('say how long they lately took', () => {
    const rig = new PathRig(2, {});
    rig.sendOn(1);
    rig.now += 7;
    rig.answer(1);
    assert.equal(rig.statistics.get(DeviceStatistics.pathBase(1) + pathCounter.latencyNow), 7);
  });

  it('ignore room of a path that is none of theirs any more', () => {
    const rig = new PathRig(2, {});
    const gone = rig.path(1);
    rig.set.drop(1);
    rig.set.hasRoomAgain(gone);
    assert.deepEqual([rig.send(), rig.send()], [0, 0]);
    rig.paths[1] = new RigPath(1, 128);
    rig.set.add(1, rig.path(1)).refresh(rig.now);
    rig.set.rebuild();
    for (let i = 0; i < 3; i += 1) rig.sendOn(1);
    rig.set.hasRoomAgain(gone);
    assert.equal(rig.send(), 0, 'its load is not that of the path in its place');
  });

  it('refuse weights that make no sense', () => {
    const wrong: SelectorOptions[] = [
      { weights: [1, 0] },
      { weights: [1, 1.5] },
      { weights: [maxWeight + 1] },
      { weights: [Number.NaN] },
      { weights: Array.from({ length: 65 }, () => 1) },
    ];
    for (const options of wrong) {
      assert.throws(
        () => new PathRig(1, options),
        (error) => error instanceof CausewayError && error.code === 'invalid-argument',
        JSON.stringify(options),
      );
    }
  });
});
