import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PathRig } from './path-rig.test.support.ts';

describe('queue-depth', () => {
  it('spreads idle paths in turn', () => {
    const rig = new PathRig(4, { selector: 'queue-depth' });
    const order = Array.from({ length: 8 }, () => {
      const index = rig.send();
      rig.answer(index);
      return index;
    });
    assert.deepEqual(order, [0, 1, 2, 3, 0, 1, 2, 3]);
  });

  it('leaves no two paths further apart than one command while nothing ends', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 500 }), (count, commands) => {
        const rig = new PathRig(count, { selector: 'queue-depth' }, 1024);
        for (let i = 0; i < commands; i += 1) rig.send();
        const depths = rig.paths.map((path) => path.inFlight);
        assert.ok(Math.max(...depths) - Math.min(...depths) <= 1);
      }),
    );
  });

  it('gives a path that answers a tenth as fast a tenth of the load', () => {
    const rig = new PathRig(4, { selector: 'queue-depth' });
    const counts = [0, 0, 0, 0];
    const send = (): void => {
      const index = rig.send();
      counts[index]! += 1;
    };
    for (let i = 0; i < 32; i += 1) send();
    for (let tick = 0; tick < 10_000; tick += 1) {
      for (const index of rig.paths.keys()) {
        if ((index > 0 || tick % 10 === 0) && rig.answer(index)) send();
      }
    }
    const fast = (counts[1]! + counts[2]! + counts[3]!) / 3;
    assert.ok(counts[0]! < 0.15 * fast, `${counts.join()}: the slow path is the first`);
  });
});
