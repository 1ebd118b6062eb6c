import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BridgeCells, bridgeCellsBytes, bridgeSlots, slotOf } from './bridge-cells.ts';

function cells(): BridgeCells {
  return new BridgeCells(new SharedArrayBuffer(bridgeCellsBytes));
}

describe('the word of a bridged request', () => {
  it('lets the main thread touch the payload until the answer', () => {
    const words = cells();
    const number = words.begin(5);
    assert.equal(slotOf(number), 5);
    assert.ok(words.hold(number));
    assert.ok(!words.giveUp(number), 'nothing is given up while it is held');
    words.release(number);
    assert.ok(words.hold(number));
    assert.ok(words.end(number));
    assert.ok(!words.hold(number));
  });

  it('keeps the main thread off what was given up, also when the slot is used again', () => {
    const words = cells();
    const first = words.begin(0);
    assert.ok(words.giveUp(first));
    assert.ok(!words.hold(first));
    const second = words.begin(0);
    assert.notEqual(second, first);
    assert.ok(!words.hold(first));
    assert.ok(!words.end(first));
    words.release(first);
    assert.ok(words.hold(second));
  });

  it('does not end what nobody answered', () => {
    const words = cells();
    assert.ok(!words.end(words.begin(bridgeSlots - 1)));
  });

  it('tells the uses of a slot apart over the whole range of its counter', () => {
    const shared = new SharedArrayBuffer(bridgeCellsBytes);
    const words = new BridgeCells(shared);
    const last = 2 ** 24 - 1;
    // The use before the counter begins anew.
    new Int32Array(shared)[1] = (last - 1) << 2;
    const number = words.begin(1);
    assert.ok(Number.isSafeInteger(number));
    assert.ok(words.hold(number));
    assert.ok(words.end(number));
    const next = words.begin(1);
    assert.equal(next, 1);
    assert.ok(!words.hold(number));
    assert.ok(words.giveUp(next));
  });
});
