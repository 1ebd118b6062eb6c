import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ActivePath, activePathBytes } from './active-path.ts';
import { PathRig } from './path-rig.test.support.ts';

/** So many reactors of one device, each with its own queues of the same paths. */
function rigs(reactors: number, paths: number): PathRig[] {
  const buffer = new SharedArrayBuffer(activePathBytes(reactors));
  return Array.from({ length: reactors }, (_unused, reactor) => {
    const activePath = new ActivePath(buffer, reactors, reactor);
    return new PathRig(paths, { selector: 'failover-only', activePath });
  });
}

function sendAll(all: readonly PathRig[]): number[] {
  return all.map((rig) => {
    const index = rig.send();
    if (index !== -1) rig.answer(index);
    return index;
  });
}

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

  it('goes where it is told to, if that path carries I/O', () => {
    const rig = new PathRig(3, { selector: 'failover-only' });
    rig.set.use(2);
    assert.equal(rig.send(), 2);
    rig.disable(1, true);
    rig.set.use(1);
    assert.equal(rig.send(), 2);
    rig.set.use(0);
    assert.equal(rig.send(), 0);
  });

  describe('on several reactors', () => {
    it('all follow the first that has to leave a path, and stay when it comes back', () => {
      const all = rigs(3, 4);
      assert.deepEqual(sendAll(all), [0, 0, 0]);
      all[1]!.disable(0, true);
      assert.deepEqual(sendAll(all), [1, 1, 1], 'the others know nothing of a loss, and go along');
      all[0]!.disable(0, true);
      all[2]!.disable(0, true);
      for (const rig of all) rig.disable(0, false);
      assert.deepEqual(sendAll(all), [1, 1, 1]);
      all[2]!.set.use(3);
      assert.deepEqual(sendAll(all), [3, 3, 3]);
    });

    it('one that chooses in another way has no say; when it joins, it follows', () => {
      const all = rigs(2, 3);
      all[1]!.set.selector = 'round-robin';
      all[1]!.disable(0, true);
      assert.deepEqual(sendAll([all[0]!]), [0]);
      all[1]!.set.selector = 'failover-only';
      assert.deepEqual(sendAll(all), [1, 1]);
    });

    it('whatever each of them learns, they use one path wherever they could, and leave it only if they have to', () => {
      const step = fc.record({
        reactor: fc.nat({ max: 2 }),
        path: fc.nat({ max: 63 }),
        what: fc.constantFrom('disable', 'enable', 'optimized', 'non-optimized', 'use', 'send'),
      });
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 3 }),
          fc.constantFrom(1, 2, 5, 33, 64),
          fc.array(step, { maxLength: 60 }),
          (reactors, paths, story) => {
            const all = rigs(reactors, paths);
            let before = 0;
            for (const { reactor, path: number, what } of story) {
              const rig = all[reactor % reactors]!;
              const index = number % paths;
              if (what === 'disable' || what === 'enable') rig.disable(index, what === 'disable');
              else if (what === 'optimized' || what === 'non-optimized') rig.access(index, what);
              else if (what === 'use') rig.set.use(index);
              else sendAll([rig]);

              const alive = all.filter(({ carrying }) => carrying.length > 0);
              const common = [...Array(paths).keys()].filter((each) =>
                alive.every((one) => one.carrying.includes(each)),
              );
              const sent = sendAll(all);
              for (const [at, one] of all.entries()) {
                assert.ok(one.carrying.length === 0 ? sent[at] === -1 : one.carrying.includes(sent[at]!));
              }
              if (alive.length === 0 || common.length === 0) {
                before = -1;
                continue;
              }
              const used = new Set(sent.filter((each) => each !== -1));
              assert.equal(used.size, 1, `they use ${[...used].join()} although all could use ${common.join()}`);
              const [one = -1] = used;
              if (before !== -1 && common.includes(before) && what !== 'use') assert.equal(one, before, 'it was left');
              before = one;
            }
          },
        ),
        { numRuns: 300 },
      );
    });
  });
});
