import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CausewayError } from '../../base/errors.ts';
import {
  type DiscoveryEntry,
  readDiscoveryEntry,
  readDiscoveryHeader,
  writeDiscoveryEntry,
  writeDiscoveryHeader,
} from './discovery-log.ts';

const bytes = new Uint8Array(1024);
const view = new DataView(bytes.buffer);
const u8 = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const printable = (maxLength: number) => fc.string({ maxLength, unit: 'grapheme-ascii' }).map((text) => text.trim());

test('an entry goes both ways', () => {
  const arbitrary: fc.Arbitrary<DiscoveryEntry> = fc.record(
    {
      trtype: u8,
      adrfam: u8,
      subtype: fc.integer({ min: 1, max: 3 }),
      treq: u8,
      portid: u16,
      cntlid: u16,
      asqsz: u16,
      eflags: u16,
      trsvcid: printable(32),
      subnqn: printable(223),
      traddr: printable(256),
      sectype: u8,
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(arbitrary, (data) => {
      bytes.fill(0xee);
      writeDiscoveryEntry(view, 0, data);
      assert.deepEqual(readDiscoveryEntry(view, 0), data);
    }),
  );
});

test('an entry lies where the specification wants it, and is read with NUL padding as well', () => {
  const data = {
    trtype: 3,
    adrfam: 1,
    subtype: 2,
    treq: 0,
    portid: 4,
    cntlid: 0xffff,
    asqsz: 32,
    eflags: 1,
    trsvcid: '4420',
    subnqn: 'nqn.x',
    traddr: '127.0.0.1',
    sectype: 0,
  };
  writeDiscoveryEntry(view, 0, data);
  assert.equal(Buffer.from(bytes.subarray(0, 12)).toString('hex'), '030102000400ffff20000100');
  assert.equal(Buffer.from(bytes.subarray(32, 64)).toString(), '4420'.padEnd(32));
  assert.equal(Buffer.from(bytes.subarray(256, 262)).toString(), 'nqn.x\0');
  assert.equal(Buffer.from(bytes.subarray(512, 768)).toString(), '127.0.0.1'.padEnd(256));
  bytes.fill(0, 36, 64);
  bytes.fill(0, 521, 768);
  assert.deepEqual(readDiscoveryEntry(view, 0), data);
});

test('the header goes both ways; unknown formats, absurd counts and unknown kinds are refused', () => {
  writeDiscoveryHeader(view, 0, 2n ** 63n + 5n, 12);
  assert.deepEqual(readDiscoveryHeader(view, 0), { genctr: 2n ** 63n + 5n, numrec: 12, recfmt: 0 });
  view.setUint32(8, 65537, true);
  assert.throws(() => readDiscoveryHeader(view, 0), CausewayError);
  view.setUint32(12, 0xffff_ffff, true);
  assert.throws(() => readDiscoveryHeader(view, 0), CausewayError);
  writeDiscoveryHeader(view, 0, 0n, 0);
  view.setUint16(16, 1, true);
  assert.throws(() => readDiscoveryHeader(view, 0), CausewayError);
  for (const subtype of [0, 4, 255]) {
    bytes.fill(0);
    bytes[2] = subtype;
    assert.throws(() => readDiscoveryEntry(view, 0), CausewayError);
  }
});
