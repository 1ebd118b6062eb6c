import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { op } from '../block/request.ts';
import { status } from '../block/status.ts';
import { verdict } from '../fabric/contract.ts';
import { bench, calledBack, ghost, KIB, lose } from './bench.test.support.ts';

describe('multipath device', () => {
  it('splits a request at the limits and boundaries of the path, covering it exactly once', async () => {
    const one = bench(1);
    const path = one.paths[0]!;
    path.limits = { ...path.limits, readBytes: 96 * KIB, boundaryBytes: 128 * KIB };
    one.start(op.read, 100 * KIB, 1000 * KIB);
    const pieces = path.taken.map((part) => [part.offset, part.length, part.buffer]);
    let at = 100 * KIB;
    for (const [offset, length, buffer] of pieces) {
      assert.equal(offset, at);
      assert.equal(buffer, 4096 + at - 100 * KIB);
      assert.ok(length! <= 96 * KIB);
      assert.equal(Math.floor(at / (128 * KIB)), Math.floor((at + length! - 1) / (128 * KIB)));
      at += length!;
    }
    assert.equal(at, 1100 * KIB);
    path.answerAll();
    await one.settle();
    assert.deepEqual(one.ended, [[0, status.ok]]);
    assert.equal(one.device.busy, false);
  });

  it('ends with the error of the volume, and never sends that part elsewhere', async () => {
    const one = bench(2);
    one.start(op.read, 0, 4096);
    const path = one.paths.find((candidate) => candidate.taken.length > 0);
    path?.answer(verdict.failed, status.mediumError);
    await one.settle();
    assert.deepEqual(one.ended, [[0, status.mediumError]]);
    assert.equal(
      one.paths.reduce((sum, each) => sum + each.taken.length, 0),
      0,
    );
  });

  it('sends a lost read again at once on another path', async () => {
    const one = bench(2);
    one.start(op.read, 0, 4096);
    const index = one.paths.findIndex((path) => path.taken.length > 0);
    lose(one, index, ghost);
    const other = one.paths[1 - index]!;
    assert.equal(other.taken.length, 1);
    other.answerAll();
    await one.settle();
    assert.deepEqual(one.ended, [[0, status.ok]]);
  });

  it('holds a write that may still execute until its controller, in that life, is fenced', async () => {
    const one = bench(2, { ghostWrites: 'strict' });
    one.start(op.write, 0, 4096);
    const index = one.paths.findIndex((path) => path.taken.length > 0);
    const [lost, other] = [one.paths[index]!, one.paths[1 - index]!];
    lose(one, index, ghost);
    assert.equal(other.taken.length, 0);
    // Neither the fence of another controller, nor of another life, earlier or later, nor the path's return lets it go.
    one.device.fenced(other.controller, 1);
    one.device.fenced(lost.controller, 0);
    one.device.fenced(lost.controller, 2);
    lost.open = true;
    lost.epoch = 2;
    one.device.pathChanged(index);
    await one.settle(60_000);
    assert.equal(other.taken.length + lost.taken.length, 0);
    assert.deepEqual(one.ended, []);
    one.device.fenced(lost.controller, 1);
    assert.equal(other.taken.length + lost.taken.length, 1);
    other.answerAll();
    lost.answerAll();
    await one.settle();
    assert.deepEqual(one.ended, [[0, status.ok]]);
  });

  it('sends a write that comes back after its fence again at once', () => {
    const one = bench(2, { isFenced: (controller, epoch) => controller === 0 && epoch === 1 });
    one.device.setDisabled(1, true);
    one.start(op.write, 0, 4096);
    one.device.setDisabled(1, false);
    lose(one, 0, ghost);
    assert.equal(one.paths[1]?.taken.length, 1);
  });

  it('sends a write of which no byte left, or that surely did not execute, again at once', async () => {
    const one = bench(2);
    one.start(op.write, 0, 4096);
    const index = one.paths.findIndex((path) => path.taken.length > 0);
    lose(one, index, verdict.failed | verdict.pathFault | verdict.retryElsewhere);
    assert.equal(one.paths[1 - index]?.taken.length, 1);
  });

  it('sends what was called back elsewhere, and gives that path a rest', async () => {
    const one = bench(2);
    one.start(op.write, 0, 4096);
    const index = one.paths.findIndex((path) => path.taken.length > 0);
    one.paths[index]!.answer(calledBack, status.timedOut);
    for (let i = 1; i < 5; i += 1) one.start(op.write, i * 4096, 4096);
    assert.deepEqual([one.paths[index]!.taken.length, one.paths[1 - index]!.taken.length], [0, 5]);
    one.paths[1 - index]!.answerAll();
    await one.settle(1100);
    for (let i = 0; i < 4; i += 1) one.start(op.read, i * 4096, 4096);
    assert.equal(one.paths[index]!.taken.length, 2);
    for (const path of one.paths) path.answerAll();
    assert.ok(one.ended.every(([, outcome]) => outcome === status.ok));
  });

  it('goes on over the only path when something was called back, as often as it takes', async () => {
    const one = bench(1);
    const path = one.paths[0]!;
    one.start(op.write, 0, 4096);
    for (let times = 0; times < 200; times += 1) path.answer(calledBack, status.timedOut);
    assert.equal(path.taken.length, 1);
    one.start(op.write, 4096, 4096);
    assert.equal(path.taken.length, 2, 'the path takes new work at once');
    path.answerAll();
    await one.settle();
    assert.deepEqual(
      one.ended.map(([, outcome]) => outcome),
      [status.ok, status.ok],
    );
  });

  it('does not hold writes when told so', () => {
    const one = bench(2, { ghostWrites: 'none' });
    one.start(op.write, 0, 4096);
    const index = one.paths.findIndex((path) => path.taken.length > 0);
    lose(one, index, ghost);
    assert.equal(one.paths[1 - index]?.taken.length, 1);
  });

  it('waits while no path lives and goes on, in order, when one comes back', async () => {
    const one = bench(2);
    for (const index of [0, 1]) lose(one, index, ghost);
    for (let i = 0; i < 5; i += 1) one.start(op.write, i * 4096, 4096);
    await one.settle(3_600_000);
    assert.deepEqual(one.ended, []);
    assert.equal(one.device.stuck, 5);
    const path = one.paths[1]!;
    path.open = true;
    path.epoch = 2;
    one.device.pathChanged(1);
    assert.deepEqual(
      path.taken.map((part) => part.offset / 4096),
      [0, 1, 2, 3, 4],
    );
    path.answerAll();
    await one.settle();
    assert.equal(one.ended.length, 5);
    assert.equal(one.device.stuck, 0);
  });

  for (const patience of [0, 2500]) {
    it(`fails what waits without a path after ${patience} ms when told so`, async () => {
      const one = bench(1, { noPathRetry: patience });
      lose(one, 0, ghost);
      one.start(op.read, 0, 4096);
      await one.settle(Math.max(0, patience - 100));
      if (patience > 0) assert.deepEqual(one.ended, []);
      await one.settle(200);
      assert.deepEqual(one.ended, [[0, status.transport]]);
      assert.equal(one.device.busy, false);
    });
  }

  it('ends all waiting on failQueued, held writes included', async () => {
    const one = bench(2, { ghostWrites: 'strict' });
    one.start(op.write, 0, 4096);
    for (const index of [0, 1]) lose(one, index, ghost);
    one.start(op.read, 0, 4096);
    one.device.failQueued();
    await one.settle();
    assert.deepEqual(
      one.ended.toSorted((a, b) => a[0] - b[0]),
      [
        [0, status.timedOut],
        [1, status.transport],
      ],
    );
    assert.equal(one.device.busy, false);
  });

  it('prefers optimized paths, then non-optimized ones, and uses no other', () => {
    const one = bench(3);
    one.device.setAccess(0, 'inaccessible');
    one.device.setAccess(1, 'non-optimized');
    for (let i = 0; i < 6; i += 1) one.start(op.read, 0, 4096);
    assert.deepEqual(
      one.paths.map((path) => path.taken.length),
      [0, 0, 6],
    );
    one.device.setDisabled(2, true);
    for (let i = 0; i < 6; i += 1) one.start(op.read, 0, 4096);
    assert.deepEqual(
      one.paths.map((path) => path.taken.length),
      [0, 6, 6],
    );
    one.device.setDisabled(2, false);
    one.start(op.read, 0, 4096);
    assert.deepEqual(
      one.paths.map((path) => path.taken.length),
      [0, 6, 7],
    );
  });

  it('leaves a path alone for a while after it answered with a path error', async () => {
    const one = bench(1);
    one.start(op.read, 0, 4096);
    const path = one.paths[0]!;
    path.answer(verdict.failed | verdict.pathFault | verdict.retryElsewhere);
    await one.settle(900);
    assert.equal(path.taken.length, 0);
    await one.settle(200);
    assert.equal(path.taken.length, 1);
  });

  it('sends again on the same path after the delay that the array asked for, and not for ever', async () => {
    const one = bench(1);
    one.start(op.read, 0, 4096);
    const path = one.paths[0]!;
    for (let tries = 0; tries < 8; tries += 1) {
      path.answer(verdict.failed | verdict.retryHere, status.busy, 300);
      await one.settle(250);
      assert.equal(path.taken.length, 0);
      await one.settle(100);
    }
    path.answer(verdict.failed | verdict.retryHere, status.busy, 300);
    await one.settle();
    assert.deepEqual(one.ended, [[0, status.busy]]);
  });

  it('cuts a part anew when the next path takes less at once', async () => {
    const one = bench(2);
    one.paths[1]!.limits = { ...one.paths[1]!.limits, readBytes: 16 * KIB };
    one.device.setDisabled(1, true);
    one.start(op.read, 0, 100 * KIB);
    one.device.setDisabled(1, false);
    lose(one, 0, ghost);
    const path = one.paths[1]!;
    const covered = path.taken.map((part) => [part.offset, part.length]).toSorted((a, b) => (a[0] ?? 0) - (b[0] ?? 0));
    let at = 0;
    for (const [offset, length] of covered) {
      assert.equal(offset, at);
      assert.ok((length ?? 0) <= 16 * KIB);
      at += length ?? 0;
    }
    assert.equal(at, 100 * KIB);
    path.answerAll();
    await one.settle();
    assert.deepEqual(one.ended, [[0, status.ok]]);
  });

  it('waits for room when every path is full', async () => {
    const one = bench(1);
    const path = one.paths[0]!;
    path.room = 2;
    for (let i = 0; i < 6; i += 1) one.start(op.read, i * 4096, 4096);
    assert.equal(path.taken.length, 2);
    for (let i = 0; i < 6; i += 1) path.answer(verdict.ok);
    await one.settle();
    assert.deepEqual(
      one.ended.map(([tag]) => tag),
      [0, 1, 2, 3, 4, 5],
    );
  });

  it('serves more requests than it has slots, in order', async () => {
    const one = bench(1);
    const path = one.paths[0]!;
    for (let i = 0; i < 1000; i += 1) one.start(op.write, i * 4096, 4096);
    for (let i = 0; i < 1000; i += 1) path.answer(verdict.ok);
    await one.settle();
    assert.equal(one.ended.length, 1000);
    assert.equal(one.device.busy, false);
  });
});

describe('flush', () => {
  it('is done at once where nothing is volatile', async () => {
    const one = bench(2);
    one.start(op.write, 0, 4096);
    for (const path of one.paths) path.answerAll();
    one.start(op.flush, 0, 0);
    await one.settle();
    assert.deepEqual(one.ended, [
      [0, 0],
      [1, 0],
    ]);
  });

  it('goes to every controller that acknowledged a write since its last flush, and to no other', async () => {
    const one = bench(3, { selector: 'round-robin' }, true);
    for (let i = 0; i < 2; i += 1) one.start(op.write, i * 4096, 4096);
    for (const path of one.paths) path.answerAll();
    await one.settle();
    one.start(op.flush, 0, 0);
    assert.deepEqual(
      one.paths.map((path) => path.taken.map((part) => part.op)),
      [[op.flush], [op.flush], []],
    );
    for (const path of one.paths) path.answerAll();
    await one.settle();
    one.start(op.flush, 0, 0);
    assert.ok(one.paths.every((path) => path.taken.length === 0));
    await one.settle();
    assert.deepEqual(
      one.ended.map(([, outcome]) => outcome),
      [0, 0, 0, 0],
    );
  });

  it('fails for everybody who waits for one when a controller takes its cache along, and for nobody after that', async () => {
    const one = bench(2, { selector: 'round-robin' }, true);
    for (const offset of [0, 4096]) one.start(op.write, offset, 4096);
    for (const path of one.paths) path.answerAll();
    await one.settle();
    const flushes = [one.start(op.flush, 0, 0), one.start(op.flush, 0, 0)];
    lose(one, 0, ghost);
    one.paths[1]!.answerAll();
    await one.settle();
    for (const { status: outcome } of flushes) assert.equal(outcome, status.ioError);
    const after = one.start(op.flush, 0, 0);
    one.paths[1]!.answerAll();
    await one.settle();
    assert.equal(after.status, status.ok);
  });

  it('tells of a part that was lost before its write was acknowledged, though a flush told of the cache before', async () => {
    const one = bench(2, { selector: 'round-robin' }, true);
    const write = one.start(op.write, 0, 256 * KIB);
    assert.deepEqual(
      one.paths.map(({ taken }) => taken.length),
      [1, 1],
    );
    one.paths[0]!.answerAll();
    lose(one, 0, ghost);
    const early = one.start(op.flush, 0, 0);
    await one.settle();
    assert.equal(early.status, status.ioError);
    one.paths[1]!.answerAll();
    await one.settle();
    assert.equal(write.status, status.ok);
    const later = one.start(op.flush, 0, 0);
    one.paths[1]!.answerAll();
    await one.settle();
    assert.equal(later.status, status.ioError);
  });

  it('fails when a new controller does it of which the device has not heard, and which has nothing of the old one', async () => {
    const one = bench(1, {}, true);
    one.start(op.write, 0, 4096);
    one.paths[0]!.answerAll();
    await one.settle();
    lose(one, 0, ghost);
    // The queue is open again; word of the path is on its way.
    one.paths[0]!.open = true;
    one.paths[0]!.epoch += 1;
    const flush = one.start(op.flush, 0, 0);
    one.paths[0]!.answerAll();
    await one.settle();
    assert.equal(flush.status, status.ioError);
    const next = one.start(op.flush, 0, 0);
    one.paths[0]!.answerAll();
    await one.settle();
    assert.equal(next.status, status.ok);
  });

  it('fails once when a controller took acknowledged writes with it', async () => {
    const one = bench(2, { selector: 'round-robin' }, true);
    one.start(op.write, 0, 4096);
    const index = one.paths.findIndex((path) => path.taken.length > 0);
    one.paths[index]?.answerAll();
    await one.settle();
    lose(one, index, ghost);
    one.paths[index]!.open = true;
    one.paths[index]!.epoch = 2;
    one.device.pathChanged(index);
    one.start(op.flush, 0, 0);
    await one.settle();
    one.start(op.flush, 0, 0);
    await one.settle();
    assert.deepEqual(one.ended, [
      [0, status.ok],
      [1, status.ioError],
      [2, status.ok],
    ]);
  });

  it('is sent to the same controller again when it was called back, but not for ever', async () => {
    for (const times of [3, 4]) {
      const one = bench(2, {}, true);
      one.start(op.write, 0, 4096);
      const index = one.paths.findIndex((path) => path.taken.length > 0);
      const path = one.paths[index]!;
      path.answerAll();
      one.start(op.flush, 0, 0);
      for (let left = times; left > 0; left -= 1) {
        assert.equal(path.taken[0]?.op, op.flush);
        path.answer(calledBack & ~verdict.mayHaveExecuted, status.timedOut);
      }
      path.answerAll();
      await one.settle();
      assert.deepEqual(one.ended[1], [1, times < 4 ? status.ok : status.ioError]);
    }
  });

  it('goes to its own controller again, and to no other, when that asks for patience', async () => {
    const one = bench(2, { selector: 'round-robin' }, true);
    one.start(op.write, 0, 4096);
    one.start(op.write, 4096, 4096);
    for (const path of one.paths) path.answerAll();
    await one.settle();
    one.ended.length = 0;
    one.start(op.flush, 0, 0);
    const [busy, other] = [one.paths[0]!, one.paths[1]!];
    other.answerAll();
    for (let time = 0; time < 3; time += 1) {
      busy.answer(verdict.failed | verdict.retryHere, status.busy, 100);
      await one.settle(90);
      assert.deepEqual([busy.taken.length, other.taken.length], [0, 0], 'it was sent too early');
      await one.settle(20);
      assert.deepEqual([busy.taken.length, other.taken.length], [1, 0]);
    }
    assert.deepEqual(one.ended, []);
    busy.answerAll();
    await one.settle();
    assert.deepEqual(one.ended, [[2, status.ok]]);
  });

  it('fails when the controller is lost while it is being flushed', async () => {
    const one = bench(2, {}, true);
    one.start(op.write, 0, 4096);
    const index = one.paths.findIndex((path) => path.taken.length > 0);
    one.paths[index]?.answerAll();
    await one.settle();
    one.start(op.flush, 0, 0);
    lose(one, index, ghost);
    await one.settle();
    assert.deepEqual(one.ended[1], [1, status.ioError]);
  });

  it('over one path speaks for all where the controllers share their cache', async () => {
    const one = bench(2, { sharedCache: true }, true);
    one.start(op.write, 0, 4096);
    const index = one.paths.findIndex((path) => path.taken.length > 0);
    one.paths[index]?.answerAll();
    await one.settle();
    lose(one, index, ghost);
    one.start(op.flush, 0, 0);
    one.paths[1 - index]?.answerAll();
    await one.settle();
    assert.deepEqual(one.ended, [
      [0, status.ok],
      [1, status.ok],
    ]);
  });
});
