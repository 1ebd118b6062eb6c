import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CausewayError } from '../../../base/errors.ts';
import { type Message, readMessage, receiveBytes, writeMessage } from './messages.ts';

const transaction = fc.nat(0xffff);
const sequence = fc.nat(0xffff_ffff);
const bytes = (minLength: number, maxLength = minLength): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength });
const digest = fc.constantFrom(32, 48, 64);
const value = fc.constantFrom(0, 256, 384, 512, 768, 1024).chain((length) => bytes(length));
const ids = fc.array(fc.nat(255), { maxLength: 30 });

const messages: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ kind: fc.constant('negotiate'), transaction, secureChannel: fc.nat(255), hashes: ids, groups: ids }),
  digest.chain((length) =>
    fc.record({
      kind: fc.constant('challenge'),
      transaction,
      hash: fc.nat(255),
      group: fc.nat(255),
      sequence,
      challenge: bytes(length),
      publicValue: value,
    }),
  ),
  digest.chain((length) =>
    fc.record({
      kind: fc.constant('reply'),
      transaction,
      sequence,
      response: bytes(length),
      challenge: fc.option(bytes(length)),
      publicValue: value,
    }),
  ),
  digest.chain((length) =>
    fc.record({
      kind: fc.constant('success1'),
      transaction,
      hashBytes: fc.constant(length),
      response: fc.option(bytes(length)),
    }),
  ),
  fc.record({ kind: fc.constant('success2'), transaction }),
  fc.record({ kind: fc.constantFrom('failure1', 'failure2'), transaction, reason: fc.nat(255) }),
);

test('what is written is read again, whatever stands behind it', () => {
  fc.assert(
    fc.property(messages, fc.uint8Array({ maxLength: 64 }), (message, padding) => {
      const written = writeMessage(message);
      assert.ok(written.length <= receiveBytes);
      assert.deepEqual(readMessage(written), { ...message });
      const padded = new Uint8Array(written.length + padding.length);
      padded.set(written);
      padded.set(padding, written.length);
      assert.deepEqual(readMessage(padded), { ...message });
    }),
  );
});

test('a message that was cut off is refused, wherever', () => {
  fc.assert(
    fc.property(messages, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (message, part) => {
      const written = writeMessage(message);
      const cut = written.subarray(0, Math.floor(written.length * part));
      let read: Message;
      try {
        read = readMessage(cut);
      } catch (error) {
        assert.ok(error instanceof CausewayError && error.code === 'nvme-malformed', String(error));
        return;
      }
      // What was cut off is padding then: the answer that Success1 or Reply leaves out, or the end of Success2.
      assert.deepEqual(read, { ...message });
    }),
  );
});

test('any bytes are a message or are refused by name', () => {
  const head = fc.tuple(fc.constantFrom(0, 1, 2), fc.constantFrom(0, 1, 2, 3, 4, 5, 0xf0, 0xf1));
  fc.assert(
    fc.property(head, fc.uint8Array({ maxLength: 300 }), ([type, id], rest) => {
      const all = Uint8Array.of(type, id, ...rest);
      try {
        readMessage(all);
      } catch (error) {
        assert.ok(error instanceof CausewayError && error.code === 'nvme-malformed', String(error));
      }
    }),
    { numRuns: 500 },
  );
});

function hex(message: Message): string {
  return Buffer.from(writeMessage(message)).toString('hex');
}

test('the bytes are those of the specification', () => {
  assert.equal(
    hex({ kind: 'negotiate', transaction: 0x1234, secureChannel: 0, hashes: [1, 2, 3], groups: [0, 1] }),
    // AUTH_TYPE, AUTH_ID, reserved, T_ID, SC_C, NAPD; AuthID, reserved, HALEN, DHLEN, 30 hashes, 30 groups.
    `000000003412000101000302010203${'00'.repeat(27)}0001${'00'.repeat(28)}`,
  );
  const challenge = new Uint8Array(32).fill(0xcc);
  const publicValue = new Uint8Array(256).fill(0xdd);
  assert.equal(
    hex({ kind: 'challenge', transaction: 1, hash: 2, group: 1, sequence: 0x01020304, challenge, publicValue }),
    // …, HL, reserved, HashID, DHgID, DHVLEN, SEQNUM, C1, DH value.
    `01010000010020000201000104030201${'cc'.repeat(32)}${'dd'.repeat(256)}`,
  );
  const response = new Uint8Array(32).fill(0xaa);
  assert.equal(
    hex({ kind: 'reply', transaction: 1, sequence: 5, response, challenge, publicValue: new Uint8Array(0) }),
    // …, HL, reserved, CVALID, reserved, DHVLEN, SEQNUM, R1, C2.
    `01020000010020000100000005000000${'aa'.repeat(32)}${'cc'.repeat(32)}`,
  );
  assert.equal(
    hex({ kind: 'success1', transaction: 1, hashBytes: 32, response }),
    `01030000010020000100000000000000${'aa'.repeat(32)}`,
  );
  assert.equal(hex({ kind: 'success2', transaction: 0xfffe }), `01040000feff${'00'.repeat(10)}`);
  assert.equal(hex({ kind: 'failure2', transaction: 1, reason: 7 }), '00f0000001000107');
  assert.equal(hex({ kind: 'failure1', transaction: 1, reason: 1 }), '00f1000001000101');
});
