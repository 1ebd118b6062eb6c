import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CausewayError } from '../../base/errors.ts';
import {
  controllerFields,
  type IdentifyController,
  readIdentifyController,
  readIdentifyControllerNvm,
  writeIdentifyController,
  writeIdentifyControllerNvm,
} from './identify-controller.ts';

const bytes = new Uint8Array(4096);
const view = new DataView(bytes.buffer);

const printable = (maxLength: number) => fc.string({ maxLength, unit: 'grapheme-ascii' }).map((text) => text.trim());
const numbers = Object.fromEntries(
  Object.entries(controllerFields).map(([field, [, width]]) => [field, fc.nat(2 ** (8 * width) - 1)]),
) as Record<keyof typeof controllerFields, fc.Arbitrary<number>>;

test('identify controller goes both ways', () => {
  const arbitrary: fc.Arbitrary<IdentifyController> = fc.record(
    {
      ...numbers,
      sn: printable(20),
      mn: printable(40),
      fr: printable(8),
      subnqn: printable(223),
      cirn: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(arbitrary, (data) => {
      bytes.fill(0xee);
      writeIdentifyController(view, 0, data);
      assert.deepEqual(readIdentifyController(view, 0), data);
    }),
    { numRuns: 50 },
  );
});

test('fields do not overlap each other or the text', () => {
  const taken = new Map<number, string>();
  const places: [string, number, number][] = Object.entries(controllerFields).map(([f, [at, width]]) => [f, at, width]);
  places.push(['sn', 4, 20], ['mn', 24, 40], ['fr', 64, 8], ['cirn', 136, 8], ['subnqn', 768, 256]);
  for (const [field, at, width] of places) {
    for (let i = at; i < at + width; i += 1) {
      assert.equal(taken.get(i), undefined, `${field} overlaps at byte ${i}`);
      taken.set(i, field);
    }
  }
});

test('the fields that fence a ghost lie where NVMe 2.3 puts them', () => {
  writeIdentifyController(view, 0, {
    ciu: 0x12,
    cirn: 0x0807_0605_0403_0201n,
    cqt: 0x3456,
    ccrl: 4,
    kas: 10,
    ctratt: 0x40,
  });
  assert.equal(bytes[135], 0x12);
  assert.deepEqual([...bytes.subarray(136, 144)], [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual([...bytes.subarray(386, 388)], [0x56, 0x34]);
  assert.equal(bytes[1807], 4);
  assert.deepEqual([...bytes.subarray(320, 322)], [10, 0]);
  assert.equal(bytes[96], 0x40);
});

test('limits of the NVM command set go both ways; absurd ones are refused or cut', () => {
  const data = { vsl: 1, wzsl: 5, wusl: 2, dmrl: 255, dmrsl: 0xffff_ffff, dmsl: 2 ** 52 };
  writeIdentifyControllerNvm(view, 0, data);
  assert.deepEqual(readIdentifyControllerNvm(view, 0), data);
  view.setUint32(12, 0xffff_ffff, true);
  assert.equal(readIdentifyControllerNvm(view, 0).dmsl, Number.MAX_SAFE_INTEGER);
  view.setUint8(1, 255);
  assert.throws(() => readIdentifyControllerNvm(view, 0), CausewayError);
});
