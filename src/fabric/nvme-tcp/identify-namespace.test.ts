import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CausewayError } from '../../base/errors.ts';
import {
  formatIndex,
  type IdentifyNamespace,
  readIdentifyNamespace,
  shapeOf,
  writeIdentifyNamespace,
} from './identify-namespace.ts';

const bytes = new Uint8Array(4096);
const view = new DataView(bytes.buffer);
const u8 = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const digits = (length: number) =>
  fc.string({ unit: fc.constantFrom(...Array.from('0123456789abcdef')), minLength: length, maxLength: length });

test('identify namespace goes both ways', () => {
  const format = fc.record({ ms: u16, lbads: u8, rp: fc.nat(3) }, { noNullPrototype: true });
  const arbitrary = fc.record(
    {
      nsze: fc.maxSafeNat(),
      ncap: fc.maxSafeNat(),
      nuse: fc.maxSafeNat(),
      nsfeat: u8,
      flbas: u8,
      mc: u8,
      dpc: u8,
      dps: u8,
      nmic: u8,
      rescap: u8,
      dlfeat: u8,
      noiob: u16,
      npwg: u16,
      npwa: u16,
      npdg: u16,
      npda: u16,
      anagrpid: fc.nat(0xffff_ffff),
      nsattr: u8,
      nguid: digits(32),
      eui64: digits(16),
      nulbaf: fc.nat(8),
      lbaf: fc.array(format, { minLength: 9, maxLength: 64 }),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(arbitrary, (fields) => {
      const nsze = Math.max(fields.nsze, fields.ncap);
      const data: IdentifyNamespace = { ...fields, nsze, nlbaf: fields.lbaf.length - 1 - fields.nulbaf };
      bytes.fill(0xee);
      writeIdentifyNamespace(view, 0, data);
      assert.deepEqual(readIdentifyNamespace(view, 0), data);
    }),
    { numRuns: 50 },
  );
});

const usual: Partial<IdentifyNamespace> = {
  nsze: 2048,
  ncap: 2048,
  lbaf: [
    { ms: 0, lbads: 9, rp: 0 },
    { ms: 0, lbads: 12, rp: 0 },
    { ms: 8, lbads: 9, rp: 0 },
    { ms: 0, lbads: 13, rp: 0 },
  ],
};

function namespace(change: Partial<IdentifyNamespace>): IdentifyNamespace {
  writeIdentifyNamespace(view, 0, { ...usual, ...change });
  return readIdentifyNamespace(view, 0);
}

test('fields lie where the specification wants them', () => {
  writeIdentifyNamespace(view, 0, {
    ...usual,
    noiob: 0x102,
    anagrpid: 7,
    nsattr: 1,
    nguid: '01' + '0'.repeat(30),
    eui64: '02' + '0'.repeat(14),
  });
  assert.equal(view.getUint16(0, true), 2048);
  assert.deepEqual(
    [bytes[25], bytes[46], bytes[47], bytes[92], bytes[99], bytes[104], bytes[120]],
    [3, 2, 1, 7, 1, 1, 2],
  );
  assert.deepEqual([...bytes.subarray(128, 136)], [0, 0, 9, 0, 0, 0, 12, 0]);
});

test('the shape of a volume', () => {
  const shape = shapeOf(
    namespace({ flbas: 1, noiob: 32, nsfeat: 0x10, npwg: 3, nsattr: 1, anagrpid: 5, dlfeat: 9 }),
    1,
  );
  assert.deepEqual(shape, {
    sizeBytes: 2048 * 4096,
    blockBytes: 4096,
    physicalBlockBytes: 16384,
    readOnly: true,
    boundaryBytes: 131072,
    anagrpid: 5,
    writeZeroesDeallocates: true,
  });
  assert.equal(shapeOf(namespace({ nsfeat: 0x10, npwg: 2 }), 1).physicalBlockBytes, 512, 'not a power of two');
  assert.equal(shapeOf(namespace({ npwg: 7 }), 1).physicalBlockBytes, 512, 'not declared valid');
  assert.equal(shapeOf(namespace({ dlfeat: 1 }), 1).writeZeroesDeallocates, false);
});

test('what we do not serve is refused by name', () => {
  const cases: [Partial<IdentifyNamespace>, string, RegExp][] = [
    [{ flbas: 2 }, 'nvme-unsupported-namespace', /metadata/],
    [{ dps: 1 }, 'nvme-unsupported-namespace', /protection/],
    [{ flbas: 3 }, 'nvme-unsupported-namespace', /8192/],
    [{ flbas: 4 }, 'nvme-malformed', /does not list/],
    [{ nsze: 0, ncap: 0 }, 'nvme-no-namespace', /Namespace 9/],
    [{ nsze: 2 ** 45, flbas: 0 }, 'nvme-too-large', /blocks of 512/],
  ];
  for (const [change, code, text] of cases) {
    const refused = (error: unknown): boolean =>
      error instanceof CausewayError && error.code === code && text.test(error.message);
    assert.throws(() => shapeOf(namespace(change), 9), refused, JSON.stringify(change));
  }
  assert.equal(shapeOf(namespace({ nsze: 2 ** 44 - 1 }), 1).sizeBytes, (2 ** 44 - 1) * 512, 'just below 2^53');
  assert.throws(() => namespace({ ncap: 4096 }), CausewayError);
});

test('the format index has two more bits above the metadata bit', () => {
  assert.equal(formatIndex(0x1f), 0x0f);
  assert.equal(formatIndex(0x20), 0x10);
  assert.equal(formatIndex(0x60), 0x30);
});
