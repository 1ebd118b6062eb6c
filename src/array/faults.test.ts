/** What can be made to go wrong, and that it goes right again afterwards. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { writeKeepAliveSqe } from '../fabric/nvme-tcp/admin-sqe.ts';
import { breakage } from '../fabric/nvme-tcp/breakage.ts';
import { writeReadSqe, writeWriteSqe } from '../fabric/nvme-tcp/sqe.ts';
import { EmbeddedArray } from './array.ts';
import type { RawQueue } from './raw-host.test.support.ts';
import { pattern, withArray } from './with-array.test.support.ts';

function read(queue: RawQueue, slba = 0): ReturnType<RawQueue['submit']> {
  return queue.submit((view, at, cid) => writeReadSqe(view, at, cid, 1, slba, 1, 4096), { read: 4096 });
}

function write(queue: RawQueue, slba: number, salt: number): ReturnType<RawQueue['submit']> {
  return queue.submit((view, at, cid) => writeWriteSqe(view, at, cid, 1, slba, 1, 4096, false, true), {
    inCapsule: pattern(4096, salt),
  });
}

describe('a port', () => {
  it('that is closed resets its connections and refuses new ones, until it is opened', () =>
    withArray({ seed: 81 }, async ({ array, admin, io, open, controller }) => {
      const queue = await io();
      const there = await controller(2);
      await array.faults.closePort(1);
      await Promise.all([admin.gone, queue.gone]);
      assert.equal(queue.broken, breakage.lost);
      await assert.rejects(open(1), /the connection ended/);
      assert.equal((await there.admin.submit(writeKeepAliveSqe)).status, 0, 'the other port lives');
      await array.faults.openPort(1);
      const again = await open(1);
      assert.equal((await again.connectQueue(0)).status, 0);
    }));

  it('can be closed and opened without waiting', () =>
    withArray({ seed: 94 }, async ({ array, open }) => {
      const orders: Promise<void>[] = [];
      for (let times = 0; times < 5; times += 1) orders.push(array.faults.closePort(1), array.faults.openPort(1));
      await Promise.all(orders);
      const queue = await open(1);
      assert.equal((await queue.connectQueue(0)).status, 0);
    }));

  it('that refuses lets those live that are there', () =>
    withArray({ seed: 82 }, async ({ array, io, open }) => {
      const queue = await io();
      array.faults.refusePort(1);
      await assert.rejects(open(1), /the connection ended/);
      assert.equal((await read(queue)).status, 0);
      await array.faults.openPort(1);
      await open(1);
    }));

  it('that swallows keeps connections open and says nothing', () =>
    withArray({ seed: 83 }, async ({ array, io, host }) => {
      const queue = await io();
      await write(queue, 3, 1);
      array.faults.swallowPort(1);
      let answered = false;
      void write(queue, 3, 2).then(() => {
        answered = true;
      });
      await host.sleep(5000);
      assert.deepEqual([answered, queue.detached], [false, false]);
      await array.faults.openPort(1);
      const { status, data } = await read(queue, 3);
      assert.equal(status, 0);
      assert.deepEqual(data, pattern(4096, 1), 'what was swallowed is not executed');
    }));

  it('that is cut goes on listening', () =>
    withArray({ seed: 84 }, async ({ array, io, controller }) => {
      const queue = await io();
      array.faults.cutPort(1);
      await queue.gone;
      await controller(1);
    }));

  it('answers commands with the status that was asked for', () =>
    withArray({ seed: 85 }, async ({ array, io, admin }) => {
      const queue = await io();
      array.faults.forceStatus(1, 2, 0x371);
      assert.equal((await write(queue, 3, 1)).status, 0x371);
      assert.equal((await admin.submit(writeKeepAliveSqe)).status, 0, 'only I/O commands');
      assert.equal((await read(queue, 3)).status, 0x371);
      const { status, data } = await read(queue, 3);
      assert.equal(status, 0);
      assert.ok(
        data.every((byte) => byte === 0),
        'and they were not executed',
      );
    }));

  it('sends wrong header digests', () =>
    withArray({ seed: 86, connection: { digests: 3 } }, async ({ array, io }) => {
      const queue = await io();
      array.faults.corruptDigests(1, 'header', 1);
      void read(queue);
      await queue.gone;
      assert.equal(queue.broken, breakage.headerDigest);
    }));

  it('sends wrong data digests', () =>
    withArray({ seed: 87, connection: { digests: 3 } }, async ({ array, io }) => {
      const queue = await io();
      queue.toleratesWrongData = true;
      array.faults.corruptDigests(1, 'data', 1);
      assert.equal((await read(queue)).status, 0);
      assert.equal(queue.wrongData, 1);
      await read(queue);
      assert.equal(queue.wrongData, 1);
    }));
});

describe('the array', () => {
  it('refuses data with a wrong digest, and goes on', () =>
    withArray({ seed: 88, connection: { digests: 3 } }, async ({ io, host }) => {
      const queue = await io();
      for (const inCapsule of [true, false]) {
        // The payload changes between digest and send: just what a digest is for.
        const data = pattern(8192, 9);
        const answer = queue.submit(
          (view, at, cid) => writeWriteSqe(view, at, cid, 1, 4, 2, 8192, false, inCapsule),
          inCapsule ? { inCapsule: data } : { onRequest: data },
        );
        queue.spoilPayload = !inCapsule;
        if (inCapsule) host.memory.fill(queue.lastPayload, 0xee, 1);
        const { status, dnr } = await answer;
        assert.deepEqual({ status, dnr }, { status: 0x022, dnr: false });
        queue.spoilPayload = false;
        assert.ok((await read(queue, 4)).data.every((byte) => byte === 0));
      }
    }));

  it('ends one controller and leaves the others', () =>
    withArray({ seed: 89 }, async ({ array, admin, cntlid, controller, io }) => {
      const queue = await io();
      const there = await controller(1);
      array.faults.endController(cntlid);
      await Promise.all([admin.gone, queue.gone]);
      assert.equal((await there.admin.submit(writeKeepAliveSqe)).status, 0);
    }));

  it('takes a volume away under I/O', () =>
    withArray({ seed: 90 }, async ({ array, io, host }) => {
      const queue = await io();
      array.faults.delayExecution(1, { milliseconds: 50 });
      const held = write(queue, 1, 1);
      await host.sleep(10);
      await array.faults.removeVolume(1);
      assert.equal((await held).status, 0x082);
      array.faults.delayExecution(1, { milliseconds: 0 });
      assert.equal((await read(queue)).status, 0x00b);
      await array.faults.addVolume({ name: 'new', sizeBytes: 2 ** 20, nsid: 1 });
      assert.equal((await read(queue)).status, 0);
      await assert.rejects(array.faults.addVolume({ name: 'new', sizeBytes: 2 ** 20 }), { code: 'invalid-argument' });
    }));

  it('refuses names that do not exist', () =>
    withArray({ seed: 91 }, async ({ array }) => {
      const { faults } = array;
      const wrong: (() => unknown)[] = [
        () => faults.cutPort(9),
        () => faults.setAna(1, 99, 'change'),
        () => faults.endController(9999),
        () => faults.resizeVolume(9, 4096),
        () => faults.resizeVolume(1, 4097),
        () => faults.resizeVolume(1, 2 ** 40),
      ];
      for (const order of wrong) assert.throws(order, { code: 'invalid-argument' });
      await assert.rejects(faults.closePort(9), { code: 'invalid-argument' });
      await assert.rejects(faults.removeVolume(9), { code: 'invalid-argument' });
    }));

  it('leaves nothing open when it cannot start', () =>
    withArray({ seed: 92 }, async ({ world }) => {
      const io = world.io('second');
      const ports = [{ address: { host: '10.0.0.7', port: 4420 } }, { address: { host: '10.0.0.1', port: 4420 } }];
      const second = new EmbeddedArray(io, { ports, volumes: [] });
      await assert.rejects(second.listen(), { code: 'address-in-use' });
      await second.close();
      await new EmbeddedArray(io, {}).close();
      const third = new EmbeddedArray(io, { ports: ports.slice(0, 1) });
      await third.listen();
      await third.close();
    }));

  it('says what is wrong with a configuration', () =>
    withArray({ seed: 93 }, async ({ world }) => {
      const io = world.io('third');
      const wrong = [
        { subnqn: 'array' },
        { serial: 'x'.repeat(21) },
        { limits: { mdtsBytes: 12288 } },
        { limits: { mdtsBytes: 2 ** 21 } },
        { limits: { inCapsuleBytes: 17 } },
        { limits: { maxh2cdata: 2048 } },
        { limits: { maxQueueEntries: 1 } },
        { kas: 150 },
        { volumes: [{ name: '', sizeBytes: 4096 }] },
        { volumes: [{ name: 'v', sizeBytes: 4097 }] },
        { volumes: [{ name: 'v', sizeBytes: 4096, blockBytes: 1024 }] },
        { volumes: [{ name: 'v', sizeBytes: 4096, nguid: '12' }] },
        { volumes: [{ name: 'v', sizeBytes: 4096, anagrpid: 5 }] },
        { ports: [{ address: { host: 'a', port: 1 } }, { address: { host: 'b', port: 1 }, portid: 1 }] },
      ];
      for (const options of wrong) assert.throws(() => new EmbeddedArray(io, options), { code: 'invalid-argument' });
    }));
});
