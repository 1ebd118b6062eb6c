import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PathRig } from './path-rig.test.support.ts';

describe('failover-only', () => {
  it('changes its path only when that one no longer carries I/O, and then to the first that does', () => {
    const changes = fc.array(fc.tuple(fc.nat({ max: 7 }), fc.boolean()), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), changes, (count, story) => {
        const rig = new PathRig(count, { selector: 'failover-only' });
        let active = rig.send();
        assert.equal(active, 0);
        for (const [path, disabled] of story) {
          rig.disable(path % count, disabled);
          const { carrying } = rig;
          if (!carrying.includes(active)) active = carrying[0] ?? -1;
          assert.equal(rig.send(), active);
          if (active !== -1) rig.answer(active);
        }
      }),
    );
  });

  it('waits for room instead of going elsewhere', () => {
    const rig = new PathRig(2, { selector: 'failover-only' }, 1);
    assert.equal(rig.send(), 0);
    assert.equal(rig.send(), -1);
    rig.answer(0);
    assert.equal(rig.send(), 0);
  });

  it('takes an optimized path before the one it has', () => {
    const rig = new PathRig(2, { selector: 'failover-only' });
    rig.access(0, 'non-optimized');
    assert.equal(rig.send(), 1);
    rig.access(1, 'non-optimized');
    assert.equal(rig.send(), 1);
    rig.access(0, 'optimized');
    assert.equal(rig.send(), 0);
  });

  it('goes back when it is told to', () => {
    const rig = new PathRig(3, { selector: 'failover-only' });
    rig.disable(0, true);
    assert.equal(rig.send(), 1);
    rig.disable(0, false);
    assert.equal(rig.send(), 1);
    rig.set.failBack();
    assert.equal(rig.send(), 0);
  });
});
