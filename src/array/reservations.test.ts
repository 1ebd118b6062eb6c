/** Reservations of the array, as hosts see them: who may register, take, lose and give back, and whose commands conflict. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ioOpcode, sglType } from '../fabric/nvme-tcp/constants.ts';
import { writeGetLogPageSqe } from '../fabric/nvme-tcp/admin-sqe.ts';
import { readErrorLog } from '../fabric/nvme-tcp/error-log.ts';
import { extendedData, keyBytes, readReservationStatus, reservationDword } from '../fabric/nvme-tcp/reservation.ts';
import { readSmartLog } from '../fabric/nvme-tcp/smart-log.ts';
import {
  sqe,
  writeFlushSqe,
  writeReadSqe,
  writeSqe,
  writeWriteSqe,
  writeWriteZeroesSqe,
} from '../fabric/nvme-tcp/sqe.ts';
import type { RawQueue } from './raw-host.test.support.ts';
import { pattern, type Scene, viewOf, withArray } from './with-array.test.support.ts';

const conflict = 0x083;
const invalidField = 0x002;
const ids = ['a'.repeat(32), 'b'.repeat(32), 'c'.repeat(32)] as const;
const nqn = (host: number): string => `nqn.2014-08.org.nvmexpress:uuid:00000000-0000-4000-8000-00000000000${host}`;

const firstBlock = {
  read: (view: DataView, at: number, cid: number): void => writeReadSqe(view, at, cid, 1, 0, 1, 4096),
  write: (view: DataView, at: number, cid: number): void => writeWriteSqe(view, at, cid, 1, 0, 1, 4096, false, true),
};

/** One host with a controller and an I/O queue. */
class Host {
  readonly queue: RawQueue;
  readonly admin: RawQueue;

  constructor(admin: RawQueue, queue: RawQueue) {
    this.admin = admin;
    this.queue = queue;
  }

  static async connect({ controller, open }: Scene, host: number, port = 1): Promise<Host> {
    const who = { hostid: ids[host]!, hostnqn: nqn(host) };
    const { admin, cntlid } = await controller(port, who);
    const queue = await open(port);
    assert.equal((await queue.connectQueue(1, { ...who, cntlid })).status, 0);
    return new Host(admin, queue);
  }

  async #send(opcode: number, cdw10: number, keys: readonly bigint[]): Promise<number> {
    const data = keyBytes(...keys);
    const write = (view: DataView, at: number, cid: number): void => {
      writeSqe(view, at, opcode, cid, 1, sglType.inCapsule, data.length);
      view.setUint32(at + sqe.cdw10, cdw10, true);
    };
    return (await this.queue.submit(write, { inCapsule: data })).status;
  }

  register(key: bigint, newKey: bigint, action = 0, iekey = false): Promise<number> {
    return this.#send(ioOpcode.reservationRegister, reservationDword(action, 0, iekey), [key, newKey]);
  }

  acquire(key: bigint, rtype: number, action = 0, preempted = 0n): Promise<number> {
    return this.#send(ioOpcode.reservationAcquire, reservationDword(action, rtype, false), [key, preempted]);
  }

  release(key: bigint, rtype: number, action = 0): Promise<number> {
    return this.#send(ioOpcode.reservationRelease, reservationDword(action, rtype, false), [key]);
  }

  persist(): Promise<number> {
    return this.#send(ioOpcode.reservationRegister, (3 << 30) >>> 0, [0n, 1n]);
  }

  async report(bytes = 1024, cdw11: number = extendedData): Promise<{ status: number; data: Uint8Array }> {
    const write = (view: DataView, at: number, cid: number): void => {
      writeSqe(view, at, ioOpcode.reservationReport, cid, 1, sglType.transport, bytes);
      view.setUint32(at + sqe.cdw10, bytes / 4 - 1, true);
      view.setUint32(at + sqe.cdw11, cdw11, true);
    };
    return await this.queue.submit(write, { read: bytes });
  }

  /** `holder:type` and the registered hosts, by their first letters. */
  async seen(): Promise<string> {
    const { data } = await this.report();
    const { type, registrants } = readReservationStatus(viewOf(data), 0, data.length);
    const letters = (list: typeof registrants): string => list.map(({ hostid }) => hostid[0]).join('');
    return `${type}:${letters(registrants.filter(({ isHolder }) => isHolder))} ${letters(registrants)}`;
  }

  async read(): Promise<number> {
    return (await this.queue.submit(firstBlock.read, { read: 4096 })).status;
  }

  async write(): Promise<number> {
    return (await this.queue.submit(firstBlock.write, { inCapsule: pattern(4096, 1) })).status;
  }

  async others(): Promise<number[]> {
    const flush = await this.queue.submit((view, at, cid) => writeFlushSqe(view, at, cid, 1));
    const zeroes = await this.queue.submit((view, at, cid) =>
      writeWriteZeroesSqe(view, at, cid, 1, 0, 1, false, false),
    );
    return [flush.status, zeroes.status];
  }
}

const hosts = async (scene: Scene): Promise<[Host, Host, Host]> => [
  await Host.connect(scene, 0),
  await Host.connect(scene, 1),
  await Host.connect(scene, 2),
];

describe('a reservation', () => {
  it('lets read and write, by its type, the holder, registrants and others', () =>
    withArray({ seed: 81 }, async (scene) => {
      const [holder, registrant, other] = await hosts(scene);
      assert.equal(await holder.register(0n, 1n), 0);
      assert.equal(await registrant.register(0n, 2n), 0);
      const tables: [number, number[], number[]][] = [
        // Statuses of: registrant reads and writes; other reads and writes.
        [1, [0, conflict], [0, conflict]],
        [2, [conflict, conflict], [conflict, conflict]],
        [3, [0, 0], [0, conflict]],
        [4, [0, 0], [conflict, conflict]],
        [5, [0, 0], [0, conflict]],
        [6, [0, 0], [conflict, conflict]],
      ];
      for (const [rtype, ofRegistrant, ofOther] of tables) {
        assert.equal(await holder.acquire(1n, rtype), 0);
        assert.deepEqual([await holder.read(), await holder.write()], [0, 0], `type ${rtype}, holder`);
        assert.deepEqual(
          [await registrant.read(), await registrant.write()],
          ofRegistrant,
          `type ${rtype}, registrant`,
        );
        assert.deepEqual([await other.read(), await other.write()], ofOther, `type ${rtype}, other`);
        assert.deepEqual(await other.others(), [conflict, conflict], `type ${rtype}, flush and write zeroes`);
        assert.equal(await holder.release(1n, rtype), 0);
        assert.deepEqual([await other.read(), await other.write()], [0, 0], 'released');
      }
    }));

  it('is taken by registrants alone, and by one', () =>
    withArray({ seed: 82 }, async (scene) => {
      const [a, b] = await hosts(scene);
      assert.equal(await a.acquire(1n, 1), conflict);
      assert.equal(await a.register(0n, 1n), 0);
      assert.equal(await a.register(0n, 1n), 0, 'the same once more');
      assert.equal(await a.register(0n, 2n), conflict, 'another key without giving the first up');
      assert.equal(await a.acquire(9n, 1), conflict, 'with a wrong key');
      for (const rtype of [0, 7, 255]) assert.equal(await a.acquire(1n, rtype), invalidField);
      assert.equal(await a.acquire(1n, 1), 0);
      assert.equal(await a.acquire(1n, 1), 0, 'the same once more');
      assert.equal(await a.acquire(1n, 2), conflict, 'another type');
      assert.equal(await b.register(0n, 2n), 0);
      assert.equal(await b.acquire(2n, 1), conflict);
      assert.equal(await b.release(2n, 1), 0, 'nothing to give back');
      assert.equal(await a.seen(), '1:a ab');
      assert.equal(await a.release(1n, 2), invalidField, 'another type');
      assert.equal(await a.release(9n, 1), conflict, 'a wrong key');
      assert.equal(await a.release(1n, 1), 0);
      assert.equal(await b.seen(), '0: ab');
    }));

  it('ends with the registration of its holder, or of the last of all', () =>
    withArray({ seed: 83 }, async (scene) => {
      const [a, b] = await hosts(scene);
      await a.register(0n, 1n);
      await b.register(0n, 2n);
      await a.acquire(1n, 3);
      assert.equal(await a.register(9n, 0n, 1), conflict, 'a wrong key');
      assert.equal(await a.register(1n, 0n, 1), 0);
      assert.equal(await b.seen(), '0: b');
      await a.register(0n, 1n);
      assert.equal(await b.acquire(2n, 6), 0);
      assert.equal(await b.seen(), '6:ba ba');
      assert.equal(await b.register(2n, 0n, 1), 0);
      assert.equal(await a.seen(), '6:a a');
      assert.equal(await a.register(0n, 0n, 1, true), 0, 'whatever the key');
      assert.equal(await a.seen(), '0: ');
      assert.equal(await a.register(1n, 5n, 2), conflict, 'a key is replaced that is not there');
    }));

  it('is taken from another by preemption, which ends its registration', () =>
    withArray({ seed: 84 }, async (scene) => {
      const [a, b, c] = await hosts(scene);
      await a.register(0n, 1n);
      await b.register(0n, 2n);
      await c.register(0n, 2n);
      assert.equal(await a.acquire(1n, 2), 0);
      assert.equal(await b.acquire(2n, 1, 1, 1n), 0);
      assert.equal(await b.seen(), '1:b bc');
      assert.deepEqual([await a.read(), await a.write()], [0, conflict]);
      assert.equal(await a.acquire(1n, 1, 1, 2n), conflict, 'who lost its registration');
      assert.equal(await a.register(0n, 3n), 0);
      assert.equal(await c.acquire(2n, 1, 1, 7n), conflict, 'nobody has this key');
      assert.equal(await c.acquire(2n, 1, 1, 3n), 0, 'a registrant that does not hold it');
      assert.equal(await c.seen(), '1:b bc');
      assert.equal(await c.acquire(2n, 1, 1, 0n), invalidField);
      assert.equal(await a.register(0n, 3n), 0);
      assert.equal(await a.acquire(3n, 5, 2, 2n), 0, 'preempt and abort');
      assert.equal(await a.seen(), '5:a a');
      await b.register(0n, 2n);
      await c.register(0n, 3n);
      assert.equal(await b.acquire(2n, 2, 1, 0n), 0, 'from all registrants');
      assert.equal(await b.seen(), '2:b b');
    }));

  it('is cleared by any registrant', () =>
    withArray({ seed: 85 }, async (scene) => {
      const [a, b, c] = await hosts(scene);
      await a.register(0n, 1n);
      await b.register(0n, 2n);
      await a.acquire(1n, 2);
      assert.equal(await c.release(2n, 0, 1), conflict);
      assert.equal(await b.release(2n, 0, 1), 0);
      assert.equal(await c.seen(), '0: ');
      assert.equal(await c.write(), 0);
    }));

  it('is not kept through a loss of power, and reported in the long form only, as much as is asked for', () =>
    withArray({ seed: 86 }, async (scene) => {
      const [a] = await hosts(scene);
      assert.equal(await a.persist(), invalidField);
      await a.register(0n, 1n);
      assert.equal((await a.report(1024, 0)).status, 0x018);
      const { status, data } = await a.report(64);
      assert.deepEqual([status, data.length], [0, 64]);
      assert.equal(viewOf(data).getUint16(5, true), 1);
    }));

  it('stops a write of a host that lost it, also one that comes late', () =>
    withArray({ seed: 87 }, async (scene) => {
      const a = await Host.connect(scene, 0);
      const b = await Host.connect(scene, 1, 2);
      await a.register(0n, 1n);
      await b.register(0n, 2n);
      await a.acquire(1n, 1);
      scene.array.faults.delayExecution(1, { milliseconds: 100, writesOnly: true });
      const late = a.write();
      await scene.host.sleep(10);
      const preempted = b.acquire(2n, 1, 1, 1n);
      assert.equal(await preempted, 0);
      assert.equal(await late, conflict);
    }));
});

describe('logs', () => {
  it('tell of errors, the newest first, and of what was read and written', () =>
    withArray({ seed: 88 }, async (scene) => {
      const [a] = await hosts(scene);
      await a.write();
      await a.read();
      await a.acquire(1n, 1);
      await a.persist();
      const log = async (lid: number, bytes: number): Promise<DataView> => {
        const write = (view: DataView, at: number, cid: number): void =>
          writeGetLogPageSqe(view, at, cid, lid, 0, false, 0, bytes);
        return viewOf((await a.admin.submit(write, { read: bytes })).data);
      };
      const errors = readErrorLog(await log(1, 1024), 0, 1024);
      assert.deepEqual(
        errors.map(({ errorCount, sqid, status }) => [errorCount, sqid, status]),
        [
          [2n, 1, invalidField],
          [1n, 1, conflict],
        ],
      );
      const smart = readSmartLog(await log(2, 512), 0);
      assert.deepEqual(
        [smart.hostReadCommands, smart.hostWriteCommands, smart.dataUnitsWritten, smart.errorLogEntries],
        [1n, 1n, 1n, 2n],
      );
    }));
});
