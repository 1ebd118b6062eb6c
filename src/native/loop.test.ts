import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeLoopConfig, loopConfig, loopConfigBytes, loopFileNameBytes, loopInfo, loopInfoBytes } from './loop.ts';

/** Name and size of each field, in order, as struct loop_info64 of include/uapi/linux/loop.h has them. */
const info64: readonly (readonly [string, number])[] = [
  ['lo_device', 8],
  ['lo_inode', 8],
  ['lo_rdevice', 8],
  ['lo_offset', 8],
  ['lo_sizelimit', 8],
  ['lo_number', 4],
  ['lo_encrypt_type', 4],
  ['lo_encrypt_key_size', 4],
  ['lo_flags', 4],
  ['lo_file_name', 64],
  ['lo_crypt_name', 64],
  ['lo_encrypt_key', 32],
  ['lo_init', 16],
];

function offsetOf(name: string): number {
  const place = info64.findIndex(([field]) => field === name);
  return info64.slice(0, place).reduce((sum, [, bytes]) => sum + bytes, 0);
}

test('loop_info64 and loop_config: sizes and offsets follow from their fields', () => {
  assert.equal(
    info64.reduce((sum, [, bytes]) => sum + bytes, 0),
    loopInfoBytes,
  );
  assert.equal(loopInfo.flags, offsetOf('lo_flags'));
  assert.equal(loopInfo.fileName, offsetOf('lo_file_name'));
  assert.equal(loopConfig.info, 4 + 4);
  assert.equal(loopConfigBytes, 4 + 4 + loopInfoBytes + 8 * 8);
});

test('a loop_config carries what it was given, and cuts a long name before its closing zero', () => {
  const name = `/run/${'x'.repeat(100)}`;
  const bytes = encodeLoopConfig({ backing: 7, blockBytes: 4096, flags: 24, fileName: name });
  const view = new DataView(bytes.buffer);
  assert.equal(bytes.length, loopConfigBytes);
  assert.equal(view.getUint32(0, true), 7);
  assert.equal(view.getUint32(4, true), 4096);
  assert.equal(view.getUint32(8 + 52, true), 24);
  const at = 8 + 56;
  assert.equal(Buffer.from(bytes.subarray(at, at + loopFileNameBytes)).toString(), `${name.slice(0, 63)}\0`);
  assert.ok(bytes.subarray(at + loopFileNameBytes).every((byte) => byte === 0));
});
