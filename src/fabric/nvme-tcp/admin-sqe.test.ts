import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as codec from './admin-sqe.ts';

const bytes = new Uint8Array(64);
const view = new DataView(bytes.buffer);

function entry(words: Readonly<Record<number, number>>): void {
  const expected = Buffer.alloc(64);
  for (const [offset, word] of Object.entries(words)) expected.writeUInt32LE(word >>> 0, Number(offset));
  assert.equal(Buffer.from(bytes).toString('hex'), expected.toString('hex'));
}

const none = { 36: 0x5a00_0000 };

test('admin commands, byte for byte', () => {
  bytes.fill(0xee);
  codec.writeIdentifySqe(view, 0, 1, 5, 0x05, 2);
  entry({ ...none, 0: 0x0001_4006, 4: 5, 32: 4096, 40: 5, 44: 0x0200_0000 });
  codec.writeGetLogPageSqe(view, 0, 2, 0x0c, 1, true, 0x1_0000_0010, 0x50004);
  entry({ ...none, 0: 0x0002_4002, 4: 0xffff_ffff, 32: 0x50004, 40: 0x4000_810c, 44: 1, 48: 0x10, 52: 1 });
  codec.writeSetFeaturesSqe(view, 0, 3, 0, 0x07, codec.numberOfQueuesDword(4, 8));
  entry({ ...none, 0: 0x0003_4009, 40: 7, 44: 0x0007_0003 });
  codec.writeGetFeaturesSqe(view, 0, 3, 0, 0x0b);
  entry({ ...none, 0: 0x0003_400a, 40: 0x0b });
  codec.writeKeepAliveSqe(view, 0, 4);
  entry({ ...none, 0: 0x0004_4018 });
  codec.writeAsyncEventRequestSqe(view, 0, 5);
  entry({ ...none, 0: 0x0005_400c });
  codec.writeAbortSqe(view, 0, 6, 3, 0xabcd);
  entry({ ...none, 0: 0x0006_4008, 40: 0xabcd_0003 });
  codec.writeCrossControllerResetSqe(view, 0, 7, 0x0102, 0x33, 0x8877_6655_4433_2211n);
  entry({ ...none, 0: 0x0007_4038, 40: 0x0033_0102, 48: 0x4433_2211, 52: 0x8877_6655 });
});

test('the target reads what the initiator wrote', () => {
  fc.assert(
    fc.property(
      fc.nat(0xffff),
      fc.nat(0xff),
      fc.nat(0x7f),
      fc.boolean(),
      fc.maxSafeNat(),
      fc.integer({ min: 1, max: 2 ** 30 }),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      (cid, byte, lsp, flag, big, dwords, cirn) => {
        codec.writeIdentifySqe(view, 0, cid, dwords, byte, lsp);
        assert.deepEqual(codec.readIdentifySqe(view, 0), { nsid: dwords, cns: byte, cntid: 0, csi: lsp });
        codec.writeGetLogPageSqe(view, 0, cid, byte, lsp, flag, big, dwords * 4);
        const log = {
          nsid: 0xffff_ffff,
          lid: byte,
          lsp,
          rae: flag,
          bytes: dwords * 4,
          offset: big,
          offsetIsIndex: false,
          csi: 0,
        };
        assert.deepEqual(codec.readGetLogPageSqe(view, 0), log);
        codec.writeSetFeaturesSqe(view, 0, cid, byte, lsp, dwords);
        assert.deepEqual(codec.readFeaturesSqe(view, 0), {
          nsid: byte,
          fid: lsp,
          save: false,
          select: 0,
          cdw11: dwords,
        });
        codec.writeAbortSqe(view, 0, 1, byte, cid);
        assert.deepEqual(codec.readAbortSqe(view, 0), { sqid: byte, cid });
        codec.writeCrossControllerResetSqe(view, 0, 1, cid, byte, cirn);
        assert.deepEqual(codec.readCrossControllerResetSqe(view, 0), { icid: cid, ciu: byte, cirn });
        assert.deepEqual(codec.readAsyncEvent(codec.asyncEventDword(lsp & 7, byte, lsp)), {
          type: lsp & 7,
          info: byte,
          lid: lsp,
        });
      },
    ),
  );
});

test('dwords of completions', () => {
  assert.equal(codec.queuePairsOf(codec.numberOfQueuesDword(4, 8)), 4);
  assert.equal(codec.queuePairsOf(codec.numberOfQueuesDword(65536, 3)), 3);
  assert.ok(codec.commandWasAborted(0) && !codec.commandWasAborted(1));
  assert.ok(codec.resetIsImmediate(1) && !codec.resetIsImmediate(0));
});
