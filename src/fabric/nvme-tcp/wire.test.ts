import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CausewayError } from '../../base/errors.ts';
import {
  readHex,
  readText,
  readU64,
  readU64Loose,
  readUtf8,
  requireBytes,
  writeHex,
  writeText,
  writeU64,
  writeUtf8,
} from './wire.ts';

const view = new DataView(new ArrayBuffer(64));
const coded = (code: string) => (error: unknown) => error instanceof CausewayError && error.code === code;

test('64-bit numbers below 2^53 go both ways, larger ones are refused', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      writeU64(view, 3, value);
      assert.equal(view.getBigUint64(3, true), BigInt(value));
      assert.equal(readU64(view, 3), value);
      assert.equal(readU64Loose(view, 3), value);
    }),
  );
  fc.assert(
    fc.property(fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }), (value) => {
      view.setBigUint64(0, value, true);
      assert.throws(() => readU64(view, 0), coded('nvme-too-large'));
      assert.ok(readU64Loose(view, 0) > Number.MAX_SAFE_INTEGER, 'never looks small');
    }),
  );
});

test('text comes back without its padding and without anything that disturbs a terminal', () => {
  writeText(view, 0, 20, 'SN 12', 0x20);
  assert.equal(readText(view, 0, 20), 'SN 12');
  writeText(view, 0, 4, 'too long', 0x20);
  assert.equal(readText(view, 0, 4), 'too');
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 40, maxLength: 40 }), (raw) => {
      const text = readText(new DataView(raw.buffer, raw.byteOffset), 0, 40);
      assert.match(text, /^[ -~]*$/);
    }),
  );
});

test('UTF-8 fields need their end and must be text', () => {
  writeUtf8(view, 0, 32, 'nqn.ü');
  assert.equal(readUtf8(view, 0, 32), 'nqn.ü');
  for (let i = 0; i < 8; i += 1) view.setUint8(i, 0x41);
  assert.equal(readUtf8(view, 0, 8), null, 'no NUL');
  view.setUint8(3, 0xff);
  view.setUint8(7, 0);
  assert.equal(readUtf8(view, 0, 8), null, 'not UTF-8');
});

test('identifiers go both ways, with or without hyphens', () => {
  fc.assert(
    fc.property(fc.uuid(), (uuid) => {
      writeHex(view, 1, 16, uuid);
      assert.equal(readHex(view, 1, 16), uuid.replaceAll('-', ''));
    }),
  );
  for (const wrong of ['', '12', 'zz'.repeat(16), '0'.repeat(34)]) {
    assert.throws(() => writeHex(view, 0, 16, wrong), coded('invalid-argument'));
  }
});

test('a short structure is a coded error', () => {
  requireBytes(view, 60, 4, 'x');
  assert.throws(() => requireBytes(view, 61, 4, 'x'), coded('nvme-malformed'));
  assert.throws(() => requireBytes(view, 100, 4, 'x'), coded('nvme-malformed'));
  assert.throws(() => requireBytes(view, -1, 4, 'x'), coded('nvme-malformed'));
});
