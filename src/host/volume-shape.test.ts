import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { access, type PathInfo } from '../fabric/nvme-tcp/messages.ts';
import { FakePath } from '../multipath/bench.test.support.ts';
import {
  common,
  geometryOf,
  isSameShape,
  mismatch,
  nextShape,
  type Shape,
  shapeNote,
  type ShownShape,
} from './volume-shape.ts';

const block = 4096;

function path(blocks: number, readOnly = false, isWitness = true): ShownShape {
  return { id: '10.0.0.1:4420/1', sizeBytes: blocks * block, readOnly, isWitness };
}

function shape(blocks: number, readOnly = false): Shape {
  return { sizeBytes: blocks * block, readOnly };
}

function next(current: Shape, shown: readonly ShownShape[], told: Shape | null = null): [number, boolean] {
  const { sizeBytes, readOnly } = nextShape(current, shown, told, true);
  return [sizeBytes / block, readOnly];
}

describe('shape of a volume', () => {
  it('grows when every path shows more, to the least of it', () => {
    const ten = shape(10);
    assert.deepEqual(next(ten, [path(20), path(10)]), [10, false]);
    assert.deepEqual(next(ten, [path(20), path(30)]), [20, false]);
    assert.deepEqual(next(ten, [path(20), path(20)]), [20, false]);
  });

  it('shrinks only when every path shows less, to the most of it', () => {
    const ten = shape(10);
    assert.deepEqual(next(ten, [path(5), path(10)]), [10, false]);
    assert.deepEqual(next(ten, [path(5), path(20)]), [10, false]);
    assert.deepEqual(next(ten, [path(5), path(7)]), [7, false]);
  });

  it('is protected when every path that is used is, and writable when none is', () => {
    assert.deepEqual(next(shape(10), [path(10, true), path(10)]), [10, false]);
    assert.deepEqual(next(shape(10), [path(10, true), path(10, true)]), [10, true]);
    assert.deepEqual(next(shape(10, true), [path(10), path(10, true)]), [10, true]);
    assert.deepEqual(next(shape(10, true), [path(10), path(10)]), [10, false]);
    // The one that is too small is not used.
    assert.deepEqual(next(shape(10), [path(10, true), path(5)]), [10, true]);
  });

  it('does not follow paths that never showed what it is, unless another reactor saw the change', () => {
    const ten = shape(10);
    for (const stranger of [path(20, false, false), path(5, false, false), path(10, true, false)]) {
      assert.equal(nextShape(ten, [stranger], null, true), ten);
    }
    assert.deepEqual(next(ten, [path(20, false, false)], shape(20)), [20, false]);
    assert.equal(nextShape(ten, [path(20, false, false)], shape(30), true), ten);
    assert.equal(nextShape(ten, [path(10)], shape(20), true), ten);
  });

  it('never leaves the device without a path that can serve it, and never beyond one that is used', () => {
    const anyPath = fc.record({
      id: fc.constant('a'),
      sizeBytes: fc.integer({ min: 1, max: 4 }).map((blocks) => blocks * block),
      readOnly: fc.boolean(),
      isWitness: fc.boolean(),
    });
    const anyShape = fc.record({
      sizeBytes: fc.integer({ min: 1, max: 4 }).map((n) => n * block),
      readOnly: fc.boolean(),
    });
    fc.assert(
      fc.property(anyShape, fc.array(anyPath, { maxLength: 4 }), (current, shown) => {
        const now = nextShape(current, shown, null, true);
        const isFollowing = shown.some(({ isWitness }) => isWitness);
        if (!isFollowing) return now === current;
        const isUsed = shown.some((one) => one.sizeBytes >= now.sizeBytes);
        const isGrown = now.sizeBytes <= current.sizeBytes || shown.every((one) => one.sizeBytes >= now.sizeBytes);
        // What it came to is where it stays while nothing changes.
        const settled = shown.map((one) => ({ ...one, isWitness: isSameShape(one, now) }));
        return isUsed && isGrown && nextShape(now, settled, null, true) === now;
      }),
    );
  });

  it('says which paths it waits for', () => {
    assert.equal(shapeNote(shape(10), [path(10)]), '');
    assert.equal(
      shapeNote(shape(10), [path(20), path(10)]),
      'the device stays at 40 KiB until all paths show that it grew (80 KiB at 10.0.0.1:4420/1)',
    );
    assert.equal(
      shapeNote(shape(10, true), [path(10), path(10, true)]),
      'the device stays read-only until all paths are writable (so far: 10.0.0.1:4420/1)',
    );
  });
});

describe('paths of a volume that is to be attached', () => {
  const { limits } = new FakePath(0);
  const info: PathInfo = {
    id: '10.0.0.1:4420/1',
    nsid: 1,
    identity: { id: 'nguid.1', model: 'm', serial: 's' },
    subnqn: 'nqn.2014-08.org.example:one',
    sizeBytes: 1024 * block,
    blockBytes: block,
    physicalBlockBytes: block,
    readOnly: false,
    volatileCache: false,
    limits,
    deallocatesZeroes: true,
    access: access.optimized,
  };
  const other = { ...info, id: '10.0.0.2:4420/1' };

  it('have to show the same volume, and show it alike', () => {
    const differences: [Partial<PathInfo>, RegExp][] = [
      [{ identity: { ...info.identity, id: 'nguid.2' } }, /nguid\.1 at 10\.0\.0\.1.* nguid\.2 at 10\.0\.0\.2/],
      [{ sizeBytes: 512 * block }, /4194304 bytes .*; 2097152 bytes/],
      [{ blockBytes: 512 }, /blocks of 4096.*; .*blocks of 512/],
      [{ readOnly: true }, /writable; .*read-only/],
    ];
    for (const [difference, message] of differences) {
      assert.throws(() => common(info, { ...other, ...difference }), { code: 'volume-disagrees', message });
    }
  });

  it('make a device that promises what all of them can do', () => {
    const less = { ...other, volatileCache: true, limits: { ...limits, canDiscard: false } };
    for (const both of [common(info, less), common(less, info)]) {
      const geometry = geometryOf(both, block, false);
      assert.deepEqual([geometry.volatileCache, geometry.canDiscard, geometry.canWriteZeroes], [true, false, true]);
      for (const one of [info, less]) assert.equal(mismatch(geometry, one), '');
    }
  });
});
