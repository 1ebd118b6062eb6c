/** Reads that are sent a second time: who wins, what becomes of the other, and whose memory is whose. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { op } from '../block/request.ts';
import { status } from '../block/status.ts';
import { verdict } from '../fabric/contract.ts';
import { deviceCounter } from './statistics.ts';
import {
  bench,
  type Bench,
  type FakePath,
  KIB,
  lose,
  lostRead,
  payloadPlace as payload,
} from './bench.test.support.ts';
import type { MultipathOptions } from './options.ts';

const after = 20;
const options: Partial<MultipathOptions> = { hedgeAfter: after, hedgeShare: 100, suspectAfter: 0 };
const length = 8 * KIB;

interface Pair {
  readonly one: Bench;
  readonly read: FakePath;
  readonly hedge: FakePath;
}

/** A read that was sent a second time. */
async function hedged(more: Partial<MultipathOptions> = {}): Promise<Pair> {
  const one = bench(2, { ...options, ...more });
  one.start(op.read, 0, length);
  const index = one.paths.findIndex(({ taken }) => taken.length > 0);
  await one.settle(after + 5);
  return { one, read: one.paths[index]!, hedge: one.paths[1 - index]! };
}

function memoryOf(one: Bench): Uint8Array {
  return one.io.memory.u8;
}

/** The array's answer: fills the part's buffer. */
function answer(one: Bench, path: FakePath, byte: number): void {
  const { buffer } = path.taken[0]!;
  memoryOf(one).fill(byte, buffer, buffer + length);
  path.answer(verdict.ok);
}

function shows(one: Bench, byte: number): void {
  assert.ok(
    memoryOf(one)
      .subarray(payload, payload + length)
      .every((each) => each === byte),
    `not all bytes are ${byte}`,
  );
}

function counters({ one }: Pair): number[] {
  const { hedges, hedgesWon, hedgesLost, hedgesRefused } = deviceCounter;
  return [hedges, hedgesWon, hedgesLost, hedgesRefused].map((which) => one.device.statistics.get(which));
}

describe('hedged reads', () => {
  it('are sent once they took too long, not earlier, into memory of their own', async () => {
    const one = bench(2, options);
    one.start(op.read, 0, length);
    await one.settle(after - 5);
    assert.equal(
      one.paths.reduce((sum, path) => sum + path.taken.length, 0),
      1,
    );
    await one.settle(10);
    const [first, second] = one.paths.flatMap(({ taken }) => taken);
    assert.ok(first && second);
    assert.deepEqual([first.op, first.offset, first.length], [second.op, second.offset, second.length]);
    assert.notEqual(first.buffer, second.buffer);
  });

  it('the hedge wins: the read lets go of the payload before the request is answered with the data of the hedge', async () => {
    const pair = await hedged();
    const { one, read, hedge } = pair;
    answer(one, hedge, 7);
    await one.settle();
    assert.deepEqual(one.ended, [[0, status.ok]]);
    assert.deepEqual(read.detached, read.taken);
    shows(one, 7);
    assert.equal(one.device.busy, false);
    read.answer(verdict.ok);
    await one.settle();
    assert.deepEqual(one.ended, [[0, status.ok]]);
    assert.deepEqual(counters(pair), [1, 1, 0, 0]);
  });

  it('the hedge wins while a receive into the payload is under way: the request waits until that is over', async () => {
    const { one, read, hedge } = await hedged();
    read.letsGo = false;
    answer(one, hedge, 7);
    await one.settle(50);
    assert.deepEqual(one.ended, []);
    memoryOf(one).fill(3, payload, payload + 100);
    one.device.onDetached(read.taken[0]!);
    await one.settle();
    assert.deepEqual(one.ended, [[0, status.ok]]);
    shows(one, 7);
    read.answer(lostRead);
    await one.settle();
    assert.deepEqual(one.ended, [[0, status.ok]]);
    assert.equal(hedge.taken.length + read.taken.length, 0, 'what nobody waits for is not sent again');
  });

  it('the read wins: the hedge is a stray, and what it brings goes nowhere', async () => {
    const pair = await hedged();
    const { one, read, hedge } = pair;
    answer(one, read, 5);
    await one.settle();
    assert.deepEqual(one.ended, [[0, status.ok]]);
    answer(one, hedge, 9);
    await one.settle();
    shows(one, 5);
    assert.deepEqual(one.ended, [[0, status.ok]]);
    assert.deepEqual(counters(pair), [1, 0, 1, 0]);
  });

  it('the read ends with an error of the volume: that is the answer', async () => {
    const { one, read, hedge } = await hedged();
    read.answer(verdict.failed, status.mediumError);
    await one.settle();
    assert.deepEqual(one.ended, [[0, status.mediumError]]);
    answer(one, hedge, 9);
    await one.settle();
    assert.equal(one.ended.length, 1);
  });

  it('the path of the read is lost: the hedge alone decides', async () => {
    const pair = await hedged();
    const { one, hedge } = pair;
    lose(one, one.paths.indexOf(pair.read), lostRead);
    await one.settle();
    assert.deepEqual(one.ended, []);
    assert.equal(hedge.taken.length, 1, 'it was sent again although its hedge is under way');
    answer(one, hedge, 4);
    await one.settle();
    assert.deepEqual(one.ended, [[0, status.ok]]);
    shows(one, 4);
    assert.deepEqual(counters(pair), [1, 1, 0, 0]);
  });

  it('both paths are lost: the read is sent again, into its payload, as soon as a path is there', async () => {
    const pair = await hedged();
    const { one, read, hedge } = pair;
    lose(one, one.paths.indexOf(read), lostRead);
    lose(one, one.paths.indexOf(hedge), lostRead);
    await one.settle();
    assert.deepEqual(one.ended, []);
    read.open = true;
    read.epoch = 2;
    one.device.pathChanged(one.paths.indexOf(read));
    assert.equal(read.taken[0]?.buffer, payload);
    answer(one, read, 6);
    await one.settle();
    assert.deepEqual(one.ended, [[0, status.ok]]);
    shows(one, 6);
  });

  it('the hedge fails: the read goes on alone, and may be sent a second time again', async () => {
    const { one, read, hedge } = await hedged();
    hedge.answer(verdict.failed, status.mediumError);
    await one.settle();
    assert.deepEqual(one.ended, []);
    await one.settle(after + 5);
    assert.equal(hedge.taken.length, 1);
    answer(one, read, 2);
    await one.settle();
    assert.deepEqual(one.ended, [[0, status.ok]]);
  });

  it('are never more than their share allows, but for what was saved up and for a suspect path', async () => {
    const one = bench(2, { ...options, hedgeShare: 1 });
    let hedges = 0;
    for (let round = 0; round < 3; round += 1) {
      for (let read = 0; read < 100; read += 1) one.start(op.read, read * length, length);
      await one.settle(after + 5);
      hedges = one.device.statistics.get(deviceCounter.hedges);
      for (const path of one.paths) path.answerAll();
      for (const path of one.paths) path.answerAll();
      await one.settle();
    }
    assert.ok(hedges >= 64 && hedges <= 64 + 3, `${hedges} hedges`);
    assert.ok(one.device.statistics.get(deviceCounter.hedgesRefused) >= 200);
    one.device.paths.member(0).suspect = true;
    for (let read = 0; read < 20; read += 1) one.start(op.read, read * length, length);
    const onSuspect = one.paths[0]!.taken.length;
    assert.ok(onSuspect > 0);
    await one.settle(after + 5);
    assert.equal(one.device.statistics.get(deviceCounter.hedges) - hedges, onSuspect);
  });

  it('are not sent where the share is 0, with a selector that forbids it, or without another controller', async () => {
    for (const more of [{ hedgeShare: 0 }, { selector: 'failover-only' }] as const) {
      const one = bench(2, { ...options, ...more });
      one.start(op.read, 0, length);
      await one.settle(200);
      assert.equal(
        one.paths.reduce((sum, path) => sum + path.taken.length, 0),
        1,
      );
    }
    const alone = bench(1, options);
    alone.start(op.read, 0, length);
    await alone.settle(200);
    assert.equal(alone.paths[0]!.taken.length, 1);
  });

  it('writes are never sent twice', async () => {
    const one = bench(2, options);
    one.start(op.write, 0, length);
    one.start(op.flush, 0, 0);
    await one.settle(200);
    assert.equal(
      one.paths.reduce((sum, path) => sum + path.taken.length, 0),
      1,
    );
  });

  it('give their memory back, strays also after the device was closed', async () => {
    const before = bench(2, options).io.memory.takenBytes;
    const { one, read, hedge } = await hedged();
    assert.ok(one.io.memory.takenBytes > before);
    answer(one, read, 1);
    await one.settle();
    await one.device.close();
    assert.ok(one.io.memory.takenBytes > before, 'the stray still receives');
    hedge.answer(lostRead);
    assert.equal(one.io.memory.takenBytes, before);
  });

  it('wait as long as nearly all reads of the device need, and a while longer', async () => {
    const one = bench(2, { hedgeShare: 100, suspectAfter: 0 });
    const slow = 12;
    for (let read = 0; read < 4000; read += 1) {
      one.start(op.read, 0, length);
      if (read % 20 === 0) await one.settle(slow);
      for (const path of one.paths) path.answerAll();
      await one.settle();
    }
    one.start(op.read, 0, length);
    await one.settle(100);
    const [first, second] = one.paths.flatMap(({ taken }) => taken).toSorted((a, b) => a.startedAt - b.startedAt);
    assert.ok(first && second);
    const waited = second.startedAt - first.startedAt;
    assert.ok(waited > slow * 1.2 && waited < slow * 4, `sent again after ${waited} ms`);
  });
});
