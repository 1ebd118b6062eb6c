/** Logs, features and asynchronous events, keep-alive and discovery. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  asyncEventDword,
  queuePairsOf,
  writeAsyncEventRequestSqe,
  writeGetFeaturesSqe,
  writeGetLogPageSqe,
  writeIdentifySqe,
  writeKeepAliveSqe,
  writeSetFeaturesSqe,
} from '../fabric/nvme-tcp/admin-sqe.ts';
import { readAnaLog } from '../fabric/nvme-tcp/ana-log.ts';
import { readDiscoveryEntry, readDiscoveryHeader } from '../fabric/nvme-tcp/discovery-log.ts';
import { readIdentifyController } from '../fabric/nvme-tcp/identify-controller.ts';
import { readNamespaceDescriptors } from '../fabric/nvme-tcp/identify-descriptors.ts';
import { readIdentifyNamespace } from '../fabric/nvme-tcp/identify-namespace.ts';
import { readChangedNamespaces, readNamespaceList } from '../fabric/nvme-tcp/namespace-list.ts';
import { discoveryNqn } from '../fabric/nvme-tcp/nqn.ts';
import { writeReadSqe } from '../fabric/nvme-tcp/sqe.ts';
import type { RawQueue } from './raw-host.test.support.ts';
import { viewOf, withArray } from './with-array.test.support.ts';

async function log(queue: RawQueue, lid: number, bytes: number, offset = 0, rae = false): Promise<DataView> {
  const { status, data } = await queue.submit(
    (view, at, cid) => writeGetLogPageSqe(view, at, cid, lid, 0, rae, offset, bytes),
    { read: bytes },
  );
  assert.equal(status, 0);
  return viewOf(data);
}

async function identify(queue: RawQueue, cns: number, nsid: number): Promise<DataView> {
  const { status, data } = await queue.submit((view, at, cid) => writeIdentifySqe(view, at, cid, nsid, cns, 0), {
    read: 4096,
  });
  assert.equal(status, 0);
  return viewOf(data);
}

/** Parks an Asynchronous Event Request; true in `answered.seen` once it is answered. */
function parkEvent(queue: RawQueue): { readonly dw0: Promise<number>; readonly answered: { seen: boolean } } {
  const answered = { seen: false };
  const dw0 = queue.submit(writeAsyncEventRequestSqe).then((answer) => {
    answered.seen = true;
    assert.equal(answer.status, 0);
    return answer.dw0;
  });
  return { dw0, answered };
}

const setEvents = (queue: RawQueue, bits: number): ReturnType<RawQueue['submit']> =>
  queue.submit((view, at, cid) => writeSetFeaturesSqe(view, at, cid, 0, 0x0b, bits));

describe('asynchronous events', () => {
  it('tell of namespaces that come, change and go', () =>
    withArray({ seed: 31 }, async ({ admin, array, host }) => {
      await setEvents(admin, 0x100);
      let event = parkEvent(admin);
      const nsid = await array.faults.addVolume({ name: 'two', sizeBytes: 8192 * 512, blockBytes: 512 });
      assert.equal(nsid, 2);
      assert.equal(await event.dw0, asyncEventDword(2, 0, 4));
      // Masked until the log is read: the change is in the log, but not announced a second time.
      event = parkEvent(admin);
      array.faults.resizeVolume(1, 32 * 2 ** 20);
      await host.sleep(100);
      assert.equal(event.answered.seen, false);
      assert.deepEqual(readChangedNamespaces(await log(admin, 4, 4096, 0, true), 0), [1, 2]);
      array.faults.setReadOnly(1, true);
      await host.sleep(100);
      assert.equal(event.answered.seen, false, 'retained: still masked');
      assert.deepEqual(readChangedNamespaces(await log(admin, 4, 4096), 0), [1, 2]);
      await array.faults.removeVolume(2);
      assert.equal(await event.dw0, asyncEventDword(2, 0, 4));
      assert.deepEqual(readChangedNamespaces(await log(admin, 4, 4096), 0), [2]);
      assert.deepEqual(readNamespaceList(await identify(admin, 2, 0), 0), [1]);
      const one = readIdentifyNamespace(await identify(admin, 0, 1), 0);
      assert.equal(one.nsze, 8192);
      assert.equal(one.nsattr, 1);
    }));

  it('tell of ANA changes, on the port where they happen', () =>
    withArray(
      {
        seed: 32,
        ports: [
          { address: { host: '10.0.0.1', port: 4420 }, ana: { 1: 'non-optimized' } },
          { address: { host: '10.0.0.2', port: 4420 } },
        ],
        volumes: [
          { name: 'one', sizeBytes: 2 ** 20 },
          { name: 'two', sizeBytes: 2 ** 20, anagrpid: 3 },
        ],
      },
      async ({ admin, array, controller, io, host }) => {
        const there = await controller(2);
        await setEvents(admin, 0x800);
        await setEvents(there.admin, 0x800);
        const here = parkEvent(admin);
        const other = parkEvent(there.admin);
        const before = readAnaLog(await log(admin, 12, 16 + 4 * 32 + 8), 0, 16 + 4 * 32 + 8);
        assert.deepEqual(
          before.groups.map(({ anagrpid, state, nsids }) => [anagrpid, state, ...nsids]),
          [
            [1, 2, 1],
            [2, 1],
            [3, 1, 2],
            [4, 1],
          ],
        );
        const queue = await io();
        for (const [state, code, status] of [
          ['inaccessible', 3, 0x302],
          ['change', 15, 0x303],
          ['persistent-loss', 4, 0x301],
          ['optimized', 1, 0],
        ] as const) {
          array.faults.setAna(1, 3, state);
          const after = readAnaLog(await log(admin, 12, 16 + 4 * 32 + 8), 0, 16 + 4 * 32 + 8);
          assert.equal(after.groups[2]?.state, code);
          assert.ok(after.chgcnt > before.chgcnt);
          const read = await queue.submit((view, at, cid) => writeReadSqe(view, at, cid, 2, 0, 1, 4096), {
            read: 4096,
          });
          assert.equal(read.status, status);
          assert.equal(read.dnr, false);
          const unharmed = await queue.submit((view, at, cid) => writeReadSqe(view, at, cid, 1, 0, 1, 4096), {
            read: 4096,
          });
          assert.equal(unharmed.status, 0);
        }
        assert.equal(await here.dw0, asyncEventDword(2, 3, 12));
        await host.sleep(100);
        assert.equal(other.answered.seen, false);
      },
    ));

  it('tell of namespaces whose capacity is known again after a persistent loss', () =>
    withArray({ seed: 31 }, async ({ admin, array, host }) => {
      await setEvents(admin, 0x100);
      const event = parkEvent(admin);
      array.faults.setAna(1, 1, 'persistent-loss');
      assert.equal(readIdentifyNamespace(await identify(admin, 0, 1), 0).nsze, 0);
      await host.sleep(100);
      assert.equal(event.answered.seen, false);
      array.faults.setAna(1, 1, 'optimized');
      assert.equal(await event.dw0, asyncEventDword(2, 0, 4));
      assert.deepEqual(readChangedNamespaces(await log(admin, 4, 4096), 0), [1]);
      assert.notEqual(readIdentifyNamespace(await identify(admin, 0, 1), 0).nsze, 0);
    }));

  it('come only if they are asked for', () =>
    withArray({ seed: 33 }, async ({ admin, array, host }) => {
      const event = parkEvent(admin);
      array.faults.setAna(1, 1, 'inaccessible');
      array.faults.resizeVolume(1, 32 * 2 ** 20);
      await host.sleep(100);
      assert.equal(event.answered.seen, false);
      await setEvents(admin, 0xffff_ffff);
      const enabled = await admin.submit((view, at, cid) => writeGetFeaturesSqe(view, at, cid, 0, 0x0b));
      assert.equal(enabled.dw0, 0x900, 'only what it offers');
      assert.equal(readIdentifyController(await identify(admin, 1, 0), 0).oaes, 0x900);
    }));
});

describe('the controller', () => {
  it('says what it is', () =>
    withArray(
      {
        seed: 34,
        limits: { mdtsBytes: 32768, inCapsuleBytes: 4096, maxNamespaces: 7, maxQueueEntries: 32, maxAsyncEvents: 9 },
        cqt: 1234,
        ccrl: 3,
        tbkas: true,
        kas: 500,
        volatileWriteCache: true,
        volumes: [{ name: 'one', sizeBytes: 2 ** 20, eui64: '0011223344556677', uuid: null, blockBytes: 512 }],
      },
      async ({ admin, cntlid }) => {
        const data = readIdentifyController(await identify(admin, 1, 0), 0);
        const { mdts, ioccsz, nn, maxcmd, aerl, cqt, ccrl, ctratt, kas, vwc, cmic } = data;
        assert.deepEqual(
          { mdts, ioccsz, nn, maxcmd, aerl, cqt, ccrl, kas, vwc, cmic, tbkas: ctratt & 0x40, cntlid: data.cntlid },
          {
            mdts: 3,
            ioccsz: 260,
            nn: 7,
            maxcmd: 32,
            aerl: 8,
            cqt: 1234,
            ccrl: 3,
            kas: 5,
            vwc: 5,
            cmic: 11,
            tbkas: 64,
            cntlid,
          },
        );
        assert.notEqual(data.ciu, 0);
        assert.notEqual(data.cirn, 0n);
        const descriptors = readNamespaceDescriptors(await identify(admin, 3, 1), 0);
        assert.equal(descriptors.eui64, '0011223344556677');
        assert.equal(descriptors.uuid, null);
        assert.match(descriptors.nguid ?? '', /^[0-9a-f]{32}$/);
        const namespace = readIdentifyNamespace(await identify(admin, 0, 1), 0);
        assert.equal(namespace.nguid, descriptors.nguid);
        assert.equal(namespace.lbaf[0]?.lbads, 9);
        assert.equal(readIdentifyNamespace(await identify(admin, 0, 7), 0).nsze, 0, 'an inactive one is all zeroes');
        assert.equal((await identify(admin, 0x1c, 0)).getUint8(0), 1);
        assert.equal((await identify(admin, 8, 1)).getUint8(14), 1);
      },
    ));

  it('has the logs that it says it has', () =>
    withArray({ seed: 35, ccrl: 1 }, async ({ admin }) => {
      const supported = await log(admin, 0, 1024);
      const lids = Array.from({ length: 256 }, (_, lid) => lid).filter(
        (lid) => supported.getUint32(4 * lid, true) !== 0,
      );
      assert.deepEqual(lids, [0, 1, 2, 3, 4, 5, 12, 30]);
      for (const lid of lids) await log(admin, lid, 64);
      assert.equal((await log(admin, 2, 512)).getUint8(3), 100, 'available spare');
      // A log in parts is the log.
      const whole = await log(admin, 5, 4096);
      const part = await log(admin, 5, 1024, 1024);
      assert.deepEqual(
        new Uint8Array(part.buffer, part.byteOffset, 1024),
        new Uint8Array(whole.buffer, whole.byteOffset + 1024, 1024),
      );
    }));

  it('grants queues, and no more after the first is open', () =>
    withArray({ seed: 36, limits: { maxIoQueues: 3 } }, async ({ admin, io }) => {
      const set = (count: number): ReturnType<RawQueue['submit']> =>
        admin.submit((view, at, cid) => writeSetFeaturesSqe(view, at, cid, 0, 7, (count - 1) * 0x1_0001));
      assert.equal(queuePairsOf((await set(2)).dw0), 2);
      assert.equal(queuePairsOf((await set(9)).dw0), 3);
      await io();
      assert.equal((await set(2)).status, 0x00c);
    }));

  it('ends when its host is silent, with all its connections', () =>
    withArray({ seed: 37, connect: { kato: 1000 } }, async ({ admin, io, host, array }) => {
      const queue = await io();
      for (let times = 0; times < 5; times += 1) {
        await host.sleep(600);
        assert.equal((await admin.submit(writeKeepAliveSqe)).status, 0);
      }
      assert.equal(queue.detached, false);
      const from = host.clock.now();
      await queue.gone;
      await admin.gone;
      const silence = host.clock.now() - from;
      assert.ok(silence > 900 && silence < 1200, `ended after ${silence} ms`);
      assert.equal(array.stats.keepAliveExpiries, 1);
    }));

  it('counts traffic as life where it says so', () =>
    withArray({ seed: 38, tbkas: true, connect: { kato: 1000 } }, async ({ admin, io, host, array }) => {
      const queue = await io();
      for (let times = 0; times < 8; times += 1) {
        await host.sleep(600);
        const read = await queue.submit((view, at, cid) => writeReadSqe(view, at, cid, 1, 0, 1, 4096), { read: 4096 });
        assert.equal(read.status, 0);
      }
      await admin.gone;
      assert.equal(array.stats.keepAliveExpiries, 1);
    }));

  it('changes its keep-alive timeout, in whole steps', () =>
    withArray({ seed: 39, kas: 500 }, async ({ admin, host }) => {
      await admin.submit((view, at, cid) => writeSetFeaturesSqe(view, at, cid, 0, 0x0f, 1200));
      const got = await admin.submit((view, at, cid) => writeGetFeaturesSqe(view, at, cid, 0, 0x0f));
      assert.equal(got.dw0, 1500);
      const from = host.clock.now();
      await admin.gone;
      assert.ok(host.clock.now() - from > 1400);
    }));

  it('ends when nobody enables it', () =>
    withArray({ seed: 40, idleTimeout: 3000, connectTimeout: 500 }, async ({ open, host, admin }) => {
      const from = host.clock.now();
      const silent = await open();
      const idle = await open();
      await idle.connectQueue(0);
      await silent.gone;
      assert.ok(host.clock.now() - from < 700, 'a connection without Connect');
      await idle.gone;
      assert.ok(host.clock.now() - from < 3500, 'a controller that is not enabled');
      assert.equal(admin.detached, false);
    }));

  it('shuts down in order', () =>
    withArray({ seed: 41, idleTimeout: 1000 }, async ({ admin, io }) => {
      const queue = await io();
      assert.equal((await admin.setProperty(0x14, 0x0046_4001)).status, 0);
      assert.equal((await admin.getProperty(0x1c)).dw0, 1 | (2 << 2), 'shutdown complete');
      const read = await queue.submit((view, at, cid) => writeReadSqe(view, at, cid, 1, 0, 1, 4096), { read: 4096 });
      assert.equal(read.status, 0x00c);
      await admin.gone;
    }));
});

describe('discovery', () => {
  it('names the ports, and tells when they change', () =>
    withArray(
      {
        seed: 42,
        ports: [
          { address: { host: '10.0.0.1', port: 4420 }, offers: 'subsystem' },
          { address: { host: '10.0.0.2', port: 4420 }, advertise: '192.0.2.7', portid: 22 },
          { address: { host: '10.0.0.3', port: 4420 }, offers: 'discovery' },
        ],
      },
      async ({ open, array, admin }) => {
        const wrong = await open(1);
        assert.equal((await wrong.connectQueue(0, { subnqn: discoveryNqn })).status, 0x182);
        const queue = await open(3);
        assert.equal((await queue.connectQueue(0)).status, 0x182, 'no subsystem here');
        assert.equal((await queue.connectQueue(0, { subnqn: discoveryNqn, kato: 10_000 })).status, 0);
        await queue.enable();
        const identity = readIdentifyController(await identify(queue, 1, 0), 0);
        assert.equal(identity.cntrltype, 2);
        assert.equal(identity.subnqn, discoveryNqn);
        const names = async (): Promise<unknown[]> => {
          const header = readDiscoveryHeader(await log(queue, 0x70, 1024, 0, true), 0);
          const bytes = 1024 * (1 + header.numrec);
          const view = await log(queue, 0x70, bytes);
          return Array.from({ length: header.numrec }, (_, index) => {
            const entry = readDiscoveryEntry(view, 1024 * (index + 1));
            return [entry.portid, entry.traddr, entry.trsvcid, entry.subtype];
          });
        };
        assert.deepEqual(await names(), [
          [1, '10.0.0.1', '4420', 2],
          [22, '192.0.2.7', '4420', 2],
          [3, '10.0.0.3', '4420', 3],
        ]);
        await setEvents(queue, 0x8000_0000);
        const event = parkEvent(queue);
        await array.faults.closePort(22);
        assert.equal(await event.dw0, asyncEventDword(2, 0xf0, 0x70));
        assert.equal((await names()).length, 2);
        const { status } = await queue.submit((view, at, cid) => writeIdentifySqe(view, at, cid, 0, 2, 0), {
          read: 4096,
        });
        assert.equal(status, 0x002, 'no namespaces here');
        assert.equal((await admin.submit(writeKeepAliveSqe)).status, 0);
      },
    ));
});
