import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { verdict } from '../../fabric/contract.ts';
import { DeviceStatistics, pathCounter } from '../statistics.ts';
import { PathRig } from './path-rig.test.support.ts';

/** Every path answers each command after its own time (ms, whole); the load is kept at `depth`. What each path took. */
function run(rig: PathRig, times: readonly number[], depth: number, milliseconds: number): number[] {
  const counts = times.map(() => 0);
  let underWay = rig.paths.reduce((sum, path) => sum + path.inFlight, 0);
  for (const end = rig.now + milliseconds; rig.now < end; rig.now += 1) {
    for (const [index, took] of times.entries()) {
      while ((rig.path(index).parts[0]?.startedAt ?? Infinity) <= rig.now - took && rig.answer(index)) underWay -= 1;
    }
    for (; underWay < depth; underWay += 1) {
      const index = rig.send();
      if (index === -1) break;
      counts[index]! += 1;
    }
  }
  return counts;
}

describe('latency', () => {
  it('of two paths takes the one that should answer sooner, whatever the chance', () => {
    const times = fc.integer({ min: 1, max: 100 });
    fc.assert(
      fc.property(times, times, fc.nat({ max: 0xffff_ffff }), (a, b, chance) => {
        fc.pre(a !== b);
        const rig = new PathRig(2, { selector: 'latency' });
        rig.sendOn(0);
        rig.sendOn(1);
        rig.now += Math.min(a, b);
        rig.answer(a < b ? 0 : 1);
        rig.now += Math.abs(a - b);
        rig.answer(a < b ? 1 : 0);
        rig.chance = chance;
        assert.equal(rig.set.choose(4096), a < b ? 0 : 1);
      }),
    );
  });

  it('of two equally fast ones takes the one with less under way, whatever the chance', () => {
    const depth = fc.nat({ max: 20 });
    fc.assert(
      fc.property(depth, depth, fc.nat({ max: 0xffff_ffff }), (a, b, chance) => {
        fc.pre(a !== b);
        const rig = new PathRig(2, { selector: 'latency' });
        for (let i = 0; i < a; i += 1) rig.sendOn(0);
        for (let i = 0; i < b; i += 1) rig.sendOn(1);
        rig.chance = chance;
        assert.equal(rig.set.choose(4096), a < b ? 0 : 1);
      }),
    );
  });

  it('picks every pair of paths for comparison equally often', () => {
    const rig = new PathRig(5, { selector: 'latency' });
    // The paths have been used in this order, and are equal otherwise: of a pair the earlier one is chosen.
    for (const index of [3, 1, 4, 0, 2]) {
      rig.sendOn(index);
      rig.answer(index);
    }
    const counts = [0, 0, 0, 0, 0];
    for (let i = 0; i < 100_000; i += 1) counts[rig.set.choose(0)]! += 1;
    // Of ten pairs four contain the first, three of the others the second, and so on.
    for (const [place, index] of [3, 1, 4, 0, 2].entries()) {
      assert.ok(Math.abs(counts[index]! - (4 - place) * 10_000) < 600, counts.join());
    }
  });

  it('shares the load evenly among paths that are equally fast', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 64 }), fc.nat({ max: 1000 }), (count, seed) => {
        const rig = new PathRig(count, { selector: 'latency' }, 1024, seed);
        const counts = run(
          rig,
          Array.from({ length: count }, () => 2),
          count * 4,
          400,
        );
        const mean = counts.reduce((sum, each) => sum + each, 0) / count;
        for (const each of counts) assert.ok(Math.abs(each / mean - 1) < 0.2, `${each} of ${mean}`);
      }),
      { numRuns: 15 },
    );
  });

  it('gives a path that is twenty times slower next to nothing, and tries it again and again', () => {
    const rig = new PathRig(4, { selector: 'latency' });
    run(rig, [20, 1, 1, 1], 32, 1000);
    const counts = run(rig, [20, 1, 1, 1], 32, 10_000);
    const sum = counts.reduce((total, each) => total + each, 0);
    assert.ok(counts[0]! < sum * 0.002, counts.join());
    assert.ok(counts[0]! >= 10, `it was tried ${counts[0]} times in ten seconds`);
  });

  it('finds out within two seconds that such a path has recovered', () => {
    const rig = new PathRig(4, { selector: 'latency' });
    run(rig, [20, 1, 1, 1], 32, 1000);
    run(rig, [1, 1, 1, 1], 32, 2000);
    const counts = run(rig, [1, 1, 1, 1], 32, 1000);
    const sum = counts.reduce((total, each) => total + each, 0);
    assert.ok(counts[0]! > sum * 0.2, counts.join());
  });

  it('leaves a path that answers nothing any more after a few milliseconds', () => {
    const rig = new PathRig(4, { selector: 'latency' }, 1024);
    run(rig, [1, 1, 1, 1], 32, 1000);
    run(rig, [1e9, 1, 1, 1], 32, 20);
    const counts = run(rig, [1e9, 1, 1, 1], 64, 5000);
    assert.equal(counts[0], 0, 'new commands on a path that is silent');
  });

  it('does not take the time in which a path was idle for silence', () => {
    const rig = new PathRig(2, { selector: 'latency' });
    for (const index of [0, 1]) {
      rig.sendOn(index);
      rig.now += 1;
      rig.answer(index);
    }
    rig.now += 1000;
    rig.sendOn(1);
    rig.now += 1;
    rig.answer(1);
    rig.sendOn(0);
    for (let i = 0; i < 3; i += 1) rig.sendOn(1);
    assert.equal(rig.set.choose(4096), 0);
  });

  it('learns nothing from errors, however quick they are', () => {
    const rig = new PathRig(1, { selector: 'latency' });
    const latencyNow = DeviceStatistics.pathBase(0) + pathCounter.latencyNow;
    rig.sendOn(0);
    rig.now += 10;
    rig.sendOn(0);
    rig.answer(0);
    assert.equal(rig.statistics.get(latencyNow), 10);
    // It is busy all the time, so that nothing fades.
    for (let i = 0; i < 100; i += 1) {
      rig.sendOn(0);
      rig.now += 1;
      rig.answer(0, verdict.failed);
    }
    assert.equal(rig.statistics.get(latencyNow), 10);
    rig.now += 1;
    rig.answer(0);
    assert.ok(rig.statistics.get(latencyNow) < 10, 'while one that succeeds counts');
  });

  it('does not give a path that just came everything before it has answered once', () => {
    const rig = new PathRig(4, { selector: 'latency' }, 1024);
    rig.disable(3, true);
    run(rig, [1, 1, 1, 1], 64, 500);
    rig.disable(3, false);
    const [, , , newcomer = 0] = run(rig, [1, 1, 1, 1], 64, 1);
    assert.ok(newcomer <= 24, `${newcomer} commands at once`);
  });
});
