import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PathRig } from './path-rig.test.support.ts';

const weights = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 64 });

describe('weighted', () => {
  it('gives every path exactly its share in each round', () => {
    fc.assert(
      fc.property(weights, (given) => {
        const rig = new PathRig(given.length, { selector: 'weighted', weights: given });
        const round = given.reduce((sum, weight) => sum + weight, 0);
        for (let i = 0; i < 3; i += 1) assert.deepEqual(rig.share(round), given);
      }),
    );
  });

  it('never lets two paths drift further apart, by share, than one command of each', () => {
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 1000 }), (given, commands) => {
        const rig = new PathRig(given.length, { selector: 'weighted', weights: given });
        const rounds = rig.share(commands).map((count, index) => count / given[index]!);
        const slack = 1e-9;
        for (const [a, roundA] of rounds.entries()) {
          for (const [b, roundB] of rounds.entries()) {
            assert.ok(Math.abs(roundA - roundB) <= 1 / given[a]! + 1 / given[b]! + slack, `paths ${a} and ${b}`);
          }
        }
      }),
    );
  });

  it('mixes the turns of heavy and light paths', () => {
    const rig = new PathRig(3, { selector: 'weighted', weights: [5, 1, 1] });
    const order = Array.from({ length: 7 }, () => rig.send());
    assert.deepEqual(order, [0, 0, 0, 1, 0, 0, 2]);
  });

  it('does not make up for the time in which a path had no room', () => {
    const rig = new PathRig(2, { selector: 'weighted', weights: [1, 1] });
    rig.taken(0, 128);
    assert.deepEqual(rig.share(1000), [0, 1000]);
    rig.taken(0, 0);
    const [first = 0, second = 0] = rig.share(100);
    assert.ok(Math.abs(first - second) <= 1, `${first} and ${second}`);
  });

  it('follows a weight that changes meanwhile', () => {
    const rig = new PathRig(2, { selector: 'weighted', weights: [1, 1] });
    assert.deepEqual(rig.share(10), [5, 5]);
    rig.setWeight(1, 4);
    assert.deepEqual(rig.share(10), [2, 8]);
  });
});
