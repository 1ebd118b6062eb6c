import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { digestBit, fes, pduFlag, pduType } from './constants.ts';
import {
  capsuleCmd,
  dataOffset,
  headerDigestIsRight,
  writeCapsuleCmdHeader,
  writeCapsuleRespHeader,
  writeDataHeader,
  writeHeaderDigest,
  writeIcReq,
  writeIcResp,
  writeR2t,
  writeTermReq,
} from './pdu.ts';

const bytes = new Uint8Array(512);
const view = new DataView(bytes.buffer);

function hex(length: number): string {
  return Buffer.from(bytes.subarray(0, length)).toString('hex');
}

test('ICReq has its fields where the specification wants them', () => {
  bytes.fill(0xee);
  assert.equal(writeIcReq(view, 0, 3, digestBit.header | digestBit.data, 16), 128);
  assert.equal(hex(16), '0000800080000000000003030f000000');
  assert.ok(bytes.subarray(16, 128).every((byte) => byte === 0));
  assert.equal(bytes[128], 0xee);
});

test('ICResp has its fields where the specification wants them', () => {
  bytes.fill(0xee);
  assert.equal(writeIcResp(view, 0, 0, digestBit.data, 0x21000), 128);
  assert.equal(hex(16), '01008000800000000000000200100200');
  assert.ok(bytes.subarray(16, 128).every((byte) => byte === 0));
});

test('a command capsule without data has no data offset and no data digest', () => {
  assert.equal(writeCapsuleCmdHeader(view, 0, 0, 0, 4), 72);
  assert.equal(hex(8), '0400480048000000');
  assert.equal(writeCapsuleCmdHeader(view, 0, digestBit.header | digestBit.data, 0, 4), 76);
  assert.equal(hex(8), '040148004c000000');
});

test('a command capsule with data counts digests and padding', () => {
  assert.equal(writeCapsuleCmdHeader(view, 0, 0, 4096, 4), 72);
  assert.equal(hex(8), '0400484848100000');
  assert.equal(writeCapsuleCmdHeader(view, 0, digestBit.header | digestBit.data, 4096, 64), 128);
  assert.equal(hex(8), '0403488084100000');
});

test('response capsule, R2T and data headers', () => {
  assert.equal(writeCapsuleRespHeader(view, 0, 0), 24);
  assert.equal(hex(8), '0500180018000000');
  assert.equal(writeCapsuleRespHeader(view, 0, digestBit.header), 28);
  assert.equal(writeR2t(view, 0, digestBit.header, 0x1234, 0xabcd, 0x10000, 0x2000), 28);
  assert.equal(hex(24), '090118001c0000003412cdab000001000020000000000000');
  const pdo = writeDataHeader(view, 0, pduType.h2cData, 3, 4, pduFlag.lastPdu, 0xfffe, 0x8001, 0x1000, 0x800);
  assert.equal(pdo, 28);
  assert.equal(hex(24), '0607181c20080000feff0180001000000008000000000000');
});

test('a termination request carries at most 128 bytes of the header that was wrong', () => {
  const header = new Uint8Array(200).fill(7);
  bytes.fill(0);
  assert.equal(writeTermReq(view, 0, pduType.c2hTermReq, fes.invalidHeaderField, 4, header), 152);
  assert.equal(hex(24), '030018009800000001000400000000000000000000000000');
  assert.ok(bytes.subarray(24, 152).every((byte) => byte === 7));
  assert.equal(bytes[152], 0);
  assert.equal(writeTermReq(view, 0, pduType.h2cTermReq, fes.pduSequence, 0, null), 24);
});

test('the data offset is the first aligned place behind the header', () => {
  fc.assert(
    fc.property(fc.constantFrom(24, 72), fc.nat(3), fc.integer({ min: 0, max: 31 }), (hlen, digests, pda) => {
      const alignment = (pda + 1) * 4;
      const header = hlen + ((digests & 1) !== 0 ? 4 : 0);
      const offset = dataOffset(hlen, digests, alignment);
      assert.ok(offset >= header && offset < header + alignment && offset % alignment === 0);
      assert.ok(offset <= 255, 'fits the PDO byte');
    }),
  );
});

test('a header digest finds any changed bit', () => {
  fc.assert(
    fc.property(fc.nat(capsuleCmd.bytes + 3), fc.nat(7), (byte, bit) => {
      bytes.fill(0x5a);
      writeCapsuleCmdHeader(view, 0, digestBit.header, 0, 4);
      writeHeaderDigest(view, bytes, 0);
      assert.ok(headerDigestIsRight(view, bytes, 0));
      bytes[byte]! ^= 1 << bit;
      // Type, flags and length are checked before the digest is; the flag itself says whether there is one.
      if (byte >= 4) assert.ok(!headerDigestIsRight(view, bytes, 0));
    }),
  );
});
