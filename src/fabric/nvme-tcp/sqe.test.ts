import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as codec from './sqe.ts';

const bytes = new Uint8Array(128);
const view = new DataView(bytes.buffer);

function hex(): string {
  return Buffer.from(bytes.subarray(0, 64)).toString('hex');
}

/** Words of an entry, written out by hand from the specification's figures. */
function entry(words: Readonly<Record<number, number>>): string {
  const expected = Buffer.alloc(64);
  for (const [offset, word] of Object.entries(words)) expected.writeUInt32LE(word >>> 0, Number(offset));
  return expected.toString('hex');
}

test('the commands of the NVM command set, byte for byte', () => {
  bytes.fill(0xee);
  codec.writeReadSqe(view, 0, 0x1234, 7, 0x1_2345_6789_a, 8, 4096);
  assert.equal(hex(), entry({ 0: 0x1234_4002, 4: 7, 32: 4096, 36: 0x5a00_0000, 40: 0x3456_789a, 44: 0x12, 48: 7 }));
  assert.equal(bytes[64], 0xee, 'not a byte too many');

  codec.writeWriteSqe(view, 0, 1, 2, 3, 65536, 65536 * 512, true, true);
  assert.equal(hex(), entry({ 0: 0x0001_4001, 4: 2, 32: 0x200_0000, 36: 0x0100_0000, 40: 3, 48: 0x4000_ffff }));
  codec.writeWriteSqe(view, 0, 1, 2, 3, 1, 512, false, false);
  assert.equal(hex(), entry({ 0: 0x0001_4001, 4: 2, 32: 512, 36: 0x5a00_0000, 40: 3, 48: 0 }));

  codec.writeFlushSqe(view, 0, 0xffff, 9);
  assert.equal(hex(), entry({ 0: 0xffff_4000, 4: 9, 36: 0x5a00_0000 }));
  codec.writeWriteZeroesSqe(view, 0, 5, 9, 10, 16, true, true);
  assert.equal(hex(), entry({ 0: 0x0005_4008, 4: 9, 36: 0x5a00_0000, 40: 10, 48: 0x4200_000f }));
  codec.writeDeallocateSqe(view, 0, 5, 9, 256, true);
  assert.equal(hex(), entry({ 0: 0x0005_4009, 4: 9, 32: 4096, 36: 0x0100_0000, 40: 255, 44: 4 }));
  codec.writeDsmRange(view, 0, 2 ** 40 + 1, 0xffff_ffff);
  assert.equal(Buffer.from(bytes.subarray(0, 16)).toString('hex'), '00000000ffffffff0100000000010000');
});

const u16 = fc.nat(0xffff);
const nsid = fc.nat(0xffff_ffff);

test('the target reads what the initiator wrote, at any place', () => {
  fc.assert(
    fc.property(
      fc.nat(64),
      u16,
      nsid,
      fc.maxSafeNat(),
      fc.integer({ min: 1, max: 65536 }),
      fc.boolean(),
      fc.boolean(),
      (at, cid, ns, slba, blocks, flagA, flagB) => {
        codec.writeWriteSqe(view, at, cid, ns, slba, blocks, blocks * 512, flagA, flagB);
        assert.equal(codec.sqeOpcode(view, at), 1);
        assert.equal(codec.sqeCid(view, at), cid);
        assert.equal(codec.sqeNsid(view, at), ns);
        assert.equal(codec.sqeSlba(view, at), slba);
        assert.equal(codec.sqeBlocks(view, at), blocks);
        assert.equal(codec.sqeFua(view, at), flagA);
        assert.equal(codec.sqeSglType(view, at), flagB ? 0x01 : 0x5a);
        assert.equal(codec.sqeSglOffset(view, at), 0);
        assert.equal(codec.sqeSglLength(view, at), blocks * 512);
        assert.ok(codec.sqeFlagsAreRight(view, at));
        codec.writeWriteZeroesSqe(view, at, cid, ns, slba, blocks, flagA, flagB);
        assert.equal(codec.sqeDeac(view, at), flagA);
        assert.equal(codec.sqeFua(view, at), flagB);
        assert.equal(codec.sqeBlocks(view, at), blocks);
        const ranges = ((blocks - 1) & 0xff) + 1;
        codec.writeDeallocateSqe(view, at, cid, ns, ranges, flagA);
        assert.equal(codec.sqeDsmRanges(view, at), ranges);
        assert.ok(codec.sqeDsmDeallocates(view, at));
        assert.equal(codec.sqeSglLength(view, at), ranges * codec.dsmRangeBytes);
        codec.writeDsmRange(view, at, slba, blocks);
        assert.equal(codec.dsmRangeSlba(view, at), slba);
        assert.equal(codec.dsmRangeBlocks(view, at), blocks);
      },
    ),
  );
});

test('fused commands, PRPs and metadata SGLs are told apart from what we speak', () => {
  codec.writeFlushSqe(view, 0, 1, 1);
  for (const flags of [0x00, 0x41, 0x42, 0x80, 0xc0]) {
    view.setUint8(codec.sqe.flags, flags);
    assert.ok(!codec.sqeFlagsAreRight(view, 0), `flags ${flags}`);
  }
});
