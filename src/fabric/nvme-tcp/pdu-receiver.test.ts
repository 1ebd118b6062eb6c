import assert from 'node:assert/strict';
import { test } from 'node:test';
import { World } from '../../io/sim/world.ts';
import type { Memory } from '../../io/contract.ts';
import { digestBit, fes, pduFlag, pduType } from './constants.ts';
import { crc32c, digestBytes } from './digest.ts';
import {
  capsuleResp,
  ch,
  dataPdu,
  writeCapsuleRespHeader,
  writeDataHeader,
  writeHeaderDigest,
  writeR2t,
  writeTermReq,
} from './pdu.ts';
import { HeaderRules } from './pdu-check.ts';
import { PduReceiver, type PduSink } from './pdu-receiver.ts';

/** PDUs as a controller sends them, one after the other. */
class Stream {
  readonly bytes = new Uint8Array(256 * 1024);
  readonly view = new DataView(this.bytes.buffer);
  length = 0;
  readonly digests: number;
  readonly alignment: number;

  constructor(digests: number, alignment = 4) {
    this.digests = digests;
    this.alignment = alignment;
  }

  response(): this {
    const at = this.length;
    this.length += writeCapsuleRespHeader(this.view, at, this.digests);
    for (let i = 0; i < 16; i += 1) this.bytes[at + capsuleResp.cqe + i] = i;
    writeHeaderDigest(this.view, this.bytes, at);
    return this;
  }

  r2t(): this {
    const at = this.length;
    this.length += writeR2t(this.view, at, this.digests, 5, 6, 7, 8);
    writeHeaderDigest(this.view, this.bytes, at);
    return this;
  }

  data(bytes: number, offset: number): this {
    const at = this.length;
    const pdo = writeDataHeader(
      this.view,
      at,
      pduType.c2hData,
      this.digests,
      this.alignment,
      pduFlag.lastPdu,
      1,
      0,
      offset,
      bytes,
    );
    writeHeaderDigest(this.view, this.bytes, at);
    for (let i = 0; i < bytes; i += 1) this.bytes[at + pdo + i] = (offset + i * 13) & 0xff;
    this.length += pdo + bytes;
    if ((this.digests & digestBit.data) !== 0) {
      this.view.setUint32(this.length, crc32c(this.bytes, at + pdo, bytes), true);
      this.length += digestBytes;
    }
    return this;
  }

  termination(): this {
    this.length += writeTermReq(this.view, this.length, pduType.c2hTermReq, 3, 9, new Uint8Array(24));
    return this;
  }
}

class Log implements PduSink {
  readonly events: string[] = [];
  readonly area: number;
  readonly memory: Memory;
  receiver: PduReceiver | null = null;
  /** Every so many payloads one is dropped. */
  discardEvery = 0;
  #payloads = 0;

  constructor(memory: Memory) {
    this.memory = memory;
    this.area = memory.allocate(128 * 1024);
  }

  onPdu(type: number, place: number, dataBytes: number): void {
    const hlen = this.memory.u8[place + ch.hlen]!;
    const header = Buffer.from(this.memory.u8.subarray(place, place + hlen)).toString('hex');
    this.events.push(`${type} ${dataBytes} ${header}`);
    if (dataBytes === 0) return;
    this.#payloads += 1;
    if (type !== pduType.c2hData || (this.discardEvery > 0 && this.#payloads % this.discardEvery === 0)) {
      this.receiver?.discardData();
    } else {
      const datao = this.memory.view.getUint32(place + dataPdu.datao, true);
      this.receiver?.receiveData(this.area + datao, datao);
    }
  }
  onData(cookie: number, intact: boolean): void {
    this.events.push(`data ${cookie} ${intact} ${this.memory.u8[this.area + cookie]}`);
  }
  onViolation(fatalStatus: number, information: number): void {
    this.events.push(`violation ${fatalStatus} ${information}`);
  }
}

/** Feeds a stream in pieces that end at `ends`, as far as the receiver asks for that much, and returns what it saw. */
function feed(
  memory: Memory,
  stream: Stream,
  ends: readonly number[],
  discardEvery = 0,
): { events: string[]; area: Uint8Array } {
  const log = new Log(memory);
  log.discardEvery = discardEvery;
  const rules = new HeaderRules(false);
  rules.initialized = true;
  rules.digests = stream.digests;
  rules.maxData = 65536;
  const receiver = new PduReceiver(memory, rules, 8192, log);
  log.receiver = receiver;
  let done = 0;
  for (const end of [...ends, stream.length]) {
    while (done < end) {
      assert.ok(receiver.plan(), 'the receiver wants nothing');
      // "All" is a promise of the socket that only the end of the connection breaks.
      const most = receiver.wantAll ? receiver.wantBytes : Math.min(receiver.wantBytes, end - done);
      assert.ok(most > 0 && most <= stream.length - done + 8192);
      const bytes = Math.min(most, stream.length - done);
      memory.u8.set(stream.bytes.subarray(done, done + bytes), receiver.wantPlace);
      done += bytes;
      receiver.received(bytes);
    }
  }
  const area = memory.u8.slice(log.area, log.area + 65536);
  memory.u8.fill(0, log.area, log.area + 128 * 1024);
  memory.free(log.area);
  receiver.release();
  return { events: log.events, area };
}

function memoryOf(seed: number): Memory {
  return new World({ seed }).io('host').memory;
}

for (const digests of [0, 1, 2, 3]) {
  test(`the same at every split, digests ${digests}`, () => {
    const memory = memoryOf(1);
    const stream = new Stream(digests, 16)
      .response()
      .data(300, 0)
      .r2t()
      .data(40, 300)
      .data(1, 400)
      .response()
      .response();
    const whole = feed(memory, stream, []);
    assert.equal(whole.events.length, 10);
    assert.ok(whole.events.every((event) => !event.includes('false') && !event.startsWith('violation')));
    for (let split = 1; split < stream.length; split += 1)
      assert.deepEqual(feed(memory, stream, [split]), whole, `split at ${split}`);
    const everywhere = Array.from({ length: stream.length }, (_, i) => i + 1);
    assert.deepEqual(feed(memory, stream, everywhere), whole);
    for (let split = 1; split < stream.length - 3; split += 7) {
      assert.deepEqual(feed(memory, stream, [split, split + 1, split + 3]), whole, `splits at ${split}`);
    }
  });
}

test('large payloads are received in place, whatever came with their header', () => {
  const memory = memoryOf(2);
  const stream = new Stream(3).data(20_000, 0).data(9_000, 20_000).data(30_000, 30_000).response();
  const whole = feed(memory, stream, []);
  assert.ok(whole.events.every((event) => !event.includes('false') && !event.startsWith('violation')));
  for (let i = 0; i < 20_000; i += 1) assert.equal(whole.area[i], (i * 13) & 0xff);
  for (let split = 1; split < stream.length; split += 97)
    assert.deepEqual(feed(memory, stream, [split]), whole, `split at ${split}`);
});

test('dropped payloads leave everything else as it is', () => {
  const memory = memoryOf(3);
  const stream = new Stream(3).data(20_000, 0).data(100, 20_000).response().data(9_000, 21_000).response();
  const whole = feed(memory, stream, [], 2);
  assert.equal(whole.events.filter((event) => event.startsWith('data ')).length, 2);
  for (let split = 1; split < stream.length; split += 61)
    assert.deepEqual(feed(memory, stream, [split], 2), whole, `split at ${split}`);
});

test('a termination request is taken whole, with the header that it carries', () => {
  const memory = memoryOf(4);
  const stream = new Stream(3).response().termination();
  const whole = feed(memory, stream, []);
  assert.match(whole.events[1] ?? '', /^3 24 /);
  for (let split = 1; split < stream.length; split += 1) assert.deepEqual(feed(memory, stream, [split]), whole);
});

test('one wrong bit anywhere in headers and digests is noticed where digests are on', () => {
  const memory = memoryOf(5);
  const stream = new Stream(3).response().data(16, 0);
  for (let bit = 0; bit < stream.length * 8; bit += 1) {
    stream.bytes[bit >> 3] = stream.bytes[bit >> 3]! ^ (1 << (bit & 7));
    const { events } = feed(memory, stream, []);
    const isNoticed = events.some((event) => event.startsWith('violation') || event.includes('false'));
    // A length that became larger leaves the receiver waiting for bytes that do not come here.
    const isWaiting =
      events.filter((event) => !event.startsWith('data')).length < 2 ||
      !events.some((event) => event.startsWith('data'));
    assert.ok(isNoticed || isWaiting, `bit ${bit}: ${events.join('; ')}`);
    stream.bytes[bit >> 3] = stream.bytes[bit >> 3]! ^ (1 << (bit & 7));
  }
});

test('a wrong header digest is a violation of its own', () => {
  const memory = memoryOf(6);
  const stream = new Stream(1).response();
  stream.bytes[capsuleResp.cqe] = 0x77;
  assert.match(feed(memory, stream, []).events[0] ?? '', new RegExp(`^violation ${fes.headerDigest} `));
});
