import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ControllerInstance } from '../fabric/nvme-tcp/messages.ts';
import { ControllerLives, controllerLivesBytes } from './controller-lives.ts';

function instance(cntlid: number): ControllerInstance {
  return { cntlid, ciu: cntlid & 0xff, cirn: BigInt.asUintN(64, -BigInt(cntlid)) };
}

describe('lives of controllers', () => {
  it('stand from their beginning to their fence, whoever of the reactors says so and how often', () => {
    const memory = new SharedArrayBuffer(controllerLivesBytes);
    const [one, other] = [new ControllerLives(memory), new ControllerLives(memory)];
    one.began(1, 1, instance(0xffff), 1000);
    other.began(1, 1, instance(0xffff), 1000);
    other.began(1, 2, instance(8), 1000);
    other.began(2, 1, instance(9), 1000);
    assert.deepEqual(one.instances(), [instance(0xffff), instance(8), instance(9)]);
    one.ended(1, 1);
    one.ended(1, 1);
    other.ended(2, 7);
    assert.deepEqual(other.instances(), [instance(8), instance(9)]);
    one.began(3, 1, instance(3), 1000);
    assert.equal(one.instances()?.length, 3);
  });

  it('are remembered by the longest time that any of them needs, also when it is over', () => {
    const memory = new SharedArrayBuffer(controllerLivesBytes);
    const lives = new ControllerLives(memory);
    assert.equal(lives.longestMs, 0);
    lives.began(1, 1, instance(1), 2000);
    new ControllerLives(memory).began(2, 1, instance(2), 30_000.5);
    lives.began(1, 2, instance(1), 500);
    lives.ended(2, 1);
    assert.equal(lives.longestMs, 30_001);
  });

  it('of an earlier program end together', () => {
    const lives = new ControllerLives();
    lives.inherit(-1, 1, [instance(4), instance(5)]);
    lives.began(1, 1, instance(6), 1000);
    assert.deepEqual(lives.instances(), [instance(4), instance(5), instance(6)]);
    lives.ended(-1, 1);
    assert.deepEqual(lives.instances(), [instance(6)]);
  });

  it('are not told at all where not all are known: too many at once, or an earlier program did not know', () => {
    const many = new ControllerLives();
    for (let number = 0; number < 256; number += 1) many.began(number, 1, instance(number), 1000);
    assert.equal(many.instances()?.length, 256);
    many.began(256, 1, instance(256), 1000);
    assert.equal(many.instances(), null);
    const heir = new ControllerLives();
    heir.inherit(-1, 1, null);
    heir.began(2, 1, instance(7), 1000);
    assert.equal(heir.instances(), null);
    // Once what was inherited is fenced, only those are left that are known.
    heir.ended(-1, 1);
    assert.deepEqual(heir.instances(), [instance(7)]);
  });
});
