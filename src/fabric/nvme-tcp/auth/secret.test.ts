import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CausewayError } from '../../../base/errors.ts';
import { formatSecret, parseSecret, transformedKey } from './secret.ts';

/** What `nvme gen-dhchap-key` printed. */
const fromNvmeCli = ['DHHC-1:02:/n8BZUe7irRSsm4bzXixus1uo7hE92PkQ05CoIgaGBu88WeWc1fY9V4Q8LfwaNE08FHHMg==:'];

const keys = fc.record({
  transform: fc.nat(3),
  key: fc.constantFrom(32, 48, 64).chain((length) => fc.uint8Array({ minLength: length, maxLength: length })),
});

test('a secret is what it was after it was written down', () => {
  fc.assert(
    fc.property(keys, fc.constantFrom('', '\n', ' \n'), (key, end) => {
      assert.deepEqual(parseSecret(formatSecret(key) + end), { ...key });
    }),
  );
});

test('secrets of nvme-cli are read', () => {
  for (const text of fromNvmeCli) assert.equal(formatSecret(parseSecret(text)), text);
});

test('one wrong character is found, and no error shows any of the secret', () => {
  fc.assert(
    fc.property(
      keys,
      fc.nat(),
      fc.constantFrom('A', 'Z', 'a', 'z', '0', '9', '+', '/', ':', '=', ' ', 'ü'),
      (key, place, wrong) => {
        const text = formatSecret(key);
        const at = 'DHHC-1:0'.length + (place % (text.length - 'DHHC-1:0'.length - 1));
        const spoilt = text.slice(0, at) + wrong + text.slice(at + 1);
        // The hash is no part of the checksum.
        if (spoilt === text || (at === 'DHHC-1:0'.length && /[0-3]/.test(wrong))) return;
        try {
          parseSecret(spoilt);
          assert.fail(`${spoilt} was read`);
        } catch (error) {
          assert.ok(error instanceof CausewayError && error.code === 'bad-secret', String(error));
          const encoded = text.slice('DHHC-1:00:'.length);
          for (let from = 0; from + 8 <= encoded.length; from += 1) {
            assert.ok(!error.message.includes(encoded.slice(from, from + 8)), error.message);
          }
        }
      },
    ),
  );
});

test('what is no secret is refused for what is wrong with it', () => {
  const short = formatSecret({ transform: 1, key: new Uint8Array(16) });
  for (const [text, why] of [
    ['', /not of the form/],
    ['DHHC-2:00:AAAA:', /not of the form/],
    ['DHHC-1:04:AAAA:', /hash function 04/],
    [short, /this one has 16/],
    ['DHHC-1:00:AAAAA:', /Base64/],
    ['hunter2', /not of the form/],
  ] as const) {
    assert.throws(() => parseSecret(text), { code: 'bad-secret', message: why });
  }
});

test('a key is bound to a name, or used as it is', () => {
  const key = new Uint8Array(32).fill(7);
  assert.deepEqual(transformedKey({ transform: 0, key }, 'nqn.a'), key);
  for (const [transform, bytes] of [
    [1, 32],
    [2, 48],
    [3, 64],
  ] as const) {
    const one = transformedKey({ transform, key }, 'nqn.a');
    assert.equal(one.length, bytes);
    assert.notDeepEqual(one, transformedKey({ transform, key }, 'nqn.b'));
  }
});
