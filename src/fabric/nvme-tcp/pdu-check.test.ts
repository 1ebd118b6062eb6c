import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { digestBit, fes, pduFlag, pduType } from './constants.ts';
import { alignmentOf, ch, dataPdu, icReq, icResp, writeCapsuleCmdHeader, writeCapsuleRespHeader } from './pdu.ts';
import { writeDataHeader, writeIcReq, writeIcResp, writeR2t, writeTermReq } from './pdu.ts';
import {
  checkDataHeader,
  checkHeader,
  checkIcReq,
  checkIcResp,
  dataBytes,
  dataStart,
  fatalErrorText,
  feiOf,
  fesOf,
  headerBytes,
  HeaderRules,
} from './pdu-check.ts';

const bytes = new Uint8Array(256);
const view = new DataView(bytes.buffer);

interface Agreed {
  readonly digests: number;
  readonly pda: number;
}

const agreed = fc.record({ digests: fc.nat(3), pda: fc.nat(31) }, { noNullPrototype: true });

function rulesOf(fromHost: boolean, { digests, pda }: Agreed): HeaderRules {
  const rules = new HeaderRules(fromHost);
  rules.initialized = true;
  rules.digests = digests;
  rules.alignment = alignmentOf(pda);
  rules.maxData = 0x20000;
  rules.maxInCapsule = 8192;
  return rules;
}

const plain = { digests: 0, pda: 0 };

test('what the writers write is accepted, and taken apart as it was put together', () => {
  fc.assert(
    fc.property(agreed, fc.integer({ min: 1, max: 8192 }), (terms, length) => {
      const alignment = alignmentOf(terms.pda);
      const controller = rulesOf(true, terms);
      const host = rulesOf(false, terms);
      const withHeader = (hlen: number): number => hlen + ((terms.digests & 1) !== 0 ? 4 : 0);

      writeCapsuleCmdHeader(view, 0, terms.digests, 0, alignment);
      assert.equal(checkHeader(view, 0, controller), 0);
      assert.equal(dataBytes(view, 0, controller), 0);
      assert.equal(headerBytes(view, 0, controller), withHeader(72));

      const pdo = writeCapsuleCmdHeader(view, 0, terms.digests, length, alignment);
      assert.equal(checkHeader(view, 0, controller), 0);
      assert.equal(dataStart(view, 0), pdo);
      assert.equal(dataBytes(view, 0, controller), length);

      writeCapsuleRespHeader(view, 0, terms.digests);
      assert.equal(checkHeader(view, 0, host), 0);
      assert.equal(dataBytes(view, 0, host), 0);
      writeR2t(view, 0, terms.digests, 1, 2, 0, length);
      assert.equal(checkHeader(view, 0, host), 0);

      const both = pduFlag.lastPdu | pduFlag.success;
      for (const [type, rules] of [
        [pduType.h2cData, controller],
        [pduType.c2hData, host],
      ] as const) {
        const flags = type === pduType.c2hData ? both : pduFlag.lastPdu;
        const start = writeDataHeader(view, 0, type, terms.digests, alignment, flags, 3, 4, 5, length);
        assert.equal(checkHeader(view, 0, rules), 0);
        assert.equal(checkDataHeader(view, 0, rules), 0);
        assert.equal(dataStart(view, 0), start);
        assert.equal(dataBytes(view, 0, rules), length);
        view.setUint32(dataPdu.datal, length + 1, true);
        assert.equal(feiOf(checkDataHeader(view, 0, rules)), dataPdu.datal);
      }
    }),
  );
});

test('initialization comes first and once, termination at any time', () => {
  for (const fromHost of [true, false]) {
    const rules = new HeaderRules(fromHost);
    if (fromHost) writeIcReq(view, 0, 0, 0, 1);
    else writeIcResp(view, 0, 0, 0, 4096);
    assert.equal(checkHeader(view, 0, rules), 0);
    assert.equal(headerBytes(view, 0, rules), 128);
    assert.equal(dataBytes(view, 0, rules), 0);
    rules.initialized = true;
    assert.equal(fesOf(checkHeader(view, 0, rules)), fes.pduSequence);
    rules.initialized = false;
    if (fromHost) writeCapsuleCmdHeader(view, 0, 0, 0, 4);
    else writeCapsuleRespHeader(view, 0, 0);
    assert.equal(fesOf(checkHeader(view, 0, rules)), fes.pduSequence);
    for (const initialized of [true, false]) {
      rules.initialized = initialized;
      rules.digests = 3;
      const type = fromHost ? pduType.h2cTermReq : pduType.c2hTermReq;
      writeTermReq(view, 0, type, fes.headerDigest, 0, new Uint8Array(24));
      assert.equal(checkHeader(view, 0, rules), 0);
      assert.equal(headerBytes(view, 0, rules), 24, 'a termination request never has a digest');
      assert.equal(dataStart(view, 0), 24);
      assert.equal(dataBytes(view, 0, rules), 24);
    }
  }
});

test('each side takes only what the other may send', () => {
  for (let type = 0; type < 256; type += 1) {
    const toController = [0, 2, 4, 6].includes(type);
    const toHost = [1, 3, 5, 7, 9].includes(type);
    bytes.fill(0);
    view.setUint8(ch.type, type);
    const wrong = fes.invalidHeaderField;
    // The rest of the header is zero, so an accepted type fails at another field.
    const controller = checkHeader(view, 0, rulesOf(true, plain));
    const host = checkHeader(view, 0, rulesOf(false, plain));
    assert.equal(fesOf(controller) === wrong && feiOf(controller) === ch.type, !toController, `type ${type}`);
    assert.equal(fesOf(host) === wrong && feiOf(host) === ch.type, !toHost, `type ${type}`);
    assert.notEqual(controller, 0);
    assert.notEqual(host, 0);
  }
});

function expectWrong(rules: HeaderRules, field: number, why: string): void {
  const result = checkHeader(view, 0, rules);
  assert.equal(fesOf(result), fes.invalidHeaderField, why);
  assert.equal(feiOf(result), field, why);
}

test('each wrong field is named', () => {
  const host = rulesOf(false, plain);
  const controller = rulesOf(true, plain);
  const data = (flags: number): number => writeDataHeader(view, 0, pduType.c2hData, 0, 4, flags, 1, 0, 0, 512);

  data(pduFlag.success);
  expectWrong(host, ch.flags, 'SUCCESS without LAST_PDU');
  data(pduFlag.hdgst);
  expectWrong(host, ch.flags, 'a header digest nobody agreed to');
  data(pduFlag.ddgst);
  expectWrong(host, ch.flags, 'a data digest nobody agreed to');
  data(0);
  expectWrong(rulesOf(false, { digests: digestBit.header, pda: 0 }), ch.flags, 'no header digest');
  expectWrong(rulesOf(false, { digests: digestBit.data, pda: 0 }), ch.flags, 'no data digest');
  view.setUint8(ch.hlen, 28);
  expectWrong(host, ch.hlen, 'header length');
  data(0);
  view.setUint8(ch.pdo, 20);
  expectWrong(host, ch.pdo, 'data inside the header');
  view.setUint8(ch.pdo, 26);
  expectWrong(host, ch.pdo, 'data not aligned to a dword');
  view.setUint8(ch.pdo, 28);
  expectWrong(rulesOf(false, { digests: 0, pda: 1 }), ch.pdo, 'data not aligned as asked');
  data(0);
  view.setUint32(ch.plen, 24, true);
  expectWrong(host, ch.plen, 'data PDU without data');
  view.setUint32(ch.plen, 8, true);
  expectWrong(host, ch.plen, 'shorter than its header');
  writeCapsuleRespHeader(view, 0, 0);
  view.setUint32(ch.plen, 28, true);
  expectWrong(host, ch.plen, 'response with a tail');
  writeR2t(view, 0, 0, 1, 1, 0, 4);
  view.setUint32(ch.plen, 0xffff_ffff, true);
  expectWrong(host, ch.plen, 'endless R2T');
  writeCapsuleCmdHeader(view, 0, 0, 0, 4);
  view.setUint32(ch.plen, 71, true);
  view.setUint8(ch.pdo, 72);
  expectWrong(controller, ch.plen, 'capsule shorter than its command');
  writeTermReq(view, 0, pduType.c2hTermReq, 1, 0, null);
  view.setUint32(ch.plen, 153, true);
  expectWrong(host, ch.plen, 'termination request too long');
});

test('more data than allowed is a limit exceeded, not a wrong header', () => {
  const controller = rulesOf(true, plain);
  writeCapsuleCmdHeader(view, 0, 0, 8193, 4);
  assert.equal(fesOf(checkHeader(view, 0, controller)), fes.limitExceeded);
  writeDataHeader(view, 0, pduType.h2cData, 0, 4, 0, 1, 0, 0, 0x20001);
  assert.equal(fesOf(checkHeader(view, 0, controller)), fes.limitExceeded);
  writeDataHeader(view, 0, pduType.h2cData, 0, 4, 0, 1, 0, 0, 0x20000);
  assert.equal(checkHeader(view, 0, controller), 0);
});

test('ICReq and ICResp parameters are judged', () => {
  writeIcReq(view, 0, 31, 3, 1);
  assert.equal(checkIcReq(view, 0), 0);
  view.setUint8(icReq.hpda, 32);
  assert.equal(feiOf(checkIcReq(view, 0)), icReq.hpda);
  view.setUint16(icReq.pfv, 1, true);
  assert.equal(fesOf(checkIcReq(view, 0)), fes.unsupportedParameter);

  writeIcResp(view, 0, 31, 1, 4096);
  assert.equal(checkIcResp(view, 0, 3), 0);
  assert.equal(feiOf(checkIcResp(view, 0, 2)), icResp.dgst, 'a digest that we did not offer');
  for (const maxh2cdata of [0, 4092, 4098, 0xffff_ffff]) {
    view.setUint32(icResp.maxh2cdata, maxh2cdata, true);
    assert.equal(feiOf(checkIcResp(view, 0, 3)), icResp.maxh2cdata);
  }
  view.setUint8(icResp.cpda, 32);
  assert.equal(feiOf(checkIcResp(view, 0, 3)), icResp.cpda);
});

test('of random headers the accepted ones keep all lengths in bounds', () => {
  fc.assert(
    fc.property(
      fc.boolean(),
      agreed,
      fc.nat(9),
      fc.uint8Array({ minLength: 8, maxLength: 8 }),
      (fromHost, terms, type, raw) => {
        bytes.fill(0);
        bytes.set(raw);
        bytes[0] = type;
        const rules = rulesOf(fromHost, terms);
        if (checkHeader(view, 0, rules) !== 0) return;
        const header = headerBytes(view, 0, rules);
        const length = dataBytes(view, 0, rules);
        const plen = view.getUint32(ch.plen, true);
        assert.ok(header <= 128 && length >= 0 && length <= Math.max(rules.maxData, rules.maxInCapsule));
        if (length === 0) assert.equal(plen, header);
        else assert.ok(dataStart(view, 0) >= header && dataStart(view, 0) + length <= plen);
      },
    ),
    { numRuns: 5000 },
  );
});

test('reasons of a termination are readable, whatever the number', () => {
  assert.equal(fatalErrorText(fes.invalidHeaderField, 4), 'invalid PDU header field at byte 4');
  assert.equal(fatalErrorText(fes.headerDigest, 9), 'header digest error');
  assert.equal(fatalErrorText(0x777, 0), 'fatal error status 1911');
});
