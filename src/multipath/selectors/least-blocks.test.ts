import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PathRig } from './path-rig.test.support.ts';

describe('least-blocks', () => {
  it('leaves no two paths further apart than the largest command while nothing ends', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 256 }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), sizes, (count, blocks) => {
        const rig = new PathRig(count, { selector: 'least-blocks' }, 1024);
        for (const each of blocks) rig.send(each * 4096);
        const loads = rig.paths.map((path) => path.bytesInFlight);
        assert.ok(Math.max(...loads) - Math.min(...loads) <= Math.max(...blocks) * 4096);
      }),
    );
  });

  it('sends small commands past a large one', () => {
    const rig = new PathRig(2, { selector: 'least-blocks' }, 1024);
    assert.equal(rig.send(1 << 20), 0);
    assert.deepEqual(
      Array.from({ length: 256 }, () => rig.send(4096)),
      Array.from({ length: 256 }, () => 1),
    );
  });

  it('takes turns among paths whose commands carry nothing', () => {
    const rig = new PathRig(3, { selector: 'least-blocks' });
    assert.deepEqual(
      Array.from({ length: 6 }, () => rig.send(0)),
      [0, 1, 2, 0, 1, 2],
    );
  });
});
