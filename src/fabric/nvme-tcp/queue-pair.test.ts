import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { op } from '../../block/request.ts';
import { verdict } from '../contract.ts';
import { breakage } from './breakage.ts';
import { maxR2t } from './command-queue.ts';
import { fes, pduFlag } from './constants.ts';
import { Stage } from './scripted-target.test.support.ts';
import { outcome, outcomeName, sc } from './status.ts';

async function stage(seed: number, digests = 0, options = {}, timeoutMs = 0): Promise<Stage> {
  const made = new Stage(seed, digests, options, timeoutMs);
  await made.begin();
  return made;
}

function arrivedWhole(made: Stage, length: number, salt: number): boolean {
  const { u8 } = made.target.io.memory;
  for (let i = 0; i < length; i += 1) if (u8[made.target.arrived + i] !== ((i * 7 + salt) & 0xff)) return false;
  return true;
}

test('R2Ts of one command are answered in order, in pieces of MAXH2CDATA', async () => {
  const made = await stage(1, 3, { maxH2cData: 4096 });
  const part = made.submit(op.write, 32768, 3);
  await made.seen(1);
  const cid = made.cid(0);
  made.target.sendR2t(cid, 11, 0, 12288);
  made.target.sendR2t(cid, 12, 12288, 4096);
  made.target.sendR2t(cid, 13, 16384, 16384);
  await made.world.run({ until: () => made.target.dataSeen === 9 });
  assert.deepEqual(
    made.target.data.map(({ ttag, datao, datal, last }) => [ttag, datao, datal, last]),
    [
      [11, 0, 4096, false],
      [11, 4096, 4096, false],
      [11, 8192, 4096, true],
      [12, 12288, 4096, true],
      [13, 16384, 4096, false],
      [13, 20480, 4096, false],
      [13, 24576, 4096, false],
      [13, 28672, 4096, true],
    ],
  );
  assert.ok(arrivedWhole(made, 32768, 3));
  made.target.respond(cid, 0);
  await made.world.run({ until: () => made.ended.length === 1 });
  assert.equal(part.verdict, verdict.ok);
});

test('the next R2T may come at any time, and of several commands in any order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(),
      fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 12, maxLength: 12 }),
      async (seed, picks) => {
        const made = await stage(seed, seed & 3, { maxH2cData: 8192 });
        const parts = [0, 1, 2].map(() => made.submit(op.write, 65536, 9));
        await made.seen(3);
        const asked = [0, 0, 0];
        const order = [...picks, ...picks, 0, 1, 2].map((pick) => pick);
        for (const pick of order) {
          const offset = asked[pick]!;
          if (offset >= 65536) continue;
          // At most as many outstanding as were allowed: what was asked and has not arrived.
          const outstanding =
            offset / 16384 - made.target.data.filter(({ cid, last }) => cid === made.cid(pick) && last).length;
          if (outstanding >= maxR2t) continue;
          made.target.sendR2t(made.cid(pick), offset / 16384, offset, 16384);
          asked[pick] = offset + 16384;
          if (made.world.random.below(3) === 0) await made.world.pass(1);
        }
        for (const pick of [0, 1, 2]) {
          while (asked[pick]! < 65536) {
            const offset = asked[pick]!;
            made.target.sendR2t(made.cid(pick), offset / 16384, offset, 16384);
            asked[pick] = offset + 16384;
          }
        }
        await made.world.run({ until: () => made.target.data.filter(({ last }) => last).length === 12 });
        for (const pick of [0, 1, 2]) {
          const offsets = made.target.data.filter(({ cid }) => cid === made.cid(pick)).map(({ datao }) => datao);
          assert.deepEqual(
            offsets,
            [0, 1, 2, 3, 4, 5, 6, 7].map((i) => i * 8192),
          );
          made.target.respond(made.cid(pick), 0);
        }
        await made.world.run({ until: () => made.ended.length === 3 });
        assert.ok(parts.every((part) => part.verdict === verdict.ok));
        assert.equal(made.lost, breakage.none);
      },
    ),
    { numRuns: 60, includeErrorInReport: true },
  );
});

test('a response before the payload has left: the part comes back only when no send refers to its buffer', async () => {
  const made = await stage(3);
  const part = made.submit(op.write, 1048576, 1);
  await made.seen(1);
  made.target.hold = true;
  made.target.sendR2t(made.cid(0), 1, 0, 1048576);
  await made.world.run({ until: () => made.target.data.length === 1 });
  made.target.respond(made.cid(0), sc.internalError);
  await made.world.pass(100);
  assert.equal(made.ended.length, 0, 'the payload is still being sent');
  assert.equal(made.path.inFlight, 1);
  made.target.letGo();
  await made.world.run({ until: () => made.ended.length === 1 });
  assert.equal(part.outcome, sc.internalError);
  assert.equal(made.lost, breakage.none);
  // Ours again: the world objects to freeing what an operation refers to.
  made.host.memory.free(part.buffer);
});

test('a response before the payload has left, then the connection is lost: the response decides', async () => {
  const made = await stage(3);
  const part = made.submit(op.write, 1048576, 1);
  await made.seen(1);
  made.target.hold = true;
  made.target.sendR2t(made.cid(0), 1, 0, 1048576);
  await made.world.run({ until: () => made.target.data.length === 1 });
  made.target.respond(made.cid(0), sc.internalError);
  await made.world.pass(100);
  made.queue.abort(outcome.connectionLost);
  await made.world.run({ until: () => made.ended.length === 1 });
  assert.equal(part.outcome, sc.internalError);
});

test('a command that failed before its R2Ts were answered sends no more', async () => {
  const made = await stage(4);
  const part = made.submit(op.write, 65536);
  await made.seen(1);
  made.target.respond(made.cid(0), sc.capacityExceeded);
  await made.world.run({ until: () => made.ended.length === 1 });
  assert.equal(outcomeName(part.outcome), 'capacity-exceeded');
  assert.equal(made.lost, breakage.none);
});

test('C2HData in pieces, with SUCCESS in the last, ends a read', async () => {
  const made = await stage(5, 3);
  const part = made.submit(op.read, 16384);
  await made.seen(1);
  for (let i = 0; i < 16384; i += 1) made.target.io.memory.u8[made.target.area + i] = i & 0xff;
  made.target.sendData(made.cid(0), 0, 1000, 0);
  made.target.sendData(made.cid(0), 1000, 15000, 0);
  made.target.sendData(made.cid(0), 16000, 384, pduFlag.lastPdu | pduFlag.success);
  await made.world.run({ until: () => made.ended.length === 1 });
  assert.equal(part.verdict, verdict.ok);
  for (let i = 0; i < 16384; i += 1) assert.equal(made.host.memory.u8[part.buffer + i], i & 0xff);
});

/** A read whose data nobody wants any more, once the controller has sent `before` bytes of it. */
async function dropped(before: number, digests: number): Promise<{ made: Stage; cid: number; at: number }> {
  const made = await stage(6, digests);
  const part = made.submit(op.read, 262144, 5);
  await made.seen(1);
  const cid = made.cid(0);
  if (before > 0) made.target.sendData(cid, 0, before, 0);
  await made.world.pass(5);
  assert.equal(made.path.detach(part), true, 'nothing is being received');
  // Somebody else's from here on.
  made.host.memory.u8.fill(0x11, part.buffer, part.buffer + 262144);
  return { made, cid, at: part.buffer };
}

function isUntouched(made: Stage, at: number): boolean {
  return made.host.memory.u8.subarray(at, at + 262144).every((byte) => byte === 0x11);
}

for (const [before, digests] of [
  [0, 0],
  [100_000, 3],
] as const) {
  test(`a read that was detached after ${before} bytes receives into its buffer no more, and ends as any other`, async () => {
    const { made, cid, at } = await dropped(before, digests);
    made.target.sendData(cid, before, 262144 - before - 4096, 0);
    made.target.sendData(cid, 262144 - 4096, 4096, pduFlag.lastPdu | pduFlag.success);
    await made.world.run({ until: () => made.ended.length === 1 });
    assert.equal(made.lost, breakage.none);
    assert.ok(isUntouched(made, at));
    const next = made.submit(op.read, 4096);
    await made.seen(2);
    made.target.sendData(made.cid(1), 0, 4096, pduFlag.lastPdu | pduFlag.success);
    await made.world.run({ until: () => made.ended.length === 2 });
    assert.equal(next.verdict, verdict.ok);
  });
}

test('a read that is detached while its data is received: the receive is ended early, and told when it is over', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.integer({ min: 0, max: 3 }), fc.boolean(), async (seed, digests, more) => {
      const made = await stage(seed, digests);
      const part = made.submit(op.read, 262144, 5);
      await made.seen(1);
      made.target.sendData(made.cid(0), 0, 262144, pduFlag.lastPdu | pduFlag.success);
      const began = part.buffer + 262143;
      const whole = made.host.memory.u8[began];
      await made.world.pass(made.world.random.float());
      if (made.ended.length > 0) return;
      const atOnce = made.path.detach(part);
      await made.world.run({ until: () => atOnce || made.let.length === 1 });
      if (made.host.memory.u8[began] !== whole) return; // all of it had arrived
      made.host.memory.u8.fill(0x11, part.buffer, part.buffer + 262144);
      if (more) made.submit(op.read, 4096);
      await made.world.run({ until: () => made.ended.length === 1 });
      assert.equal(made.let.length, atOnce ? 0 : 1);
      assert.ok(isUntouched(made, part.buffer));
      assert.equal(made.lost, breakage.none);
    }),
    { numRuns: 100, includeErrorInReport: true },
  );
});

test('a read that is detached on a connection that ends: told before it comes back', async () => {
  const made = await stage(7);
  const part = made.submit(op.read, 262144, 5);
  await made.seen(1);
  made.queue.abort(outcome.connectionLost);
  assert.equal(made.path.detach(part), false);
  await made.world.run({ until: () => made.ended.length === 1 });
  assert.deepEqual(made.let, [part]);
});

/** What a controller may do wrong with one read (cid 0) and one R2T write (cid 1) under way, and the answer to it. */
const wrongs: readonly (readonly [what: string, act: (made: Stage) => void, fatal: number])[] = [
  ['a response to nothing', (made) => made.target.respond(77, 0), fes.invalidHeaderField],
  [
    'a second response',
    (made) => {
      made.target.respond(made.cid(1), sc.writeFault);
      made.target.respond(made.cid(1), sc.writeFault);
    },
    fes.invalidHeaderField,
  ],
  ['success without the data', (made) => made.target.respond(made.cid(0), 0), fes.pduSequence],
  ['data for nothing', (made) => made.target.sendData(99, 0, 4096, 0), fes.invalidHeaderField],
  ['data for a write', (made) => made.target.sendData(made.cid(1), 0, 4096, 0), fes.invalidHeaderField],
  ['data at a wrong offset', (made) => made.target.sendData(made.cid(0), 4096, 4096, 0), fes.dataOutOfRange],
  ['too much data', (made) => made.target.sendData(made.cid(0), 0, 20480, 0), fes.dataOutOfRange],
  [
    'data twice',
    (made) => {
      made.target.sendData(made.cid(0), 0, 4096, 0);
      made.target.sendData(made.cid(0), 0, 4096, 0);
    },
    fes.dataOutOfRange,
  ],
  [
    'data after the last',
    (made) => {
      made.target.sendData(made.cid(0), 0, 4096, pduFlag.lastPdu);
      made.target.sendData(made.cid(0), 4096, 4096, 0);
    },
    fes.dataOutOfRange,
  ],
  [
    'SUCCESS before all data came',
    (made) => made.target.sendData(made.cid(0), 0, 4096, pduFlag.lastPdu | pduFlag.success),
    fes.pduSequence,
  ],
  ['an R2T for a read', (made) => made.target.sendR2t(made.cid(0), 1, 0, 4096), fes.invalidHeaderField],
  ['an R2T for nothing', (made) => made.target.sendR2t(1234, 1, 0, 4096), fes.invalidHeaderField],
  ['an R2T beyond the data', (made) => made.target.sendR2t(made.cid(1), 1, 0, 131072), fes.dataOutOfRange],
  ['an R2T of nothing', (made) => made.target.sendR2t(made.cid(1), 1, 0, 0), fes.dataOutOfRange],
  ['an R2T out of order', (made) => made.target.sendR2t(made.cid(1), 1, 4096, 4096), fes.dataOutOfRange],
];

for (const [what, act, fatal] of wrongs) {
  test(`ends the connection: ${what}`, async () => {
    const made = await stage(6);
    const read = made.submit(op.read, 16384);
    const write = made.submit(op.write, 65536);
    await made.seen(2);
    act(made);
    await made.world.run({ until: () => made.detached === 1 && made.target.detached });
    assert.equal(made.lost, breakage.protocolError);
    assert.equal(made.lostCount, 1);
    assert.equal(made.target.broken, breakage.terminatedByPeer);
    assert.equal(made.target.connection.fes, fatal);
    for (const part of [read, write]) assert.ok(made.ended.includes(part));
    assert.equal(read.verdict, verdict.failed | verdict.pathFault | verdict.retryElsewhere);
    if (write.outcome !== sc.writeFault) {
      assert.equal(write.outcome, outcome.hostTerminated);
      assert.notEqual(write.verdict & verdict.mayStillExecute, 0);
    }
    assert.equal(made.path.inFlight, 0);
  });
}

test('an in-capsule write is not asked for by R2T', async () => {
  const made = await stage(7);
  made.submit(op.write, 4096);
  await made.seen(1);
  assert.equal(made.target.commands[0]?.inCapsule, 4096);
  made.target.sendR2t(made.cid(0), 1, 0, 4096);
  await made.world.run({ until: () => made.detached === 1 });
  assert.equal(made.lost, breakage.protocolError);
});

test('an answer to a former use of a slot is told from one to this use', async () => {
  const made = await stage(8);
  made.submit(op.read, 4096);
  await made.seen(1);
  const former = made.cid(0);
  made.target.sendData(former, 0, 4096, pduFlag.lastPdu | pduFlag.success);
  await made.world.run({ until: () => made.ended.length === 1 });
  made.submit(op.read, 4096);
  await made.seen(2);
  assert.notEqual(made.cid(1), former);
  made.target.respond(former, sc.internalError);
  await made.world.run({ until: () => made.detached === 1 });
  assert.equal(made.lost, breakage.protocolError);
});

test('random PDUs from the controller end the queue with a coded outcome, and nothing throws', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(),
      fc.uint8Array({ minLength: 24, maxLength: 24 }),
      fc.nat({ max: 9 }),
      fc.boolean(),
      async (seed, bytes, type, shaped) => {
        const made = await stage(seed);
        const parts = [made.submit(op.read, 16384), made.submit(op.write, 65536)];
        await made.seen(2);
        if (shaped) {
          // Right in its common header, so that what follows is looked at.
          bytes.set([type, (bytes[1] ?? 0) & 12, 24, type === 7 ? 24 : 0, 24 + (type === 7 ? 8 : 0), 0, 0, 0]);
          bytes.set([made.cid((bytes[20] ?? 0) & 1) & 0xff, made.cid(0) >> 8], 8);
        }
        made.target.sendRaw(bytes);
        await made.world.pass(300);
        if (made.detached === 0) made.queue.abort(outcome.connectionLost);
        await made.world.run({ until: () => made.detached === 1 });
        assert.equal(made.ended.length, 2);
        for (const part of parts) assert.ok(made.ended.includes(part) && (part.verdict !== verdict.ok || shaped));
        assert.equal(made.path.inFlight, 0);
        made.queue.release();
      },
    ),
    { numRuns: 300, includeErrorInReport: true },
  );
});

test('abort at any moment gives every part back exactly once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat({ max: 30 }), async (seed, tenths) => {
      const made = await stage(seed, seed & 3, { maxH2cData: 4096 });
      const parts = [
        made.submit(op.read, 65536),
        made.submit(op.write, 65536),
        made.submit(op.write, 4096),
        made.submit(op.write, 131072),
      ];
      await made.seen(4);
      made.target.sendData(made.cid(0), 0, 65536, pduFlag.lastPdu | pduFlag.success);
      made.target.sendR2t(made.cid(1), 1, 0, 65536);
      made.target.sendR2t(made.cid(3), 2, 0, 131072);
      made.target.respond(made.cid(2), 0);
      await made.world.pass(tenths / 10);
      made.queue.abort(outcome.connectionLost);
      await made.world.run({ until: () => made.detached === 1 });
      assert.equal(made.ended.length, 4);
      assert.equal(new Set(made.ended).size, 4);
      for (const part of parts) made.host.memory.free(part.buffer);
      await made.world.pass(50);
    }),
    { numRuns: 100, includeErrorInReport: true },
  );
});

test('a command without an answer is overdue, and after its grace a time-out; both are said once', async () => {
  const made = await stage(9, 0, {}, 1000);
  made.submit(op.read, 4096);
  await made.seen(1);
  const before = made.world.now;
  const took = async (until: () => boolean): Promise<number> => {
    await made.world.run({ until });
    return made.world.now - before;
  };
  const overdue = await took(() => made.overdue.length > 0);
  assert.ok(overdue >= 999 && overdue < 1300, `${overdue} ms`);
  assert.deepEqual([made.overdue, made.timeouts], [[made.cid(0)], 0]);
  const over = await took(() => made.timeouts > 0);
  assert.ok(over >= overdue + 250 && over < overdue + 350, `${over} ms`);
  await made.world.pass(5000);
  assert.deepEqual([made.overdue.length, made.timeouts], [1, 1]);
});

test('the grace is no longer than a while, however long the time-out', async () => {
  const made = await stage(10, 0, {}, 30_000);
  made.submit(op.read, 4096);
  await made.world.run({ until: () => made.overdue.length > 0, maxVirtualMs: 60_000 });
  const before = made.world.now;
  await made.world.run({ until: () => made.timeouts > 0 });
  assert.ok(made.world.now - before <= 2600, `${made.world.now - before} ms`);
});

const calledBack = verdict.failed | verdict.pathFault | verdict.calledBack | verdict.retryElsewhere;

test('a command that was called back is over, whatever else its completion says; others go on', async () => {
  const made = await stage(11, 0, {}, 1000);
  const write = made.submit(op.write, 4096);
  const read = made.submit(op.read, 4096);
  await made.seen(2);
  await made.world.run({ until: () => made.overdue.length === 2 });
  const other = made.submit(op.write, 4096);
  await made.seen(3);
  made.target.respond(made.cid(2), 0);
  await made.world.run({ until: () => made.ended.length === 1 });
  assert.equal(other.verdict, verdict.ok);
  // "Do not retry" would send the error of a hanging array up.
  const doNotRetry = 0x4000;
  made.target.respond(made.cid(0), sc.abortedByRequest | doNotRetry);
  made.target.respond(made.cid(1), sc.abortedByRequest);
  await made.world.run({ until: () => made.ended.length === 3 });
  assert.deepEqual([write.outcome, read.outcome], [outcome.calledBack, outcome.calledBack]);
  assert.equal(write.verdict, calledBack | verdict.mayHaveExecuted, 'and not: it may still be executed');
  assert.equal(read.verdict, calledBack);
  await made.world.pass(5000);
  assert.deepEqual([made.timeouts, made.queue.inDoubt, made.lostCount], [0, 0, 0]);
});

test('a command that ends in its grace ends as it ends', async () => {
  const made = await stage(12, 0, {}, 1000);
  const parts = [made.submit(op.write, 4096), made.submit(op.write, 4096)];
  await made.seen(2);
  await made.world.run({ until: () => made.overdue.length === 2 });
  made.target.respond(made.cid(0), 0);
  made.target.respond(made.cid(1), sc.writeFault);
  await made.world.run({ until: () => made.ended.length === 2 });
  assert.deepEqual(
    parts.map((part) => part.outcome),
    [sc.success, sc.writeFault],
  );
  // Slot and identifier are used again: what is overdue now is another command.
  made.submit(op.write, 4096);
  await made.seen(3);
  await made.world.pass(500);
  assert.deepEqual([made.overdue.length, made.timeouts], [2, 0]);
});

test('an abort that nobody asked for is an answer of the array', async () => {
  const made = await stage(13, 0, {}, 1000);
  const part = made.submit(op.write, 4096);
  await made.seen(1);
  made.target.respond(made.cid(0), sc.abortedByRequest);
  await made.world.run({ until: () => made.ended.length === 1 });
  assert.equal(part.outcome, sc.abortedByRequest);
  assert.equal(part.verdict & verdict.calledBack, 0);
});

for (const when of ['before it is overdue', 'in its grace'] as const) {
  test(`a stall of our own is nobody's fault: ${when}`, async () => {
    const made = await stage(14, 0, {}, 1000);
    const part = made.submit(op.read, 4096);
    await made.seen(1);
    const inGrace = when === 'in its grace';
    if (inGrace) await made.world.run({ until: () => made.overdue.length === 1 });
    else await made.world.pass(500);
    made.host.stall(5000);
    await made.world.pass(4990);
    made.target.respond(made.cid(0), sc.internalError);
    await made.world.run({ until: () => made.ended.length === 1 });
    assert.equal(part.outcome, sc.internalError);
    assert.deepEqual([made.overdue.length, made.timeouts], [inGrace ? 1 : 0, 0]);
  });
}
