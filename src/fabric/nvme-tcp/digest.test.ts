import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc32c } from './digest.ts';

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

test('check values of CRC32C', () => {
  assert.equal(crc32c(ascii('123456789'), 0, 9), 0xe306_9283);
  // RFC 3720, B.4.
  assert.equal(crc32c(new Uint8Array(32), 0, 32), 0x8a91_36aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff), 0, 32), 0x62a8_ab43);
  assert.equal(
    crc32c(
      Uint8Array.from({ length: 32 }, (_, i) => i),
      0,
      32,
    ),
    0x46dd_794e,
  );
  assert.equal(crc32c(new Uint8Array(0), 0, 0), 0);
});

/** Bit by bit, as the polynomial is defined. */
function slow(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

test('the short way, the long way and any split of the data give the same number', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1200 }), fc.nat(1200), fc.nat(7), (data, where, shift) => {
      const split = Math.min(where, data.length);
      // Shared memory at an odd place: what payloads lie in.
      const bytes = new Uint8Array(new SharedArrayBuffer(data.length + 8));
      bytes.set(data, shift);
      const whole = slow(data);
      assert.equal(crc32c(bytes, shift, data.length), whole);
      const first = crc32c(bytes, shift, split);
      assert.equal(crc32c(bytes, shift + split, data.length - split, first), whole);
    }),
  );
});
