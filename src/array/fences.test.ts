/** Writes that come late, and what ends them: reset, cross-controller reset, loss of a controller. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  asyncEventDword,
  writeAsyncEventRequestSqe,
  writeCrossControllerResetSqe,
  writeGetLogPageSqe,
  writeIdentifySqe,
  writeKeepAliveSqe,
  writeSetFeaturesSqe,
} from '../fabric/nvme-tcp/admin-sqe.ts';
import { readCcrLog } from '../fabric/nvme-tcp/ccr-log.ts';
import { readIdentifyController } from '../fabric/nvme-tcp/identify-controller.ts';
import { writeFlushSqe, writeReadSqe, writeWriteSqe, writeWriteZeroesSqe } from '../fabric/nvme-tcp/sqe.ts';
import type { RawQueue } from './raw-host.test.support.ts';
import { pattern, type Scene, viewOf, withArray } from './with-array.test.support.ts';

const enabled = 0x0046_0001;

function write(queue: RawQueue, slba: number, salt: number, fua = false): ReturnType<RawQueue['submit']> {
  return queue.submit((view, at, cid) => writeWriteSqe(view, at, cid, 1, slba, 1, 4096, fua, true), {
    inCapsule: pattern(4096, salt),
  });
}

async function holds(queue: RawQueue, slba: number): Promise<number> {
  const { status, data } = await queue.submit((view, at, cid) => writeReadSqe(view, at, cid, 1, slba, 1, 4096), {
    read: 4096,
  });
  assert.equal(status, 0);
  for (let salt = 1; salt < 20; salt += 1) if (Buffer.from(data).equals(pattern(4096, salt))) return salt;
  return data.every((byte) => byte === 0) ? 0 : -1;
}

/** A second controller, on port 2, with an I/O queue. */
async function second({ controller, open }: Scene): Promise<{ admin: RawQueue; queue: RawQueue; cntlid: number }> {
  const { admin, cntlid } = await controller(2);
  const queue = await open(2);
  assert.equal((await queue.connectQueue(1, { cntlid })).status, 0);
  return { admin, queue, cntlid };
}

async function instance(admin: RawQueue): Promise<{ cntlid: number; ciu: number; cirn: bigint }> {
  const { data } = await admin.submit((view, at, cid) => writeIdentifySqe(view, at, cid, 0, 1, 0), { read: 4096 });
  return readIdentifyController(viewOf(data), 0);
}

async function reset(admin: RawQueue): Promise<void> {
  assert.equal((await admin.setProperty(0x14, 0x0046_0000)).status, 0);
  for (let tries = 0; tries < 1000; tries += 1) if (((await admin.getProperty(0x1c)).dw0 & 1) === 0) return;
  assert.fail('CSTS.RDY stays 1');
}

describe('a write whose connection died', () => {
  it('comes late, over what was written since', () =>
    withArray({ seed: 51 }, async (scene) => {
      const { array, io, host } = scene;
      const other = await second(scene);
      const queue = await io();
      array.faults.delayExecution(1, { milliseconds: Number.POSITIVE_INFINITY, writesOnly: true });
      array.faults.ghostWrites(1, { milliseconds: 500 });
      void write(queue, 9, 1);
      void queue.submit((view, at, cid) => writeWriteZeroesSqe(view, at, cid, 1, 10, 1, true, false));
      assert.equal(await holds(queue, 9), 0, 'reads go on meanwhile');
      assert.equal((await write(other.queue, 10, 3)).status, 0);
      array.faults.cutPort(1);
      await queue.gone;
      assert.equal((await write(other.queue, 9, 2)).status, 0);
      assert.equal(array.stats.ghosts, 2);
      await host.sleep(400);
      assert.equal(await holds(other.queue, 9), 2);
      await host.sleep(200);
      assert.equal(await holds(other.queue, 9), 1, 'the ghost');
      assert.equal(await holds(other.queue, 10), 0, 'the ghost of a write zeroes');
      assert.equal(array.stats.ghostsExecuted, 2);
    }));

  it('is dropped when it has to be, or executed if it was only delayed', () =>
    withArray({ seed: 52 }, async (scene) => {
      const { array, io, host } = scene;
      const other = await second(scene);
      const queue = await io();
      array.faults.delayExecution(1, { milliseconds: 300 });
      const slow = write(queue, 9, 1);
      await host.sleep(150);
      assert.equal(await holds(other.queue, 9), 0);
      assert.equal((await slow).status, 0);
      assert.equal(await holds(other.queue, 9), 1);
      void write(queue, 9, 2);
      await host.sleep(50);
      queue.connection.abort();
      await host.sleep(1000);
      assert.equal(await holds(other.queue, 9), 1);
    }));

  it('is answered late where only the answer is delayed', () =>
    withArray({ seed: 53 }, async (scene) => {
      const { array, io, host } = scene;
      const other = await second(scene);
      const queue = await io();
      array.faults.delayAnswers(1, 300);
      const from = host.clock.now();
      const slow = write(queue, 9, 1);
      await host.sleep(100);
      assert.equal(await holds(other.queue, 9), 1);
      assert.equal((await slow).status, 0);
      assert.ok(host.clock.now() - from >= 300);
      void write(queue, 8, 4);
      await host.sleep(100);
      array.faults.delayAnswers(1, 0);
      assert.equal((await write(queue, 9, 2)).status, 0);
      queue.connection.abort();
      await host.sleep(10);
      assert.equal(await holds(other.queue, 8), 4);
    }));
});

describe('CSTS.RDY = 0', () => {
  for (const onReset of ['drop', 'run'] as const) {
    it(`is a fence: ghosts ${onReset} before it, never after`, () =>
      withArray({ seed: 54 }, async (scene) => {
        const { array, io, host, admin, cntlid, open } = scene;
        const other = await second(scene);
        const queue = await io();
        const sane = await io({ qid: 2 });
        array.faults.delayExecution(1, { milliseconds: Number.POSITIVE_INFINITY, writesOnly: true });
        array.faults.ghostWrites(1, { milliseconds: 500, onReset });
        void write(queue, 9, 1);
        void write(sane, 11, 3);
        await host.sleep(20);
        queue.connection.abort();
        await host.sleep(20);
        assert.equal(array.stats.ghosts, 1);
        await reset(admin);
        const before = await holds(other.queue, 9);
        assert.equal(before, onReset === 'run' ? 1 : 0);
        assert.equal((await write(other.queue, 9, 2)).status, 0);
        await host.sleep(2000);
        assert.equal(await holds(other.queue, 9), 2);
        assert.equal(await holds(other.queue, 11), 0, 'a held write of a queue that the reset ended');
        assert.equal(sane.detached, true);
        assert.equal(admin.detached, false);

        const old = await instance(other.admin);
        assert.equal((await admin.setProperty(0x14, enabled)).status, 0);
        assert.equal((await instance(other.admin)).cirn, old.cirn);
        const again = await open(1);
        assert.equal((await again.connectQueue(1, { cntlid })).status, 0);
        array.faults.delayExecution(1, { milliseconds: 0 });
        assert.equal((await write(again, 12, 5)).status, 0);
        assert.equal(await holds(again, 12), 5);
      }));
  }

  it('is a fence whenever it comes', async () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      await withArray({ seed }, async (scene) => {
        const { array, io, host, admin } = scene;
        const other = await second(scene);
        const queue = await io();
        array.faults.delayExecution(1, { milliseconds: 3 });
        array.faults.ghostWrites(1, { milliseconds: 1 });
        for (let slba = 0; slba < 20; slba += 1) {
          void write(queue, slba, 1);
          await host.sleep(0.2);
        }
        if (seed % 2 === 0) queue.connection.abort();
        await reset(admin);
        const slbas = Array.from({ length: 20 }, (_, slba) => slba);
        const overwritten = slbas.map((slba) => write(other.queue, slba, 2));
        for (const done of overwritten) assert.equal((await done).status, 0);
        await host.sleep(100);
        for (const slba of slbas) assert.equal(await holds(other.queue, slba), 2, `block ${slba}, seed ${seed}`);
      });
    }
  });

  it('makes another instance of the controller', () =>
    withArray({ seed: 55, ccrl: 1 }, async ({ admin }) => {
      const before = await instance(admin);
      await reset(admin);
      await admin.enable();
      const after = await instance(admin);
      assert.notEqual(after.ciu, before.ciu);
      assert.notEqual(after.cirn, before.cirn);
    }));

  it('ends parked Asynchronous Event Requests with a status', () =>
    withArray({ seed: 56 }, async ({ admin }) => {
      const parked = admin.submit(writeAsyncEventRequestSqe);
      await reset(admin);
      assert.equal((await parked).status, 0x008);
    }));
});

const ccr = (queue: RawQueue, icid: number, ciu: number, cirn: bigint): ReturnType<RawQueue['submit']> =>
  queue.submit((view, at, cid) => writeCrossControllerResetSqe(view, at, cid, icid, ciu, cirn));

describe('a cross-controller reset', () => {
  it('ends a controller at once, and its ghosts', () =>
    withArray({ seed: 57, ccrl: 2 }, async (scene) => {
      const { array, io, host, admin } = scene;
      const other = await second(scene);
      const queue = await io();
      const { cntlid, ciu, cirn } = await instance(admin);
      array.faults.delayExecution(1, { milliseconds: Number.POSITIVE_INFINITY });
      array.faults.ghostWrites(1, { milliseconds: 5000 });
      void write(queue, 9, 1);
      await host.sleep(20);
      array.faults.cutPort(1);
      await admin.gone;
      await host.sleep(20);
      assert.equal(array.stats.ghosts, 1);
      assert.ok(array.stats.controllers.some((one) => one.cntlid === cntlid && one.ended));
      const answer = await ccr(other.admin, cntlid, ciu, cirn);
      assert.deepEqual({ status: answer.status, dw0: answer.dw0 }, { status: 0, dw0: 1 });
      assert.equal(array.stats.ghosts, 0);
      await host.sleep(10_000);
      assert.equal(await holds(other.queue, 9), 0);
      const gone = await ccr(other.admin, cntlid, ciu, cirn);
      assert.deepEqual({ status: gone.status, dw0: gone.dw0 }, { status: 0, dw0: 1 }, 'there is nothing left of it');
    }));

  it('ends a controller that lives', () =>
    withArray({ seed: 58, ccrl: 2 }, async (scene) => {
      const { io, admin } = scene;
      const other = await second(scene);
      const queue = await io();
      const { cntlid, ciu, cirn } = await instance(admin);
      assert.equal((await ccr(admin, cntlid, ciu, cirn)).status, 0x002, 'not itself');
      assert.equal((await ccr(other.admin, cntlid, (ciu + 1) & 0xff, cirn)).dw0, 1, 'another instance is gone already');
      assert.equal(queue.detached, false);
      assert.equal((await ccr(other.admin, cntlid, ciu, cirn)).status, 0);
      await queue.gone;
      await admin.gone;
      assert.equal((await other.admin.submit(writeKeepAliveSqe)).status, 0);
    }));

  it('that takes its time is told by an event and in a log', async () => {
    let pending = 0;
    const volumes = [{ name: 'one', sizeBytes: 2 ** 20, file: '/volume' }];
    for (let seed = 1; seed <= 20; seed += 1) {
      await withArray({ seed, ccrl: 1, volumes }, async (scene) => {
        const { io, admin, host } = scene;
        const other = await second(scene);
        const queue = await io();
        const { cntlid, ciu, cirn } = await instance(admin);
        await other.admin.submit((view, at, cid) => writeSetFeaturesSqe(view, at, cid, 0, 0x0b, 0x10_0000));
        const event = other.admin.submit(writeAsyncEventRequestSqe);
        for (let slba = 0; slba < 20; slba += 1) void write(queue, slba, 1);
        await host.sleep(0.5);
        const first = await ccr(other.admin, cntlid, ciu, cirn);
        assert.equal(first.status, 0);
        if (first.dw0 === 0) {
          pending += 1;
          assert.equal((await event).dw0, asyncEventDword(2, 0xf4, 0x1e));
          const read = (): ReturnType<RawQueue['submit']> =>
            other.admin.submit((view, at, cid) => writeGetLogPageSqe(view, at, cid, 0x1e, 1, false, 0, 4096), {
              read: 4096,
            });
          const log = readCcrLog(viewOf((await read()).data), 0);
          assert.deepEqual(log, [{ icid: cntlid, ciu, acid: 0xffff, ccrs: 1, ccrf: 3 }]);
          assert.deepEqual(readCcrLog(viewOf((await read()).data), 0), [], 'removed when it was read');
        }
        // From here on nothing of that controller is executed.
        const before = await Promise.all(Array.from({ length: 20 }, (_, slba) => holds(other.queue, slba)));
        await host.sleep(100);
        const after = await Promise.all(Array.from({ length: 20 }, (_, slba) => holds(other.queue, slba)));
        assert.deepEqual(after, before);
      });
    }
    assert.ok(pending > 0, 'no seed made a reset wait');
  });
});

describe('a volatile write cache', () => {
  it('is lost with its controller, and only what nobody flushed', () =>
    withArray({ seed: 60, volatileWriteCache: true }, async (scene) => {
      const { array, io, cntlid } = scene;
      const other = await second(scene);
      const queue = await io();
      await write(queue, 1, 1);
      await queue.submit((view, at, cid) => writeFlushSqe(view, at, cid, 1));
      await write(queue, 1, 2);
      await write(queue, 2, 3, true);
      await write(queue, 3, 4);
      await write(other.queue, 3, 5);
      await write(other.queue, 4, 6);
      await write(queue, 5, 7);
      await queue.submit((view, at, cid) => writeWriteZeroesSqe(view, at, cid, 1, 5, 1, true, false));
      for (const [slba, salt] of [
        [1, 2],
        [2, 3],
        [3, 5],
        [4, 6],
        [5, 0],
      ] as const) {
        assert.equal(await holds(other.queue, slba), salt, 'every controller sees the newest data');
      }
      await array.faults.loseCache(cntlid);
      for (const [slba, salt] of [
        [1, 1],
        [2, 3],
        [3, 5],
        [4, 6],
        [5, 0],
      ] as const) {
        assert.equal(await holds(other.queue, slba), salt, `block ${slba} after the loss of one cache`);
      }
      await array.faults.loseCache('all');
      for (const [slba, salt] of [
        [1, 1],
        [2, 3],
        [3, 4],
        [4, 0],
        [5, 0],
      ] as const) {
        assert.equal(await holds(queue, slba), salt, `block ${slba} after the loss of all caches`);
      }
    }));

  it('that is switched off holds nothing', () =>
    withArray({ seed: 61, volatileWriteCache: true }, async ({ array, io, admin }) => {
      const queue = await io();
      const off = await admin.submit((view, at, cid) => writeSetFeaturesSqe(view, at, cid, 0, 6, 0));
      assert.equal(off.status, 0);
      await write(queue, 1, 1);
      await array.faults.loseCache('all');
      assert.equal(await holds(queue, 1), 1);
    }));

  it('is made durable by an orderly shutdown', () =>
    withArray({ seed: 62, volatileWriteCache: true }, async (scene) => {
      const { array, io, admin } = scene;
      const other = await second(scene);
      const queue = await io();
      await write(queue, 1, 1);
      await admin.setProperty(0x14, enabled | 0x4000);
      while ((await admin.getProperty(0x1c)).dw0 >>> 2 !== 2) await scene.host.sleep(1);
      await array.faults.loseCache('all');
      assert.equal(await holds(other.queue, 1), 1);
    }));
});
