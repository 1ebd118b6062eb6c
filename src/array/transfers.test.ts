/** Every way in which data can travel between a host and the array. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fes } from '../fabric/nvme-tcp/constants.ts';
import {
  sqe,
  writeDeallocateSqe,
  writeDsmRange,
  writeReadSqe,
  writeWriteSqe,
  writeWriteZeroesSqe,
} from '../fabric/nvme-tcp/sqe.ts';
import type { ArrayLimits } from './config.ts';
import type { RawConnectOptions, RawQueue } from './raw-host.test.support.ts';
import { pattern, type SceneOptions, withArray } from './with-array.test.support.ts';

interface Row {
  readonly name: string;
  readonly blockBytes: number;
  readonly digests: number;
  readonly maxR2t: number;
  readonly limits: Partial<ArrayLimits>;
  readonly connect?: RawConnectOptions;
}

const plain = { blockBytes: 4096, digests: 0, maxR2t: 1, limits: {} } as const;

const rows: readonly Row[] = [
  { ...plain, name: 'as it comes' },
  { ...plain, name: 'both digests', digests: 3 },
  { ...plain, name: 'header digest', digests: 1, blockBytes: 512 },
  { ...plain, name: 'data digest', digests: 2 },
  { ...plain, name: 'R2T only', limits: { inCapsuleBytes: 0 } },
  { ...plain, name: 'in-capsule up to 16 KiB', limits: { inCapsuleBytes: 16384 } },
  { ...plain, name: 'MAXH2CDATA 4096', limits: { maxh2cdata: 4096 }, blockBytes: 512 },
  { ...plain, name: 'small R2Ts, one after the other', limits: { r2tBytes: 4096 }, digests: 3 },
  { ...plain, name: 'small R2Ts, eight at once', limits: { r2tBytes: 4096, maxr2t: 8 }, maxR2t: 8 },
  {
    ...plain,
    name: 'small R2Ts, two of the host, eight of the array',
    limits: { r2tBytes: 512, maxr2t: 8 },
    maxR2t: 2,
  },
  { ...plain, name: 'small C2HData', limits: { c2hDataBytes: 512 }, digests: 3 },
  { ...plain, name: 'without flow control', connect: { cattr: 4 }, limits: { c2hDataBytes: 8192 } },
  { ...plain, name: 'small MDTS', limits: { mdtsBytes: 8192 } },
  { ...plain, name: 'few buffers', limits: { mdtsBytes: 131072 }, digests: 3 },
];

function scene(row: Row, seed: number): SceneOptions {
  const few = row.name === 'few buffers' ? { bufferClasses: [{ bytes: 131072, count: 2 }], capsuleBuffers: 1 } : {};
  return {
    seed,
    ...few,
    limits: row.limits,
    connection: { digests: row.digests, maxR2t: row.maxR2t },
    ...(row.connect === undefined ? {} : { connect: row.connect }),
    volumes: [{ name: 'one', sizeBytes: 4 * 2 ** 20, blockBytes: row.blockBytes }],
  };
}

/** Writes and reads `lengths` at once, many times over the same range one after the other, and compares. */
async function exercise(queue: RawQueue, row: Row, mdts: number, inCapsule: number): Promise<void> {
  const { blockBytes } = row;
  const lengths = [blockBytes, 2 * blockBytes, 8192, 12288, 65536, 131072].filter((length) => length <= mdts);
  for (let round = 1; round <= 3; round += 1) {
    let offset = 0;
    const written = lengths.map((length, index) => {
      const data = pattern(length, round * 100 + index);
      const small = length <= inCapsule;
      const slba = offset / blockBytes;
      offset += length;
      const done = queue.submit(
        (view, at, cid) => writeWriteSqe(view, at, cid, 1, slba, length / blockBytes, length, false, small),
        small ? { inCapsule: data } : { onRequest: data },
      );
      return { data, slba, done };
    });
    for (const { done, data } of written) {
      const { status, r2ts } = await done;
      assert.equal(status, 0);
      const most = row.limits.r2tBytes ?? 2 ** 20;
      assert.equal(r2ts.length, data.length <= inCapsule ? 0 : Math.ceil(data.length / most), 'number of R2Ts');
    }
    const read = written.map(({ data, slba }) =>
      queue.submit((view, at, cid) => writeReadSqe(view, at, cid, 1, slba, data.length / blockBytes, data.length), {
        read: data.length,
      }),
    );
    for (const [index, done] of read.entries()) {
      const { status, data, pieces, sqhd } = await done;
      assert.equal(status, 0);
      assert.deepEqual(data, written[index]?.data);
      assert.equal(pieces, Math.ceil(data.length / (row.limits.c2hDataBytes ?? 2 ** 20)), 'number of C2HData');
      assert.equal(sqhd === -1, row.connect?.cattr === 4, 'SUCCESS is for queues without flow control');
    }
  }
}

describe('data travels', () => {
  for (const row of rows) {
    it(row.name, async () => {
      for (let seed = 1; seed <= 5; seed += 1) {
        await withArray(scene(row, seed), async ({ io }) => {
          const queue = await io();
          assert.equal(queue.connection.digests, row.digests);
          const inCapsule = row.limits.inCapsuleBytes ?? 8192;
          await exercise(queue, row, row.limits.mdtsBytes ?? 2 ** 20, inCapsule);
        });
      }
    });
  }

  it('and zeroes need none', () =>
    withArray({ seed: 7 }, async ({ io, array }) => {
      const queue = await io();
      const full = (slba: number, blocks: number): Promise<unknown> =>
        queue.submit((view, at, cid) => writeWriteSqe(view, at, cid, 1, slba, blocks, blocks * 4096, false, false), {
          onRequest: pattern(blocks * 4096, slba),
        });
      const zeroes = async (slba: number, blocks: number): Promise<boolean> => {
        const { data } = await queue.submit(
          (view, at, cid) => writeReadSqe(view, at, cid, 1, slba, blocks, blocks * 4096),
          { read: blocks * 4096 },
        );
        return data.every((byte) => byte === 0);
      };
      await full(0, 64);
      assert.equal(array.stats.volumes[0]?.allocatedBytes, 64 * 4096);
      await queue.submit((view, at, cid) => writeWriteZeroesSqe(view, at, cid, 1, 1, 31, true, false));
      assert.ok(await zeroes(1, 31));
      assert.ok(!(await zeroes(0, 1)));
      assert.equal(array.stats.volumes[0]?.allocatedBytes, 33 * 4096);
      // More than the three that count, as Linux sends them.
      const ranges = new Uint8Array(256 * 16).fill(0xff);
      const view = new DataView(ranges.buffer);
      writeDsmRange(view, 0, 32, 8);
      writeDsmRange(view, 16, 50, 0);
      writeDsmRange(view, 32, 60, 4);
      const { status } = await queue.submit(
        (entry, at, cid) => {
          writeDeallocateSqe(entry, at, cid, 1, 3, true);
          entry.setUint32(at + sqe.sglLength, ranges.length, true);
        },
        {
          inCapsule: ranges,
        },
      );
      assert.equal(status, 0);
      assert.ok((await zeroes(32, 8)) && (await zeroes(60, 4)));
      assert.ok(!(await zeroes(50, 1)));
      assert.equal(array.stats.volumes[0]?.allocatedBytes, 21 * 4096);
    }));

  it('and Deallocate may keep it', () =>
    withArray({ seed: 8, volumes: [{ name: 'one', sizeBytes: 2 ** 20, deallocate: 'keep' }] }, async ({ io }) => {
      const queue = await io();
      const data = pattern(4096, 5);
      await queue.submit((view, at, cid) => writeWriteSqe(view, at, cid, 1, 3, 1, 4096, true, true), {
        inCapsule: data,
      });
      const range = new Uint8Array(16);
      writeDsmRange(new DataView(range.buffer), 0, 0, 256);
      const { status } = await queue.submit((view, at, cid) => writeDeallocateSqe(view, at, cid, 1, 1, true), {
        inCapsule: range,
      });
      assert.equal(status, 0);
      const read = (): ReturnType<RawQueue['submit']> =>
        queue.submit((view, at, cid) => writeReadSqe(view, at, cid, 1, 3, 1, 4096), { read: 4096 });
      assert.deepEqual((await read()).data, data);
      await queue.submit((view, at, cid) => writeWriteZeroesSqe(view, at, cid, 1, 3, 1, true, false));
      assert.ok(
        (await read()).data.every((byte) => byte === 0),
        'write zeroes means it',
      );
    }));

  it('in as many commands as the queue has entries, again and again', () =>
    withArray({ seed: 9, limits: { maxQueueEntries: 16 } }, async ({ io }) => {
      const queue = await io({ entries: 16 });
      for (let round = 0; round < 20; round += 1) {
        const done = Array.from({ length: 16 }, (_, cid) =>
          queue.submit((view, at) => writeReadSqe(view, at, cid, 1, cid, 4, 16384), { read: 16384 }, cid),
        );
        for (const answer of await Promise.all(done)) assert.equal(answer.status, 0);
      }
    }));
});

describe('data that nobody asked for ends the connection', () => {
  const cases: readonly (readonly [
    name: string,
    expected: number,
    send: (queue: RawQueue, cid: number, ttag: number) => void,
  ])[] = [
    ['wrong transfer tag', fes.invalidHeaderField, (queue, cid) => queue.sendData(cid, 0xffff, 0, 4096, false)],
    ['wrong command', fes.invalidHeaderField, (queue, cid, ttag) => queue.sendData(cid + 1, ttag, 0, 4096, false)],
    ['wrong offset', fes.dataOutOfRange, (queue, cid, ttag) => queue.sendData(cid, ttag, 4096, 4096, false)],
    ['too much', fes.dataOutOfRange, (queue, cid, ttag) => queue.sendData(cid, ttag, 0, 20480, true)],
    ['more than MAXH2CDATA', fes.limitExceeded, (queue, cid, ttag) => queue.sendData(cid, ttag, 0, 24576, true)],
    ['LAST too early', fes.invalidHeaderField, (queue, cid, ttag) => queue.sendData(cid, ttag, 0, 4096, true)],
    ['no LAST', fes.invalidHeaderField, (queue, cid, ttag) => queue.sendData(cid, ttag, 0, 16384, false)],
  ];
  for (const [name, expected, send] of cases) {
    it(name, () =>
      withArray({ seed: 3, limits: { maxh2cdata: 20480, inCapsuleBytes: 0 } }, async ({ io, host }) => {
        const queue = await io();
        queue.holdData = true;
        void queue.submit(
          (view, at, cid) => writeWriteSqe(view, at, cid, 1, 0, 4, 16384, false, false),
          { onRequest: pattern(16384, 1) },
          77,
        );
        await host.sleep(5);
        send(queue, 77, queue.lastTtag);
        await queue.gone;
        assert.equal(queue.connection.fes, expected);
      }),
    );
  }
});
