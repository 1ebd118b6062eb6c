import assert from 'node:assert/strict';
import { test } from 'node:test';
import { op, requestFlag } from '../../block/request.ts';
import { status } from '../../block/status.ts';
import { verdict } from '../contract.ts';
import { digestBit } from './constants.ts';
import { outcome, outcomeName } from './status.ts';
import { pattern, type TestFabric, withFabric } from './with-fabric.test.support.ts';

/** Writes, reads back and compares pieces of many sizes, many at once. */
async function writeAndRead(fabric: TestFabric, sizes: readonly number[]): Promise<void> {
  const { reactor } = fabric;
  const path = reactor.path(1);
  let offset = 0;
  const writes = sizes.map((size, i) => {
    const part = reactor.submit(path, op.write, offset, size, pattern(size, i));
    offset += size;
    return part;
  });
  await fabric.ended(reactor, writes);
  for (const part of writes) assert.equal(part.verdict, verdict.ok, outcomeName(part.outcome));
  const reads = writes.map((part) => reactor.submit(path, op.read, part.offset, part.length));
  await fabric.ended(reactor, reads);
  reads.forEach((part, i) => {
    assert.equal(part.verdict, verdict.ok, outcomeName(part.outcome));
    assert.ok(Buffer.from(reactor.payload(part)).equals(Buffer.from(pattern(part.length, i))), `piece ${i} differs`);
  });
  assert.equal(path.inFlight, 0);
  assert.equal(path.bytesInFlight, 0);
}

const sizes = [4096, 8192, 12288, 4096, 131072, 1048576, 4096, 65536, 1048576, 16384];

const both = digestBit.header | digestBit.data;
const settings = [
  { name: 'in-capsule and R2T', limits: {}, digests: 0 },
  { name: 'R2T only', limits: { inCapsuleBytes: 0 }, digests: 0 },
  { name: 'in-capsule as large as it gets', limits: { inCapsuleBytes: 16384 }, digests: 0 },
  { name: 'both digests', limits: {}, digests: both },
  { name: 'header digest', limits: {}, digests: digestBit.header },
  { name: 'MAXH2CDATA 4096', limits: { maxh2cdata: 4096, inCapsuleBytes: 0 }, digests: 0 },
  {
    name: 'MAXH2CDATA 4096, many R2Ts, both digests',
    limits: { maxh2cdata: 4096, maxr2t: 4, r2tBytes: 20480, inCapsuleBytes: 0 },
    digests: both,
  },
  { name: 'small C2HData', limits: { c2hDataBytes: 1024 }, digests: both },
  { name: 'a small queue', limits: { maxQueueEntries: 16 }, digests: 0 },
];

for (const { name, limits, digests } of settings) {
  for (const c2hSuccess of [true, false]) {
    test(`reads and writes: ${name}, ${c2hSuccess ? 'with' : 'without'} SUCCESS`, async () => {
      for (let seed = 0; seed < 5; seed += 1) {
        await withFabric(seed, 1, { limits, c2hSuccess }, async (fabric) => {
          const association = await fabric.live(1, { digests });
          assert.equal(association.controller?.admin.digests, digests);
          await writeAndRead(fabric, sizes);
        });
      }
    });
  }
}

test('reads and writes with 512-byte blocks', async () => {
  const volumes = [{ name: 'one', sizeBytes: 2 ** 24, blockBytes: 512 }];
  await withFabric(3, 1, { volumes }, async (fabric) => {
    await fabric.live(1);
    await writeAndRead(fabric, [512, 1024, 512, 4096, 131072, 512]);
  });
});

test('flush, FUA, discard, write zeroes', async () => {
  await withFabric(4, 1, { volatileWriteCache: true }, async (fabric) => {
    await fabric.live(1);
    const { reactor } = fabric;
    const path = reactor.path(1);
    const first = [
      reactor.submit(path, op.write, 0, 65536, pattern(65536, 1), requestFlag.fua),
      reactor.submit(path, op.write, 65536, 65536, pattern(65536, 2)),
    ];
    await fabric.ended(reactor, first);
    const second = [
      reactor.submit(path, op.flush, 0, 0),
      reactor.submit(path, op.discard, 4096, 4096),
      reactor.submit(path, op.writeZeroes, 65536, 8192),
      reactor.submit(path, op.writeZeroes, 65536 + 16384, 4096, null, requestFlag.keepAllocated),
    ];
    await fabric.ended(reactor, second);
    for (const part of [...first, ...second]) assert.equal(part.verdict, verdict.ok, outcomeName(part.outcome));
    const zeroes = reactor.submit(path, op.read, 65536, 24576);
    await fabric.ended(reactor, [zeroes]);
    const expected = pattern(65536, 2).slice(0, 24576);
    expected.fill(0, 0, 8192);
    expected.fill(0, 16384, 20480);
    assert.deepEqual(reactor.payload(zeroes), expected);
  });
});

test('a status comes up with its verdict and block status', async () => {
  await withFabric(5, 1, {}, async (fabric) => {
    await fabric.live(1);
    const { reactor } = fabric;
    const beyond = reactor.submit(reactor.path(1), op.read, 2 ** 40, 4096);
    await fabric.ended(reactor, [beyond]);
    assert.equal(outcomeName(beyond.outcome), 'lba-out-of-range');
    assert.equal(beyond.verdict, verdict.failed);
    assert.equal(beyond.status, status.invalid);
  });
});

test('data whose digest is wrong fails its read only', async () => {
  await withFabric(6, 1, {}, async (fabric) => {
    await fabric.live(1, { digests: both });
    const { reactor } = fabric;
    const path = reactor.path(1);
    fabric.array.faults.corruptDigests(1, 'data', 1);
    const spoiled = reactor.submit(path, op.read, 0, 65536);
    await fabric.ended(reactor, [spoiled]);
    assert.equal(spoiled.outcome, outcome.dataDigestError);
    assert.equal(spoiled.verdict, verdict.failed | verdict.pathFault | verdict.retryElsewhere);
    const next = reactor.submit(path, op.read, 0, 65536);
    await fabric.ended(reactor, [next]);
    assert.equal(next.verdict, verdict.ok);
  });
});

test('a full queue says so, and tells whoever waits when there is room', async () => {
  await withFabric(7, 1, {}, async (fabric) => {
    await fabric.live(1, { queueDepth: 4 });
    const { reactor } = fabric;
    const path = reactor.path(1);
    let told = 0;
    path.waiter = { onRoom: () => (told += 1) };
    const parts = [0, 1, 2, 3].map((i) => reactor.submit(path, op.read, i * 4096, 4096));
    assert.equal(path.hasRoom, false);
    assert.equal(path.inFlight, 4);
    await fabric.ended(reactor, parts);
    await fabric.world.run({ until: () => told > 0 });
    assert.equal(path.hasRoom, true);
  });
});
