import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as codec from './fabrics-sqe.ts';
import { sqeFctype, sqeSglLength } from './sqe.ts';

const bytes = new Uint8Array(64);
const view = new DataView(bytes.buffer);

function entry(words: Readonly<Record<number, number>>): void {
  const expected = Buffer.alloc(64);
  for (const [offset, word] of Object.entries(words)) expected.writeUInt32LE(word >>> 0, Number(offset));
  assert.equal(Buffer.from(bytes).toString('hex'), expected.toString('hex'));
}

test('fabrics commands, byte for byte', () => {
  bytes.fill(0xee);
  codec.writeConnectSqe(view, 0, 0x11, 2, 128, codec.cattrNoFlowControl, 15000);
  // qid at 42, sqsize at 44, cattr at 46, kato at 48; data in the capsule.
  entry({ 0: 0x0011_407f, 4: 1, 32: 1024, 36: 0x0100_0000, 40: 0x0002_0000, 44: 0x0004_007f, 48: 15000 });
  assert.equal(sqeFctype(view, 0), 1);
  assert.equal(sqeSglLength(view, 0), 1024);
  codec.writePropertyGetSqe(view, 0, 1, 0, 8);
  entry({ 0: 0x0001_407f, 4: 4, 36: 0x5a00_0000, 40: 1 });
  codec.writePropertySetSqe(view, 0, 1, 0x14, 4, 0x0046_0001, 99);
  entry({ 0: 0x0001_407f, 36: 0x5a00_0000, 44: 0x14, 48: 0x0046_0001 });
});

test('the target reads what the initiator wrote', () => {
  fc.assert(
    fc.property(
      fc.nat(0xffff),
      fc.integer({ min: 2, max: 65536 }),
      fc.nat(0xff),
      fc.nat(0xffff_ffff),
      fc.constantFrom(4, 8),
      (qid, entries, cattr, word, size) => {
        codec.writeConnectSqe(view, 0, 1, qid, entries, cattr, word);
        assert.deepEqual(codec.readConnectSqe(view, 0), { recfmt: 0, qid, sqsize: entries - 1, cattr, kato: word });
        codec.writePropertySetSqe(view, 0, 1, word, size, word, 7);
        const expected = { bytes: size, ofst: word, low: word, high: size === 8 ? 7 : 0 };
        assert.deepEqual(codec.readPropertySqe(view, 0), expected);
      },
    ),
  );
  view.setUint8(40, 2);
  assert.equal(codec.readPropertySqe(view, 0).bytes, 0, 'a size that nobody knows');
});

test('completions of Connect', () => {
  assert.deepEqual(codec.readConnectResponse(0x0000_1234), {
    cntlid: 0x1234,
    authenticationRequired: false,
    secureChannelRequired: false,
  });
  assert.ok(codec.readConnectResponse(0x0002_0001).authenticationRequired, 'ATR');
  assert.ok(codec.readConnectResponse(0x0004_0001).authenticationRequired, 'ASCR');
  for (const inData of [true, false]) {
    assert.deepEqual(codec.readInvalidParameter(codec.invalidParameterDword(256, inData)), { ipo: 256, inData });
  }
});
