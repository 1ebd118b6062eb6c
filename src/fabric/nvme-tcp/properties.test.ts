import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as codec from './properties.ts';

test('CAP goes both ways', () => {
  const page = fc.integer({ min: 0, max: 15 }).map((exponent) => 4096 * 2 ** exponent);
  const arbitrary: fc.Arbitrary<codec.Cap> = fc.record(
    {
      mqes: fc.integer({ min: 1, max: 65536 }),
      cqr: fc.boolean(),
      toMs: fc.nat(255).map((to) => to * 500),
      nssrs: fc.boolean(),
      css: fc.nat(255),
      mpsminBytes: page,
      mpsmaxBytes: page,
      crms: fc.nat(3),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(arbitrary, (cap) => {
      const { low, high } = codec.writeCap(cap);
      assert.deepEqual(codec.readCap(low, high), cap);
    }),
  );
});

test('CAP of a known target, taken apart by hand', () => {
  // MQES 127, CQR, TO 15 (7.5 s), CSS NVM, 4 KiB pages only.
  const cap = codec.readCap(0x0f01_007f, 0x0000_0020);
  assert.deepEqual(cap, {
    mqes: 128,
    cqr: true,
    toMs: 7500,
    nssrs: false,
    css: codec.capCss.nvm,
    mpsminBytes: 4096,
    mpsmaxBytes: 4096,
    crms: 0,
  });
});

test('CC and CSTS go both ways', () => {
  const arbitrary: fc.Arbitrary<codec.Cc> = fc.record(
    {
      en: fc.boolean(),
      css: fc.nat(7),
      mps: fc.nat(15),
      ams: fc.nat(7),
      shn: fc.nat(3),
      iosqes: fc.nat(15),
      iocqes: fc.nat(15),
      crime: fc.boolean(),
    },
    { noNullPrototype: true },
  );
  fc.assert(fc.property(arbitrary, (cc) => assert.deepEqual(codec.readCc(codec.writeCc(cc)), cc)));
  const status: fc.Arbitrary<codec.Csts> = fc.record(
    {
      rdy: fc.boolean(),
      cfs: fc.boolean(),
      shst: fc.nat(3),
      nssro: fc.boolean(),
      pp: fc.boolean(),
    },
    { noNullPrototype: true },
  );
  fc.assert(fc.property(status, (csts) => assert.deepEqual(codec.readCsts(codec.writeCsts(csts)), csts)));
});

test('CC as a host sets it', () => {
  const cc = { en: true, css: 0, mps: 0, ams: 0, shn: codec.shn.normal, iosqes: 6, iocqes: 4, crime: false };
  assert.equal(codec.writeCc(cc), 0x0046_4001);
  assert.equal(codec.propertyBytes(codec.property.cap), 8);
  assert.equal(codec.propertyBytes(codec.property.cc), 4);
});

test('how long to wait for a controller to get ready', () => {
  const cap = codec.readCap(0x0f01_007f, 0x0000_0020);
  assert.equal(codec.readyTimeoutMs(cap, 0x0000_00ff), 7500);
  assert.equal(codec.readyTimeoutMs({ ...cap, crms: 1 }, 0x0001_0100), 128_000);
  assert.equal(codec.readyTimeoutMs({ ...cap, crms: 3 }, 0), 7500);
  assert.deepEqual(codec.readCrto(0x0002_0001), { crwmtMs: 500, crimtMs: 1000 });
});

test('versions', () => {
  assert.equal(codec.versionWord(2, 1, 0), 0x0002_0100);
  assert.equal(codec.versionText(0x0001_0400), '1.4.0');
});
