import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CausewayError } from '../../base/errors.ts';
import {
  initFlag,
  initFlag2,
  initIn,
  initOut,
  inHeader,
  inHeaderBytes,
  initInBytes,
  opcode,
  outHeader,
} from './abi.ts';
import { decodeInit, encodeInitReply, offersResend, offersUring } from './init.ts';

interface Words {
  readonly major?: number;
  readonly minor?: number;
  readonly flags?: number;
  readonly flags2?: number;
  readonly opcode?: number;
}

function message(words: Words = {}, bytes = inHeaderBytes + initInBytes): Uint8Array {
  const buffer = new Uint8Array(bytes);
  const view = new DataView(buffer.buffer);
  view.setUint32(inHeader.len, bytes, true);
  view.setUint32(inHeader.opcode, words.opcode ?? opcode.init, true);
  view.setUint32(inHeader.unique, 0xdeadbeef, true);
  view.setUint32(inHeader.unique + 4, 0x80000001, true);
  const put = (at: number, value: number): void => {
    if (inHeaderBytes + at + 4 <= bytes) view.setUint32(inHeaderBytes + at, value >>> 0, true);
  };
  put(initIn.major, words.major ?? 7);
  put(initIn.minor, words.minor ?? 45);
  put(initIn.flags, words.flags ?? 0xffffffff);
  put(initIn.flags2, words.flags2 ?? 0xffffffff);
  return buffer;
}

function word(reply: Uint8Array, at: number): number {
  return new DataView(reply.buffer).getUint32(16 + at, true);
}

test('INIT of a kernel that offers everything', () => {
  const request = decodeInit(message());
  assert.equal(offersUring(request), true);
  const reply = encodeInitReply(request, 1024 * 1024, true);
  const view = new DataView(reply.buffer);
  assert.equal(reply.length, 80);
  assert.equal(view.getUint32(outHeader.len, true), 80);
  assert.equal(view.getInt32(outHeader.error, true), 0);
  assert.equal(view.getUint32(outHeader.unique, true), 0xdeadbeef);
  assert.equal(view.getUint32(outHeader.unique + 4, true), 0x80000001);
  assert.equal(word(reply, initOut.maxWrite), 1024 * 1024);
  assert.equal(view.getUint16(16 + initOut.maxPages, true), 256);
  assert.ok(view.getUint16(16 + initOut.maxBackground, true) >= 256);
  assert.equal(word(reply, initOut.flags2), initFlag2.overIoUring | initFlag2.hasResend);
  assert.notEqual(word(reply, initOut.flags) & initFlag.extended, 0);
  assert.notEqual(word(reply, initOut.flags) & initFlag.asyncDirectIo, 0);
});

test('nothing is agreed on that was not offered, or not asked for', () => {
  const poor = decodeInit(message({ flags: initFlag.asyncRead, minor: 31 }));
  assert.equal(offersUring(poor), false);
  const reply = encodeInitReply(poor, 128 * 1024, true);
  assert.equal(word(reply, initOut.flags), initFlag.asyncRead);
  assert.equal(word(reply, initOut.flags2), 0);
  assert.equal(word(reply, initOut.minor), 31);
  assert.equal(word(encodeInitReply(decodeInit(message()), 8192, false), initOut.flags2), initFlag2.hasResend);
  assert.equal(offersResend(poor), false);
  assert.equal(offersResend(decodeInit(message({ flags2: initFlag2.hasResend }))), true);
});

test('a second word of flags that is not announced does not count', () => {
  assert.equal(offersUring(decodeInit(message({ flags: 0x3fffffff }))), false);
  const short = decodeInit(message({}, inHeaderBytes + 16));
  assert.equal(offersUring(short), false);
});

test('what is no INIT we can work with is refused', () => {
  const cut = message();
  new DataView(cut.buffer).setUint32(inHeader.len, 50, true);
  const cases: readonly (readonly [Uint8Array, string])[] = [
    [new Uint8Array(0), 'kernel-device-failed'],
    [new Uint8Array(40), 'kernel-device-failed'],
    [cut, 'kernel-device-failed'],
    [message({ opcode: opcode.getattr }), 'kernel-device-failed'],
    [message({ minor: 27 }), 'kernel-device-unavailable'],
    [message({ major: 8 }), 'kernel-device-unavailable'],
  ];
  for (const [bytes, code] of cases) {
    assert.throws(
      () => decodeInit(bytes),
      (error) => error instanceof CausewayError && error.code === code,
    );
  }
});
