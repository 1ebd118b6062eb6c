import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CausewayError } from '../../base/errors.ts';
import { readNamespaceDescriptors, writeNamespaceDescriptors } from './identify-descriptors.ts';

const bytes = new Uint8Array(4096);
const view = new DataView(bytes.buffer);
const digits = (length: number) =>
  fc.string({ unit: fc.constantFrom(...Array.from('0123456789abcdef')), minLength: length, maxLength: length });

test('descriptors go both ways', () => {
  const arbitrary = fc.record(
    {
      eui64: fc.option(digits(16)),
      nguid: fc.option(digits(32)),
      uuid: fc.option(digits(32)),
      csi: fc.nat(255),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(arbitrary, (data) => {
      bytes.fill(0xee);
      writeNamespaceDescriptors(view, 0, data);
      assert.deepEqual(readNamespaceDescriptors(view, 0), data);
    }),
  );
});

test('a list as an array would send it, with a type from the future', () => {
  bytes.fill(0);
  bytes.set([9, 2, 0, 0, 0xaa, 0xbb, 2, 16, 0, 0, ...new Array<number>(16).fill(0x11), 4, 1, 0, 0, 2]);
  assert.deepEqual(readNamespaceDescriptors(view, 0), { eui64: null, nguid: '11'.repeat(16), uuid: null, csi: 2 });
  bytes.fill(0);
  assert.deepEqual(readNamespaceDescriptors(view, 0), { eui64: null, nguid: null, uuid: null, csi: 0 });
});

test('a length of 0 ends the list, whatever type it stands with', () => {
  bytes.fill(0);
  bytes.set([4, 1, 0, 0, 2, 1, 0, 0, 0, 3, 16, 0, 0, 7]);
  assert.deepEqual(readNamespaceDescriptors(view, 0), { eui64: null, nguid: null, uuid: null, csi: 2 });
});

test('wrong lengths are refused', () => {
  bytes.fill(0);
  bytes.set([2, 8, 0, 0]);
  assert.throws(() => readNamespaceDescriptors(view, 0), CausewayError);
  // A chain of unknown descriptors up to the end, the last one running over it.
  bytes.fill(0);
  for (let at = 0; at < 4096; at += 256) bytes.set([0x80, 252], at);
  bytes.set([0x80, 253], 4096 - 256);
  assert.throws(() => readNamespaceDescriptors(view, 0), /runs over/);
});
