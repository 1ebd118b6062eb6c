/** The ghost gate under a multipath device, with answers given by hand. docs/ghost-writes.md has the cases in words. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { op } from '../block/request.ts';
import { status } from '../block/status.ts';
import { verdict } from '../fabric/contract.ts';
import { bench, type Bench, ghost, lose } from './bench.test.support.ts';
import { GhostGate, ghostGateBytes } from './ghost-gate.ts';
import type { GhostWrites } from './options.ts';
import { policyOf } from './policy.ts';
import { nobody, quarantineEntries } from './quarantine.ts';
import { deviceCounter } from './statistics.ts';

const KIB = 1024;
const block = 4 * KIB;

/** Two reactors of one device: they share the gate, and each has its own paths to the same controllers. */
function pair(modes: readonly GhostWrites[] = []): [Bench, Bench] {
  const shared = new SharedArrayBuffer(ghostGateBytes(2));
  const of = (reactor: number): Bench =>
    bench(3, { gate: new GhostGate(shared, 2, reactor), ghostWrites: modes[reactor] ?? 'quarantine' });
  return [of(0), of(1)];
}

function setMode(one: Bench, ghostWrites: GhostWrites): void {
  one.device.setPolicy(policyOf({ ghostWrites, suspectAfter: 0 }));
}

/** Which path has a part at this offset. */
function pathWith(one: Bench, offset: number): number {
  return one.paths.findIndex(({ taken }) => taken.some((part) => part.offset === offset));
}

function underWay(one: Bench): number {
  return one.paths.reduce((sum, { taken }) => sum + taken.length, 0);
}

describe('a write of unknown outcome', () => {
  it('is sent again at once and answered; its range is free again after the fence of that life alone', async () => {
    const one = bench(2);
    one.start(op.write, 0, block);
    const lost = pathWith(one, 0);
    lose(one, lost, ghost);
    assert.equal(underWay(one), 1, 'it was not sent again at once');
    one.paths[1 - lost]!.answerAll();
    await one.settle();
    assert.deepEqual(one.ended, [[0, status.ok]]);
    assert.equal(one.device.statistics.get(deviceCounter.everQuarantined), 1);

    one.start(op.write, block, block);
    assert.equal(underWay(one), 1, 'what does not overlap waits');
    one.paths[1 - lost]!.answerAll();
    for (const operation of [op.write, op.discard, op.writeZeroes] as const) one.start(operation, 0, block);
    assert.equal(underWay(one), 0, 'something was sent into the quarantine');
    assert.equal(one.device.statistics.get(deviceCounter.gated), 3);
    one.start(op.read, 0, block);
    one.start(op.flush, 0, 0);
    one.paths[1 - lost]!.answerAll();
    await one.settle();
    assert.equal(one.ended.length, 4, 'reads and flushes wait for a quarantine');

    one.device.fenced(one.paths[lost]!.controller, 2);
    one.device.fenced(one.paths[1 - lost]!.controller, 1);
    assert.equal(underWay(one), 0, 'another fence ended the quarantine');
    one.device.fenced(one.paths[lost]!.controller, 1);
    assert.equal(underWay(one), 3);
    one.paths[1 - lost]!.answerAll();
    await one.settle();
    assert.equal(one.ended.length, 7);
    assert.equal(one.device.stuck, 0);
  });

  it('waits for an overlapping write that is under way elsewhere, then is sent after it', async () => {
    const one = bench(2);
    one.start(op.write, 0, block);
    one.start(op.write, 0, 2 * block);
    const lost = one.paths.findIndex(({ taken }) => taken.some((part) => part.length === block));
    assert.equal(one.paths[1 - lost]!.taken.length, 1, 'both writes went over one path');
    lose(one, lost, ghost);
    assert.equal(underWay(one), 1, 'it was sent again beside a write that overlaps it');
    await one.settle(20);
    assert.equal(underWay(one), 1);
    one.paths[1 - lost]!.answerAll();
    await one.settle();
    assert.deepEqual(one.ended, [
      [1, status.ok],
      [0, status.ok],
    ]);
  });

  it('two that overlap and were both lost wait for each other’s fence', async () => {
    const one = bench(3);
    one.start(op.write, 0, block);
    one.start(op.write, 0, block);
    const [a, b] = [0, 1, 2].filter((index) => one.paths[index]!.taken.length > 0) as [number, number];
    lose(one, a, ghost);
    lose(one, b, ghost);
    assert.equal(underWay(one), 0);
    // The other one's ghost is gone: this one may go, though its own is not.
    one.device.fenced(one.paths[b]!.controller, 1);
    assert.equal(underWay(one), 1);
    for (const path of one.paths) if (path.open) path.answerAll();
    await one.settle();
    assert.deepEqual(one.ended, [[0, status.ok]]);
    one.device.fenced(one.paths[a]!.controller, 1);
    for (const path of one.paths) if (path.open) path.answerAll();
    await one.settle();
    assert.deepEqual(one.ended, [
      [0, status.ok],
      [1, status.ok],
    ]);
  });

  it('that is lost again has two ghosts; others wait for both, itself for neither', async () => {
    const one = bench(3);
    one.start(op.write, 0, block);
    const first = pathWith(one, 0);
    lose(one, first, ghost);
    const second = pathWith(one, 0);
    lose(one, second, ghost);
    const third = pathWith(one, 0);
    assert.ok(third !== -1 && new Set([first, second, third]).size === 3);
    one.paths[third]!.answerAll();
    await one.settle();
    assert.deepEqual(one.ended, [[0, status.ok]]);
    one.start(op.write, 0, block);
    one.device.fenced(one.paths[first]!.controller, 1);
    assert.equal(underWay(one), 0);
    one.device.fenced(one.paths[second]!.controller, 1);
    assert.equal(underWay(one), 1);
  });

  it('that goes up as an error leaves its range in quarantine', async () => {
    for (const ghostWrites of ['quarantine', 'strict'] as const) {
      const one = bench(2, { ghostWrites });
      one.start(op.write, 0, block);
      const lost = pathWith(one, 0);
      const { controller } = one.paths[lost]!;
      one.paths[lost]!.answer(verdict.failed | verdict.mayHaveExecuted | verdict.mayStillExecute, status.ioError);
      await one.settle();
      assert.deepEqual(one.ended, [[0, status.ioError]], ghostWrites);
      one.start(op.write, 0, block);
      assert.equal(underWay(one), 0, `${ghostWrites}: sent into the quarantine of a failed write`);
      one.device.fenced(controller, 1);
      assert.equal(underWay(one), 1, ghostWrites);
    }
  });

  it('that was held in strict mode and is failed by hand leaves its range in quarantine', async () => {
    const one = bench(2, { ghostWrites: 'strict' });
    one.start(op.write, 0, block);
    const lost = pathWith(one, 0);
    lose(one, lost, ghost);
    one.device.failQueued();
    await one.settle();
    assert.deepEqual(one.ended, [[0, status.timedOut]]);
    one.start(op.write, 0, block);
    assert.equal(underWay(one), 0);
    one.device.failQueued();
    await one.settle();
    assert.deepEqual(one.ended.at(-1), [1, status.timedOut], 'what waits for a quarantine is not ended by hand');
    one.start(op.write, 0, block);
    one.device.fenced(one.paths[lost]!.controller, 1);
    assert.equal(underWay(one), 1);
  });

  it('is known to whoever finds the gate of a killed program, held or not, until nothing can execute it any more', async () => {
    const range = [{ start: 0, length: block }];
    for (const [ghostWrites, entries] of [
      ['quarantine', 0],
      ['strict', 0],
      ['quarantine', quarantineEntries],
    ] as const) {
      const memory = new ArrayBuffer(ghostGateBytes(1));
      const gate = new GhostGate(memory);
      // Elsewhere, so that nothing of it is in the way; if there is no room in the quarantine the write is held as well.
      for (let index = 1; index <= entries; index += 1) gate.keep(index * block, block, 9, 1, nobody);
      const left = (): unknown[] => new GhostGate(memory).remains().filter(({ start }) => start === 0);
      const one = bench(2, { ghostWrites, gate });
      one.start(op.write, 0, block);
      assert.deepEqual(left(), range, `${ghostWrites}: under way`);
      const lost = pathWith(one, 0);
      lose(one, lost, ghost);
      const isHeld = ghostWrites === 'strict' || entries > 0;
      assert.equal(one.device.statistics.get(deviceCounter.held), isHeld ? 1 : 0);
      assert.deepEqual(left(), isHeld ? range : [...range, ...range], `${ghostWrites}: lost`);
      if (!isHeld) one.paths[1 - lost]!.answerAll();
      one.device.fenced(one.paths[lost]!.controller, 1);
      assert.deepEqual(left(), isHeld ? range : [], `${ghostWrites}: after the fence`);
      one.paths[1 - lost]!.answerAll();
      await one.settle();
      assert.deepEqual(one.ended, [[0, status.ok]]);
      assert.deepEqual(left(), [], `${ghostWrites}: answered`);
    }
  });

  it('that was held and finds no path after its fence waits no longer than a request may', async () => {
    const one = bench(1, { ghostWrites: 'strict', noPathRetry: 500 });
    one.start(op.write, 0, block);
    lose(one, 0, ghost);
    await one.settle(2000);
    one.device.fenced(one.paths[0]!.controller, 1);
    await one.settle(600);
    assert.deepEqual(one.ended, [[0, status.transport]]);
  });

  it('is of no concern where nothing may still execute it, or its fence came first', async () => {
    const one = bench(2, { isFenced: (controller) => controller === 0 });
    one.start(op.write, 0, block);
    lose(one, pathWith(one, 0), one.paths[0]!.taken.length > 0 ? ghost : ghost & ~verdict.mayStillExecute);
    one.start(op.write, 0, block);
    assert.equal(underWay(one), 2);
    assert.equal(one.device.statistics.get(deviceCounter.everQuarantined), 0);
  });

  it('waits without a path no longer than a request may', async () => {
    const one = bench(2, { noPathRetry: 500 });
    one.start(op.write, 0, block);
    const lost = pathWith(one, 0);
    lose(one, lost, ghost);
    one.paths[1 - lost]!.answerAll();
    one.start(op.write, 0, block);
    lose(one, 1 - lost, ghost);
    await one.settle(600);
    await one.settle();
    assert.deepEqual(one.ended.at(-1), [1, status.transport]);
    assert.equal(one.device.stuck, 0);
  });
});

describe('across reactors', () => {
  it('a range that one put into quarantine is kept by the other', async () => {
    const [one, other] = pair();
    one.start(op.write, 0, block);
    const lost = pathWith(one, 0);
    lose(one, lost, ghost);
    other.start(op.write, 0, 4 * block);
    other.start(op.write, 4 * block, block);
    assert.deepEqual([underWay(other), other.device.statistics.get(deviceCounter.gated)], [1, 1]);
    // The one reactor hears of the fence first; the other goes on when it hears of it itself.
    one.device.fenced(one.paths[lost]!.controller, 1);
    other.device.fenced(one.paths[lost]!.controller, 1);
    assert.equal(underWay(other), 2);
  });

  it('a lost write waits for what overlaps it on the other reactor', async () => {
    const [one, other] = pair();
    other.start(op.write, 0, 2 * block);
    one.start(op.write, block, block);
    lose(one, pathWith(one, block), ghost);
    assert.equal(underWay(one), 0);
    await one.settle(10);
    assert.equal(underWay(one), 0);
    for (const path of other.paths) path.answerAll();
    await one.settle(10);
    assert.equal(underWay(one), 1, 'it was not sent again after the other write had ended');
  });

  it('both lose overlapping writes: each waits for the fence of the other', async () => {
    const [one, other] = pair();
    one.start(op.write, 0, block);
    other.start(op.write, 0, block);
    const [a, b] = [pathWith(one, 0), pathWith(other, 0)];
    // Different lives: the first reactor's path has another epoch than the second's.
    one.paths[a]!.taken[0]!.epoch = 7;
    lose(one, a, ghost);
    lose(other, b, ghost);
    await one.settle(5);
    await other.settle(5);
    assert.deepEqual([underWay(one), underWay(other)], [0, 0]);
    for (const each of [one, other]) each.device.fenced(other.paths[b]!.controller, 1);
    await one.settle(5);
    assert.deepEqual([underWay(one), underWay(other)], [1, 0]);
    for (const each of [one, other]) each.device.fenced(one.paths[a]!.controller, 7);
    await other.settle(5);
    assert.equal(underWay(other), 1);
  });
});

describe('another mode while writes are lost', () => {
  it('strict on one reactor, quarantine on the other: who is held has to be fenced before the other is answered', async () => {
    const [one, other] = pair(['quarantine', 'strict']);
    one.start(op.write, 0, block);
    other.start(op.write, 0, block);
    const [a, h] = [pathWith(one, 0), pathWith(other, 0)];
    other.paths[h]!.taken[0]!.epoch = 7;
    lose(other, h, ghost);
    lose(one, a, ghost);
    await one.settle(100);
    assert.deepEqual([underWay(one), underWay(other)], [0, 0], 'it was answered although the held one may still come');
    for (const each of [one, other]) each.device.fenced(other.paths[h]!.controller, 7);
    await one.settle(5);
    assert.deepEqual([underWay(one), underWay(other)], [1, 0]);
    for (const path of one.paths) path.answerAll();
    await other.settle(100);
    assert.equal(underWay(other), 0, 'it was sent while the ghost of an answered write may come');
    for (const each of [one, other]) each.device.fenced(one.paths[a]!.controller, 1);
    assert.equal(underWay(other), 1);
  });

  it('from strict to quarantine: what is held goes at once, and its range is kept until its fence', async () => {
    const one = bench(2, { ghostWrites: 'strict' });
    one.start(op.write, 0, block);
    const lost = pathWith(one, 0);
    lose(one, lost, ghost);
    assert.equal(underWay(one), 0);
    setMode(one, 'quarantine');
    assert.deepEqual([underWay(one), one.device.statistics.get(deviceCounter.held)], [1, 0]);
    one.paths[1 - lost]!.answerAll();
    one.start(op.write, 0, block);
    assert.equal(underWay(one), 0, 'another write was sent to its range');
    one.device.fenced(one.paths[lost]!.controller, 1);
    assert.equal(underWay(one), 1);
  });

  it('from quarantine to strict: ranges stay in quarantine, what is lost from then on is held', () => {
    const one = bench(3);
    one.start(op.write, 0, block);
    const first = pathWith(one, 0);
    lose(one, first, ghost);
    for (const path of one.paths) path.answerAll();
    setMode(one, 'strict');
    one.start(op.write, 0, block);
    assert.equal(underWay(one), 0, 'a range left quarantine before its fence');
    one.start(op.write, block, block);
    const second = pathWith(one, block);
    lose(one, second, ghost);
    assert.deepEqual([underWay(one), one.device.statistics.get(deviceCounter.held)], [0, 1]);
    one.device.fenced(one.paths[second]!.controller, 1);
    assert.equal(underWay(one), 1);
    one.device.fenced(one.paths[first]!.controller, 1);
    assert.equal(underWay(one), 2);
  });

  it('to none: what waits goes at once; and from none: what is under way is kept account of', async () => {
    const one = bench(3, { ghostWrites: 'strict' });
    one.start(op.write, 0, block);
    lose(one, pathWith(one, 0), ghost);
    setMode(one, 'none');
    assert.equal(underWay(one), 1);
    for (const path of one.paths) path.answerAll();
    await one.settle();
    assert.deepEqual(one.ended, [[0, status.ok]]);

    const [lossy, careless] = pair(['quarantine', 'none']);
    careless.start(op.write, 0, block);
    setMode(careless, 'strict');
    lossy.start(op.write, 0, block);
    const lost = pathWith(lossy, 0);
    lose(lossy, lost, ghost);
    await lossy.settle(10);
    assert.equal(underWay(lossy), 0, 'a lost write was sent beside one that was sent without account');
    for (const path of careless.paths) path.answerAll();
    await lossy.settle(10);
    assert.equal(underWay(lossy), 1);
  });

  it('from none: what waits to be sent again is not under way', () => {
    const gate = new GhostGate();
    const one = bench(1, { ghostWrites: 'none', gate });
    one.start(op.write, 0, block);
    lose(one, 0, ghost);
    setMode(one, 'strict');
    assert.deepEqual(gate.remains(), []);
  });
});
