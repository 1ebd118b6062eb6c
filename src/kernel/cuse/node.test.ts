import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CausewayError } from '../../base/errors.ts';
import { companionName, cuseInitReply } from './node.ts';

/** CUSE_INIT as a kernel says it. */
function init(
  fields: { opcode?: number; major?: number; minor?: number; flags?: number; length?: number } = {},
): Uint8Array {
  const bytes = new Uint8Array(56);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 56, true);
  view.setUint32(4, fields.opcode ?? 4096, true);
  view.setBigUint64(8, 0x0102_0304_0506n, true);
  view.setUint32(40, fields.major ?? 7, true);
  view.setUint32(44, fields.minor ?? 38, true);
  view.setUint32(52, fields.flags ?? 1, true);
  return bytes.subarray(0, fields.length ?? 56);
}

test('the answer names the node, with its directory, and asks for unrestricted ioctls', () => {
  const reply = cuseInitReply(init(), companionName('db'));
  const view = new DataView(reply.buffer);
  assert.equal(view.getUint32(0, true), reply.length);
  assert.equal(view.getInt32(4, true), 0);
  assert.equal(view.getBigUint64(8, true), 0x0102_0304_0506n);
  assert.deepEqual([view.getUint32(16, true), view.getUint32(20, true), view.getUint32(28, true)], [7, 31, 1]);
  assert.equal(Buffer.from(reply.subarray(16 + 72)).toString(), 'DEVNAME=causeway!db-nvme\0');
  assert.equal(new DataView(cuseInitReply(init({ minor: 20 }), 'x').buffer).getUint32(20, true), 20);
});

test('what is no CUSE_INIT that can be answered is told', () => {
  for (const wrong of [{ opcode: 26 }, { length: 50 }, { length: 0 }, { major: 8 }, { minor: 15 }, { flags: 0 }]) {
    assert.throws(
      () => cuseInitReply(init(wrong), 'x'),
      (error: unknown) => error instanceof CausewayError && error.code === 'kernel-device-failed',
    );
  }
});
