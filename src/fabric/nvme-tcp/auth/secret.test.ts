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

test('it is bound as libnvme does it', () => {
  // `nvme gen-dhchap-key --hmac N --secret 0102… --nqn NQN` prints the bound key.
  const nqn = 'nqn.2014-08.org.nvmexpress:uuid:11111111-2222-3333-4444-555555555555';
  for (const [transform, bytes, printed] of [
    [1, 32, 'DHHC-1:01:Q8JsbVDwmjTQcit9JVD/hST6cy0KrdhDyCa2XmuYUk5aKgna:'],
    [2, 48, 'DHHC-1:02:I6AlIxVinEcQoLaI2yTJ2e9PzsYf/ZT6vMgoEhRUbQsLvD6HHgI3X3lSwIcVBx9c0BnynQ==:'],
    [3, 64, 'DHHC-1:03:rIqbWUnofDxPV53W9pxA/qEhcZDRIxLyiZ05soyM+UUHVK88otHv7V8veTgHQP1w+aYMsflu0m/+ehLTwGv/tLvY5Zs=:'],
  ] as const) {
    const key = Uint8Array.from({ length: bytes }, (_unused, index) => index + 1);
    assert.deepEqual(new Uint8Array(transformedKey({ transform, key }, nqn)), parseSecret(printed).key);
  }
});
