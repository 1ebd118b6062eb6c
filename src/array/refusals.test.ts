/** Every way in which the array says no, as the specification wants it said. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  readFeaturesSqe,
  writeAbortSqe,
  writeAsyncEventRequestSqe,
  writeCrossControllerResetSqe,
  writeGetFeaturesSqe,
  writeGetLogPageSqe,
  writeIdentifySqe,
  writeKeepAliveSqe,
  writeSetFeaturesSqe,
} from '../fabric/nvme-tcp/admin-sqe.ts';
import { sglType } from '../fabric/nvme-tcp/constants.ts';
import { readInvalidParameter, writeConnectSqe } from '../fabric/nvme-tcp/fabrics-sqe.ts';
import {
  sqe,
  writeDeallocateSqe,
  writeDsmRange,
  writeFlushSqe,
  writeReadSqe,
  writeSqe,
  writeWriteSqe,
  writeWriteZeroesSqe,
} from '../fabric/nvme-tcp/sqe.ts';
import type { CommandData, Completion, RawConnectOptions, RawQueue } from './raw-host.test.support.ts';
import { pattern, withArray } from './with-array.test.support.ts';

type Write = (view: DataView, at: number, cid: number) => void;

const blocks = 4096;

/** I/O commands that are wrong: status without DNR, and whether DNR is set. The volume has 4096 blocks of 4096 bytes. */
const wrongIo: readonly (readonly [name: string, status: number, write: Write, data?: CommandData])[] = [
  ['an unknown opcode', 0x001, (view, at, cid) => writeSqe(view, at, 0x93, cid, 1, sglType.transport, 0)],
  ['compare', 0x001, (view, at, cid) => writeSqe(view, at, 0x05, cid, 1, sglType.transport, 4096)],
  ['a namespace that is not there', 0x00b, (view, at, cid) => writeReadSqe(view, at, cid, 2, 0, 1, 4096)],
  ['namespace 0', 0x00b, (view, at, cid) => writeReadSqe(view, at, cid, 0, 0, 1, 4096)],
  ['a namespace beyond all', 0x00b, (view, at, cid) => writeReadSqe(view, at, cid, 0xffff_fffe, 0, 1, 4096)],
  ['flush of all namespaces', 0x00b, (view, at, cid) => writeFlushSqe(view, at, cid, 0xffff_ffff)],
  ['a read over the end', 0x080, (view, at, cid) => writeReadSqe(view, at, cid, 1, blocks - 1, 2, 8192)],
  ['a read far beyond the end', 0x080, (view, at, cid) => writeReadSqe(view, at, cid, 1, 2 ** 52, 1, 4096)],
  [
    'a write over the end, with data',
    0x080,
    (view, at, cid) => writeWriteSqe(view, at, cid, 1, blocks, 1, 4096, false, true),
    { inCapsule: pattern(4096, 1) },
  ],
  ['zeroes over the end', 0x080, (view, at, cid) => writeWriteZeroesSqe(view, at, cid, 1, 1, blocks, true, false)],
  ['more than MDTS', 0x002, (view, at, cid) => writeReadSqe(view, at, cid, 1, 0, 9, 9 * 4096)],
  ['too short a descriptor', 0x00f, (view, at, cid) => writeReadSqe(view, at, cid, 1, 0, 2, 4096)],
  ['too long a descriptor', 0x00f, (view, at, cid) => writeReadSqe(view, at, cid, 1, 0, 1, 8192)],
  [
    'a read into the capsule',
    0x011,
    (view, at, cid) => {
      writeReadSqe(view, at, cid, 1, 0, 1, 4096);
      view.setUint8(at + sqe.sglType, sglType.inCapsule);
    },
  ],
  [
    'a keyed descriptor',
    0x011,
    (view, at, cid) => {
      writeReadSqe(view, at, cid, 1, 0, 1, 4096);
      view.setUint8(at + sqe.sglType, 0x40);
    },
  ],
  [
    'data in the capsule at an offset',
    0x016,
    (view, at, cid) => {
      writeWriteSqe(view, at, cid, 1, 0, 1, 4096, false, true);
      view.setUint32(at + sqe.sglAddress, 512, true);
    },
    { inCapsule: pattern(8192, 1) },
  ],
  ['a capsule without its data', 0x00f, (view, at, cid) => writeWriteSqe(view, at, cid, 1, 0, 1, 4096, false, true)],
  [
    'more data in the capsule than IOCCSZ allows',
    0x016,
    (view, at, cid) => writeWriteSqe(view, at, cid, 1, 0, 3, 12288, false, true),
  ],
  [
    'PRPs',
    0x002,
    (view, at, cid) => {
      writeReadSqe(view, at, cid, 1, 0, 1, 4096);
      view.setUint8(at + sqe.flags, 0);
    },
  ],
  [
    'a fused command',
    0x002,
    (view, at, cid) => {
      writeReadSqe(view, at, cid, 1, 0, 1, 4096);
      view.setUint8(at + sqe.flags, 0x41);
    },
  ],
  [
    'a range over the end',
    0x080,
    (view, at, cid) => writeDeallocateSqe(view, at, cid, 1, 2, true),
    { inCapsule: ranges([0, 8], [blocks, 1]) },
  ],
  [
    'fewer ranges than are counted',
    0x00f,
    (view, at, cid) => {
      writeDeallocateSqe(view, at, cid, 1, 3, true);
      view.setUint32(at + sqe.sglLength, 32, true);
    },
  ],
  [
    'more ranges than there can be',
    0x00f,
    (view, at, cid) => {
      writeDeallocateSqe(view, at, cid, 1, 3, false);
      view.setUint32(at + sqe.sglLength, 4112, true);
    },
  ],
  ['a second Connect', 0x00c, (view, at, cid) => writeConnectSqe(view, at, cid, 2, 32, 0, 0)],
];

function ranges(...list: (readonly [slba: number, count: number])[]): Uint8Array {
  const bytes = new Uint8Array(16 * list.length);
  list.forEach(([slba, count], index) => writeDsmRange(new DataView(bytes.buffer), 16 * index, slba, count));
  return bytes;
}

const zeroes: Write = (view, at, cid) => writeWriteZeroesSqe(view, at, cid, 1, 0, 1, true, false);

describe('a wrong I/O command is answered, and the queue goes on:', () => {
  for (const [name, status, write, data] of wrongIo) {
    it(name, () =>
      withArray({ seed: 21, limits: { mdtsBytes: 32768 } }, async ({ io }) => {
        const queue = await io();
        const answer = await queue.submit(write, data ?? {});
        assert.equal(answer.status.toString(16), status.toString(16));
        assert.equal(answer.dnr, true);
        assert.equal(answer.data.length, 0);
        const read = await queue.submit((view, at, cid) => writeReadSqe(view, at, cid, 1, 0, 1, 4096), { read: 4096 });
        assert.equal(read.status, 0);
        assert.ok(
          read.data.every((byte) => byte === 0),
          'nothing was written',
        );
      }),
    );
  }

  it('a write to a volume that is write protected', () =>
    withArray({ seed: 22 }, async ({ io, array }) => {
      const queue = await io();
      array.faults.setReadOnly(1, true);
      assert.equal((await queue.submit(zeroes)).status, 0x020);
      array.faults.setReadOnly(1, false);
      assert.equal((await queue.submit(zeroes)).status, 0);
    }));
});

const wrongAdmin: readonly (readonly [name: string, status: number, write: Write, data?: CommandData])[] = [
  ['an unknown opcode', 0x001, (view, at, cid) => writeSqe(view, at, 0x55, cid, 0, sglType.transport, 0)],
  ['an unknown fabrics command', 0x001, (view, at, cid) => writeSqe(view, at, 0x7f, cid, 5, sglType.transport, 0)],
  ['a second Connect', 0x00c, (view, at, cid) => writeConnectSqe(view, at, cid, 0, 32, 0, 0)],
  ['an unknown CNS', 0x002, (view, at, cid) => writeIdentifySqe(view, at, cid, 0, 0x77, 0), { read: 4096 }],
  ['namespace 0', 0x00b, (view, at, cid) => writeIdentifySqe(view, at, cid, 0, 0, 0), { read: 4096 }],
  ['all namespaces', 0x00b, (view, at, cid) => writeIdentifySqe(view, at, cid, 0xffff_ffff, 0, 0), { read: 4096 }],
  ['descriptors of none', 0x00b, (view, at, cid) => writeIdentifySqe(view, at, cid, 9, 3, 0), { read: 4096 }],
  ['a zoned command set', 0x002, (view, at, cid) => writeIdentifySqe(view, at, cid, 1, 5, 2), { read: 4096 }],
  [
    'an unknown log',
    0x109,
    (view, at, cid) => writeGetLogPageSqe(view, at, cid, 0xc0, 0, false, 0, 512),
    { read: 512 },
  ],
  [
    'a log that only discovery has',
    0x109,
    (view, at, cid) => writeGetLogPageSqe(view, at, cid, 0x70, 0, false, 0, 1024),
    { read: 1024 },
  ],
  [
    'a log beyond its end',
    0x002,
    (view, at, cid) => writeGetLogPageSqe(view, at, cid, 0x02, 0, false, 1024, 512),
    { read: 512 },
  ],
  ['an unknown feature', 0x002, (view, at, cid) => writeGetFeaturesSqe(view, at, cid, 0, 0xd0)],
  ['an unknown feature to set', 0x002, (view, at, cid) => writeSetFeaturesSqe(view, at, cid, 0, 0xd0, 1)],
  ['a host identifier to set', 0x00c, (view, at, cid) => writeSetFeaturesSqe(view, at, cid, 0, 0x81, 1)],
  ['65536 queues', 0x002, (view, at, cid) => writeSetFeaturesSqe(view, at, cid, 0, 7, 0xffff_ffff)],
  [
    'a feature to save',
    0x10d,
    (view, at, cid) => {
      writeSetFeaturesSqe(view, at, cid, 0, 0x0b, 0);
      view.setUint32(at + sqe.cdw10, 0x8000_000b, true);
      assert.ok(readFeaturesSqe(view, at).save);
    },
  ],
  [
    'a cross-controller reset that is not offered',
    0x001,
    (view, at, cid) => writeCrossControllerResetSqe(view, at, cid, 1, 1, 1n),
  ],
  [
    'too short an Identify',
    0x00f,
    (view, at, cid) => {
      writeIdentifySqe(view, at, cid, 0, 1, 0);
      view.setUint32(at + sqe.sglLength, 512, true);
    },
  ],
];

describe('a wrong admin command is answered, and the queue goes on:', () => {
  for (const [name, status, write, data] of wrongAdmin) {
    it(name, () =>
      withArray({ seed: 23 }, async ({ admin }) => {
        const answer = await admin.submit(write, data ?? {});
        assert.equal(answer.status.toString(16), status.toString(16));
        assert.equal(answer.dnr, true);
        assert.equal((await admin.submit(writeKeepAliveSqe)).status, 0);
      }),
    );
  }

  it('an Asynchronous Event Request too many', () =>
    withArray({ seed: 24, limits: { maxAsyncEvents: 2 } }, async ({ admin }) => {
      void admin.submit(writeAsyncEventRequestSqe, {}, 500);
      void admin.submit(writeAsyncEventRequestSqe, {}, 501);
      const third = await admin.submit(writeAsyncEventRequestSqe);
      assert.equal(third.status, 0x105);
      const abort = await admin.submit((view, at, cid) => writeAbortSqe(view, at, cid, 0, 500));
      assert.deepEqual({ status: abort.status, dw0: abort.dw0 }, { status: 0, dw0: 0 });
      void admin.submit(writeAsyncEventRequestSqe, {}, 502);
      const none = await admin.submit((view, at, cid) => writeAbortSqe(view, at, cid, 0, 999));
      assert.deepEqual({ status: none.status, dw0: none.dw0 }, { status: 0, dw0: 1 });
    }));

  it('anything before CC.EN', () =>
    withArray({ seed: 25 }, async ({ open, cntlid, io }) => {
      const admin = await open();
      assert.equal((await admin.submit(writeKeepAliveSqe)).status, 0x00c, 'before Connect');
      const { dw0 } = await admin.connectQueue(0);
      assert.notEqual(dw0 & 0xffff, cntlid);
      assert.equal((await admin.submit(writeKeepAliveSqe)).status, 0x00c, 'before CC.EN');
      assert.equal((await admin.getProperty(0x1c)).dw0, 0);
      const early = await open();
      assert.equal((await early.connectQueue(1, { cntlid: dw0 & 0xffff })).status, 0x00c, 'I/O queue before CC.EN');
      await admin.enable();
      assert.equal((await admin.getProperty(0x1c)).dw0, 1);
      assert.equal((await admin.submit(writeKeepAliveSqe)).status, 0);
      await io();
    }));

  it('a property that is not there, or of another size', () =>
    withArray({ seed: 26 }, async ({ admin }) => {
      assert.equal((await admin.getProperty(0x1c, 8)).status, 0x002);
      assert.equal((await admin.getProperty(0x40)).status, 0x002);
      assert.equal((await admin.setProperty(0x1c, 1)).status, 0x002);
      const cap = await admin.getProperty(0, 8);
      assert.equal(cap.dw0 & 0xffff, 127, 'MQES');
    }));
});

const wrongConnects: readonly (readonly [
  name: string,
  status: number,
  parameter: { ipo: number; inData: boolean } | null,
  qid: number,
  options: RawConnectOptions,
])[] = [
  ['an unknown subsystem', 0x182, { ipo: 256, inData: true }, 0, { subnqn: 'nqn.2026-11.io.causeway:none' }],
  ['a host without name', 0x182, { ipo: 512, inData: true }, 0, { hostnqn: '' }],
  ['a host that is not allowed', 0x184, null, 0, { hostnqn: 'nqn.2026-11.io.causeway:stranger' }],
  ['a controller by its id', 0x182, { ipo: 16, inData: true }, 0, { cntlid: 1 }],
  ['a queue of one entry', 0x182, { ipo: 44, inData: false }, 0, { entries: 1 }],
  ['too large an admin queue', 0x182, { ipo: 44, inData: false }, 0, { entries: 129 }],
  ['an I/O queue of no controller', 0x182, { ipo: 16, inData: true }, 1, { cntlid: 999 }],
  ['an I/O queue of another host', 0x184, null, 1, { hostid: 'f'.repeat(32) }],
  ['an I/O queue beyond those granted', 0x182, { ipo: 42, inData: false }, 3, {}],
  ['too large an I/O queue', 0x182, { ipo: 44, inData: false }, 1, { entries: 65 }],
  ['an I/O queue twice', 0x00c, null, 2, {}],
];

describe('a wrong Connect is answered, and the next may be right:', () => {
  for (const [name, status, parameter, qid, options] of wrongConnects) {
    it(name, () =>
      withArray(
        {
          seed: 27,
          hosts: ['nqn.2014-08.org.nvmexpress:uuid:01234567-89ab-4def-8123-456789abcdef'],
          limits: { maxIoQueues: 2, maxQueueEntries: 64 },
        },
        async ({ open, cntlid, io, admin }) => {
          await io({ qid: 2 });
          const queue = await open();
          const known = qid === 0 ? {} : { cntlid };
          const answer = await queue.connectQueue(qid, { ...known, ...options });
          assert.equal(answer.status.toString(16), status.toString(16));
          assert.equal(answer.dnr, true);
          if (parameter !== null) assert.deepEqual(readInvalidParameter(answer.dw0), parameter);
          assert.equal((await queue.connectQueue(1, { cntlid })).status, 0);
          assert.equal((await admin.submit(writeKeepAliveSqe)).status, 0);
        },
      ),
    );
  }

  it('an unknown record format', () =>
    withArray({ seed: 28 }, async ({ open }) => {
      const queue = await open();
      const answer = await queue.submit(
        (view, at, cid) => {
          writeConnectSqe(view, at, cid, 0, 32, 0, 0);
          view.setUint16(at + 40, 1, true);
        },
        { inCapsule: new Uint8Array(1024) },
      );
      assert.equal(answer.status, 0x180);
    }));

  it('one controller too many', () =>
    withArray({ seed: 29, limits: { maxControllers: 2 } }, async ({ controller, open }) => {
      const { admin } = await controller(2);
      const third = await open();
      const refused: Completion = await third.connectQueue(0);
      assert.equal(refused.status, 0x181);
      assert.equal(refused.dnr, false, 'it may be tried again later');
      admin.connection.abort();
      await admin.gone;
      let again: RawQueue = await open();
      for (let tries = 0; tries < 100; tries += 1) {
        if ((await again.connectQueue(0)).status === 0) return;
        again = await open();
      }
      assert.fail('the controller of a lost connection stays for ever');
    }));
});
