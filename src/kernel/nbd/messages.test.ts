import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Attribute, encodeAttributes, parseAttributes, textOf, uint16Of, uint32Of } from './attributes.ts';
import { encodeRequest, parseDatagram } from './messages.ts';

const type = fc.integer({ min: 1, max: 0x3fff });
const leaf = fc.oneof(
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.string({ maxLength: 20 }).filter((text) => !text.includes('\0')),
);
const nested = fc.oneof(leaf, fc.array(fc.tuple(type, leaf), { maxLength: 3 }));

const numberOf = (value: Uint8Array): bigint => {
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  return view.getBigUint64(0, true);
};

function checkSame(bytes: Uint8Array, attributes: readonly Attribute[]): void {
  const parsed = parseAttributes(bytes);
  assert.ok(parsed);
  for (const [key, value] of new Map(attributes.map((each) => [each[0], each[1]]))) {
    const found = parsed.get(key);
    assert.ok(found);
    if (typeof value === 'number') assert.equal(uint32Of(found), value);
    else if (typeof value === 'bigint') assert.equal(numberOf(found), value);
    else if (typeof value === 'string') assert.equal(textOf(found), value);
    else checkSame(found, value);
  }
}

describe('attributes', () => {
  it('come back as they went', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(type, nested), { maxLength: 8 }), (attributes) =>
        checkSame(encodeAttributes(attributes), attributes),
      ),
    );
  });

  it('stand as netlink.h says', () => {
    const bytes = encodeAttributes([
      [1, 'ab'],
      [7, [[1, [[1, 5]]]]],
    ]);
    const words = ['0700 0100 616200 00', '1000 0780', '0c00 0180', '0800 0100 05000000'];
    const expected = words.join('').replaceAll(' ', '');
    assert.equal(Buffer.from(bytes).toString('hex'), expected);
  });

  it('that are malformed are refused: too short a header, a length below it, one beyond the end', () => {
    for (const hex of ['0400', '03000100', '09000100', '00000000', '040001000800']) {
      assert.equal(parseAttributes(Buffer.from(hex, 'hex')), null, hex);
    }
  });

  it('of another length are no number', () => {
    assert.equal(uint16Of(new Uint8Array(4)), null);
    assert.equal(uint32Of(new Uint8Array(3)), null);
    assert.equal(uint32Of(undefined), null);
  });
});

/** What the kernel answers: an nlmsgerr. */
function end(sequence: number, error: number, text: string | null): Uint8Array {
  const words = text === null ? new Uint8Array() : encodeAttributes([[1, text]]);
  const bytes = new Uint8Array(16 + 4 + 16 + words.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, text === null ? 0x100 : 0x300, true);
  view.setUint32(8, sequence, true);
  view.setInt32(16, -error, true);
  view.setUint32(20, 99, true);
  bytes.set(words, 36);
  return bytes;
}

describe('messages', () => {
  it('come back as they went', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0x10, max: 0xffff }),
        fc.integer({ min: 0, max: 255 }),
        fc.array(fc.tuple(type, leaf), { maxLength: 4 }),
        fc.nat(),
        (family, command, attributes, sequence) => {
          const messages = parseDatagram(encodeRequest({ family, command, version: 1, attributes }, sequence));
          assert.equal(messages?.length, 1);
          const [message] = messages;
          assert.ok(message?.kind === 'answer');
          assert.deepEqual([message.family, message.command, message.sequence], [family, command, sequence]);
          assert.equal(message.attributes.size, new Set(attributes.map(([key]) => key)).size);
        },
      ),
    );
  });

  it('end with an error and the words of the kernel', () => {
    assert.deepEqual(parseDatagram(end(7, 22, 'no such device')), [
      { kind: 'end', sequence: 7, errno: 22, text: 'no such device' },
    ]);
    assert.deepEqual(parseDatagram(end(8, 0, null)), [{ kind: 'end', sequence: 8, errno: 0, text: null }]);
  });

  it('that are cut anywhere are refused, or are what stands before the cut', () => {
    const whole = Buffer.concat([end(1, 0, null), end(2, 5, 'words')]);
    for (let length = 0; length < whole.length; length += 1) {
      const got = parseDatagram(whole.subarray(0, length));
      assert.ok(length === 0 || length === 36 ? got !== null : got === null, `${length}`);
    }
  });

  it('of any bytes do not throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const messages = parseDatagram(bytes);
        assert.ok(messages === null || messages.length <= bytes.length / 16);
      }),
    );
  });

  it('damaged anywhere do not throw', () => {
    const whole = Buffer.concat([
      end(2, 5, 'words'),
      encodeRequest({ family: 20, command: 1, version: 1, attributes: [[1, 'x']] }, 3),
    ]);
    fc.assert(
      fc.property(fc.nat({ max: whole.length - 1 }), fc.integer({ min: 0, max: 255 }), (place, byte) => {
        const damaged = Uint8Array.from(whole);
        damaged[place] = byte;
        parseDatagram(damaged);
      }),
      { numRuns: 500 },
    );
  });
});
