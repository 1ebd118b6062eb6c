import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PathRig } from './path-rig.test.support.ts';

describe('service-time', () => {
  it('fills the paths in proportion to their throughput while nothing ends', () => {
    const speeds = fc.array(fc.constantFrom(1, 10, 25, 40, 100), { minLength: 1, maxLength: 16 });
    fc.assert(
      fc.property(speeds, (weights) => {
        const rig = new PathRig(weights.length, { selector: 'service-time', weights }, 1 << 20);
        const sum = weights.reduce((total, weight) => total + weight, 0);
        for (let i = 0; i < sum * 2; i += 1) rig.send(4096);
        // Every path would be done within one command of the fastest of them after any other.
        const longest = Math.max(...rig.paths.map((path, index) => path.bytesInFlight / weights[index]!));
        for (const [index, path] of rig.paths.entries()) {
          assert.ok((path.bytesInFlight + 4096) / weights[index]! >= longest - 1e-6);
        }
      }),
    );
  });

  it('keeps a command off a path so slow that it would be done earlier behind others on a fast one', () => {
    const rig = new PathRig(2, { selector: 'service-time', weights: [100, 10] });
    assert.deepEqual(
      Array.from({ length: 12 }, () => rig.send(4096)),
      [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0],
    );
  });

  it('looks at the size of the command', () => {
    const rig = new PathRig(2, { selector: 'service-time', weights: [4, 1] });
    rig.sendOn(0, 40_000);
    assert.equal(rig.set.choose(4096), 1);
    assert.equal(rig.set.choose(1 << 20), 0);
  });

  it('tells any number of throughputs apart well enough', () => {
    const weights = Array.from({ length: 64 }, (_unused, index) => 10 + index * 5);
    const rig = new PathRig(64, { selector: 'service-time', weights }, 1 << 20);
    for (let i = 0; i < 50_000; i += 1) rig.send(4096);
    const times = rig.paths.map((path, index) => path.bytesInFlight / weights[index]!);
    const mean = times.reduce((total, time) => total + time, 0) / times.length;
    for (const time of times) assert.ok(Math.abs(time / mean - 1) < 0.45, `${time / mean} times the mean`);
  });
});
