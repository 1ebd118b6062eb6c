import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as codec from './cqe.ts';

const view = new DataView(new ArrayBuffer(24));

test('a completion, byte for byte', () => {
  const flags = codec.cqeFlag.dnr | (2 << codec.cqeFlag.crdShift);
  codec.writeCqe(view, 0, 0x1234, 1, 0x0a0b, 0x281, flags, 0x1122_3344, 0x5566_7788);
  const hex = Buffer.from(view.buffer, 0, 16).toString('hex');
  assert.equal(hex, '44332211887766550b0a0100341202a5');
});

test('every field comes back, and the phase bit is ignored', () => {
  const u16 = fc.nat(0xffff);
  const u32 = fc.nat(0xffff_ffff);
  fc.assert(
    fc.property(
      fc.nat(8),
      u16,
      u16,
      u16,
      fc.nat(0x7ff),
      fc.nat(3),
      fc.boolean(),
      fc.boolean(),
      u32,
      u32,
      fc.nat(1),
      (at, cid, sqid, sqhd, status, crd, more, dnr, dw0, dw1, phase) => {
        const flags = (crd << 12) | (more ? codec.cqeFlag.more : 0) | (dnr ? codec.cqeFlag.dnr : 0);
        codec.writeCqe(view, at, cid, sqid, sqhd, status, flags, dw0, dw1);
        view.setUint8(at + 14, view.getUint8(at + 14) | phase);
        assert.equal(codec.cqeCid(view, at), cid);
        assert.equal(codec.cqeSqid(view, at), sqid);
        assert.equal(codec.cqeSqhd(view, at), sqhd);
        assert.equal(codec.cqeStatus(view, at), status);
        assert.equal(codec.cqeCrd(view, at), crd);
        assert.equal(codec.cqeMore(view, at), more);
        assert.equal(codec.cqeDnr(view, at), dnr);
        assert.equal(codec.cqeDw0(view, at), dw0);
        assert.equal(codec.cqeDw1(view, at), dw1);
      },
    ),
  );
});
