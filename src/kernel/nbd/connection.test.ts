/** The server over a simulated stream socket: whatever the stream is cut into, the requests are the same. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { BlockDevice, Geometry } from '../../block/device.ts';
import { MemoryDevice } from '../../block/memory-device.ts';
import { op, type Request } from '../../block/request.ts';
import { status } from '../../block/status.ts';
import type { Io, Socket, SocketOwner } from '../../io/contract.ts';
import { World } from '../../io/sim/world.ts';
import { NbdConnection } from './connection.ts';

const KiB = 1024;
const volumeBytes = 1024 * KiB;
const payloadBytes = 64 * KiB;
const address = { host: 'server', port: 10_809 };

/** As the kernel: sends a stream cut anywhere, and takes the replies apart. */
class Client implements SocketOwner {
  readonly #io: Io;
  readonly #place: number;
  readonly #input: number;
  readonly #places = new Int32Array(1);
  readonly #lengths = new Int32Array(1);
  readonly #pieces: Uint8Array[];
  #socket: Socket | null = null;
  received = new Uint8Array();
  ended = false;

  constructor(io: Io, pieces: readonly Uint8Array[]) {
    this.#io = io;
    this.#place = io.memory.allocate(4096 * KiB);
    this.#input = io.memory.allocate(64 * KiB);
    this.#pieces = [...pieces];
    this.#socket = io.connect(address, this);
  }

  onConnected(result: number): void {
    assert.equal(result, 0);
    this.#socket?.receive(this.#input, 64 * KiB);
    this.#next();
  }

  #next(): void {
    const piece = this.#pieces.shift();
    if (piece === undefined) return;
    this.#io.memory.u8.set(piece, this.#place);
    this.#places[0] = this.#place;
    this.#lengths[0] = piece.length;
    this.#socket?.send(this.#places, this.#lengths, 1);
  }

  onSent(result: number): void {
    if (result > 0) this.#next();
  }

  onReceived(result: number): void {
    if (result <= 0) {
      this.ended = true;
      this.#socket?.abort();
      return;
    }
    const more = this.#io.memory.u8.slice(this.#input, this.#input + result);
    const all = new Uint8Array(this.received.length + more.length);
    all.set(this.received);
    all.set(more, this.received.length);
    this.received = all;
    this.#socket?.receive(this.#input, 64 * KiB);
  }

  close(): void {
    this.ended = true;
    this.#socket?.abort();
  }

  onClosed(): void {
    this.#socket = null;
  }
}

/** Counts what is under way at once, may refuse some, and may put answers off so that they come in another order. */
class Wrapped implements BlockDevice {
  readonly identity = { id: 'test', model: '', serial: '' };
  readonly #below: MemoryDevice;
  readonly #io: Io;
  readonly #delays: boolean;
  readonly geometry: Geometry;
  readonly seen: number[] = [];
  flags = 0;
  /** Says that it can write zeroes, and cannot. */
  lies = false;

  constructor(io: Io, delays: boolean, geometry: Partial<Geometry> = {}) {
    this.#io = io;
    this.#delays = delays;
    this.#below = new MemoryDevice(io, { name: 'v', sizeBytes: volumeBytes, blockBytes: 512 });
    this.geometry = { ...this.#below.geometry, ...geometry };
  }

  submit(request: Request): void {
    this.seen.push(request.op);
    this.flags |= request.flags;
    if (request.op === op.read) assert.ok(request.length <= payloadBytes);
    if (this.lies && request.op === op.writeZeroes) {
      request.finish(status.notSupported);
      return;
    }
    if (!this.#delays) {
      this.#below.submit(request);
      return;
    }
    const timer = this.#io.timer(() => this.#below.submit(request));
    timer.arm(this.#io.random.below(5));
  }

  close(): Promise<void> {
    return this.#below.close();
  }
}

interface Ask {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly length: number;
  readonly data?: Uint8Array;
}

function encode(ask: Ask, cookie: number): Uint8Array {
  const bytes = new Uint8Array(28 + (ask.data?.length ?? 0));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x2560_9513);
  view.setUint16(4, ask.flags);
  view.setUint16(6, ask.type);
  view.setUint32(8, 0xfeed_0000);
  view.setUint32(12, cookie);
  view.setBigUint64(16, BigInt(ask.offset));
  view.setUint32(24, ask.length);
  bytes.set(ask.data ?? [], 28);
  return bytes;
}

function cut(stream: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set(cuts.map((each) => each % stream.length))].toSorted((a, b) => a - b);
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (const to of [...places, stream.length]) {
    if (to > from) pieces.push(stream.subarray(from, to));
    from = to;
  }
  return pieces;
}

interface Reply {
  readonly error: number;
  readonly data: Uint8Array;
}

function parseReplies(bytes: Uint8Array, asks: readonly Ask[]): Map<number, Reply> {
  const replies = new Map<number, Reply>();
  const view = new DataView(bytes.buffer);
  let at = 0;
  while (at < bytes.length) {
    assert.equal(view.getUint32(at), 0x6744_6698);
    const error = view.getUint32(at + 4);
    assert.equal(view.getUint32(at + 8), 0xfeed_0000);
    const cookie = view.getUint32(at + 12);
    const ask = asks[cookie];
    assert.ok(ask !== undefined && !replies.has(cookie), `an answer to ${cookie} that is not awaited`);
    const length = ask.type === 0 && error === 0 ? ask.length : 0;
    replies.set(cookie, { error, data: bytes.subarray(at + 16, at + 16 + length) });
    at += 16 + length;
  }
  assert.equal(at, bytes.length);
  return replies;
}

interface Trial {
  readonly seed: number;
  readonly slots: number;
  readonly stream: Uint8Array;
  readonly cuts: readonly number[];
  readonly delays?: boolean;
  readonly geometry?: Partial<Geometry>;
  readonly lies?: boolean;
  /** Bytes of replies after which the client goes. */
  readonly replyBytes: number;
}

interface Outcome {
  readonly received: Uint8Array;
  readonly failure: string | null;
  readonly device: Wrapped;
}

async function run(trial: Trial): Promise<Outcome> {
  const world = new World({ seed: trial.seed });
  const io = world.io('server');
  const before = io.memory.takenBytes;
  const device = new Wrapped(io, trial.delays === true, trial.geometry ?? {});
  device.lies = trial.lies === true;
  let ended = false;
  let failure: string | null = null;
  const connection = new NbdConnection(io, device, { slots: trial.slots, payloadBytes }, (what) => {
    ended = true;
    failure = what;
  });
  await world.drive(
    io.listen(address, {
      onAccepted: (socket) => {
        io.later({ run: () => connection.start(socket) });
        return connection;
      },
      onListenerFailed: () => assert.fail(),
    }),
  );
  const client = new Client(world.io('client'), cut(trial.stream, trial.cuts));
  await world.run({ until: () => client.received.length >= trial.replyBytes || client.ended });
  client.close();
  await world.run({ until: () => ended });
  assert.equal(io.memory.takenBytes, before, 'memory is given back');
  assert.equal(connection.underWay, 0);
  return { received: client.received, failure, device };
}

const offset = fc.nat({ max: (volumeBytes - 256 * KiB) / 512 }).map((block) => block * 512);
const blocks = fc.oneof(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 400 }));
const ask = fc.oneof(
  fc.record({ type: fc.constant(0), offset, blocks }),
  fc.record({ type: fc.constant(1), offset, blocks }),
  fc.record({ type: fc.constant(1), offset, blocks }),
  fc.record({ type: fc.constantFrom(3, 4, 6), offset, blocks }),
);

function asksOf(drawn: readonly { type: number; offset: number; blocks: number }[]): Ask[] {
  return drawn.map(({ type, offset: at, blocks: count }, place) => {
    const length = count * 512;
    const plain = { type, flags: 0, offset: at, length };
    if (type === 1) return { ...plain, data: new Uint8Array(length).fill(place + 1) };
    return type === 3 ? { ...plain, offset: 0, length: 0 } : plain;
  });
}

function streamOf(asks: readonly Ask[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(asks.map(encode)));
}

describe('an NBD connection', () => {
  it('serves the same requests however the stream is cut, also those larger than a payload', () =>
    fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.array(ask, { minLength: 1, maxLength: 20 }),
        fc.array(fc.nat(), { maxLength: 40 }),
        fc.integer({ min: 1, max: 5 }),
        fc.boolean(),
        fc.boolean(),
        async (seed, drawn, cuts, slots, canWriteZeroes, lies) => {
          const asks = asksOf(drawn);
          const replyBytes = asks.reduce((sum, { type, length }) => sum + 16 + (type === 0 ? length : 0), 0);
          const geometry = { canWriteZeroes };
          const trial = { seed, slots, stream: streamOf(asks), cuts, geometry, lies, replyBytes };
          const { received, failure } = await run(trial);
          assert.equal(failure, null);
          const replies = parseReplies(received, asks);
          const model = new Uint8Array(volumeBytes);
          for (const [cookie, { type, offset: at, length, data }] of asks.entries()) {
            const reply = replies.get(cookie);
            assert.equal(reply?.error, 0);
            if (type === 1) model.set(data ?? [], at);
            if (type === 4 || type === 6) model.fill(0, at, at + length);
            if (type === 0) assert.deepEqual(Buffer.from(reply.data), Buffer.from(model.subarray(at, at + length)));
          }
        },
      ),
      { numRuns: 150 },
    ));

  it('answers every request once when the device answers in any order', () =>
    fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.array(ask, { minLength: 1, maxLength: 30 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        async (seed, drawn, cuts) => {
          const asks = asksOf(drawn);
          const replyBytes = asks.reduce((sum, { type, length }) => sum + 16 + (type === 0 ? length : 0), 0);
          const { received } = await run({ seed, slots: 8, stream: streamOf(asks), cuts, delays: true, replyBytes });
          assert.equal(parseReplies(received, asks).size, asks.length);
        },
      ),
      { numRuns: 60 },
    ));

  it('says what is wrong with a request, and goes on', async () => {
    const asks: Ask[] = [
      { type: 0, flags: 0, offset: volumeBytes, length: 4096 },
      { type: 1, flags: 0, offset: 100, length: 4096, data: new Uint8Array(4096) },
      { type: 0, flags: 0, offset: 0, length: 0 },
      { type: 0, flags: 0, offset: 2 ** 53, length: 512 },
      { type: 4, flags: 0, offset: 0, length: 512 },
      { type: 1, flags: 1, offset: 0, length: 512, data: new Uint8Array(512) },
      { type: 6, flags: 2, offset: 0, length: 512 },
    ];
    const geometry = { canDiscard: false };
    const { received, device } = await run({
      seed: 1,
      slots: 2,
      stream: streamOf(asks),
      cuts: [],
      geometry,
      replyBytes: 16 * asks.length,
    });
    const replies = parseReplies(received, asks);
    assert.deepEqual(
      asks.map((_, cookie) => replies.get(cookie)?.error),
      [22, 22, 22, 22, 95, 0, 0],
    );
    assert.equal(device.flags, 3, 'FUA and NO_HOLE arrive');
  });

  const violations: [string, (bytes: Uint8Array) => void, RegExp][] = [
    ['bad magic', (bytes) => bytes.fill(0, 0, 4), /no NBD request/],
    ['an unknown type', (bytes) => bytes.fill(9, 7, 8), /unknown type \(9\)/],
    ['unknown flags', (bytes) => bytes.fill(0x80, 5, 6), /unknown flags \(128\)/],
    ['a length beyond all limits', (bytes) => bytes.fill(0xff, 24, 28), /4294967295 bytes/],
  ];
  for (const [what, spoil, message] of violations) {
    it(`ends at ${what}, and says so`, async () => {
      const good = encode({ type: 0, flags: 0, offset: 0, length: 512 }, 0);
      const bad = encode({ type: 0, flags: 0, offset: 0, length: 512 }, 1);
      spoil(bad);
      const stream = Uint8Array.from([...good, ...bad, ...good]);
      const { failure, device } = await run({ seed: 2, slots: 4, stream, cuts: [], delays: true, replyBytes: 1e9 });
      assert.match(failure ?? '', message);
      assert.deepEqual(device.seen, [op.read]);
    });
  }

  it('ends in order when the kernel disconnects', async () => {
    const stream = encode({ type: 2, flags: 0, offset: 0, length: 0 }, 0);
    const { failure, received } = await run({ seed: 3, slots: 1, stream, cuts: [], replyBytes: 1e9 });
    assert.equal(failure, null);
    assert.equal(received.length, 0);
  });

  it('ends when the kernel goes in the middle of a write', async () => {
    const stream = encode({ type: 1, flags: 0, offset: 0, length: 64 * KiB, data: new Uint8Array(1000) }, 0);
    const world = new World({ seed: 4 });
    const io = world.io('server');
    let failure: string | null | undefined;
    const device = new Wrapped(io, false);
    const connection = new NbdConnection(io, device, { slots: 1, payloadBytes }, (why) => (failure = why));
    await world.drive(
      io.listen(address, {
        onAccepted: (socket) => {
          io.later({ run: () => connection.start(socket) });
          return connection;
        },
        onListenerFailed: () => assert.fail(),
      }),
    );
    const client = new Client(world.io('client'), [stream]);
    await world.drive(world.io('clock').sleep(50));
    client.close();
    await world.run({ until: () => failure !== undefined });
    assert.equal(failure, null);
    assert.deepEqual(device.seen, [], 'a write without all its data is not carried out');
  });

  it('once it is quiet, somebody else goes on with the stream: every request is answered once', () =>
    fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.array(ask, { minLength: 1, maxLength: 30 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 30 }),
        async (seed, drawn, cuts, slots, after) => {
          const asks = asksOf(drawn);
          const replyBytes = asks.reduce((sum, { type, length }) => sum + 16 + (type === 0 ? length : 0), 0);
          const world = new World({ seed });
          const io = world.io('server');
          const device = new Wrapped(io, true);
          let ended = 0;
          const make = (): NbdConnection => new NbdConnection(io, device, { slots, payloadBytes }, () => (ended += 1));
          const first = make();
          const second = make();
          let now: SocketOwner = first;
          let accepted: Socket | null = null;
          // The socket's owner changes, as that of a descriptor does.
          const owner: SocketOwner = {
            onConnected: () => {},
            onReceived: (result) => now.onReceived(result),
            onSent: (result) => now.onSent(result),
            onClosed: () => now.onClosed(),
          };
          await world.drive(
            io.listen(address, {
              onAccepted: (socket) => {
                accepted = socket;
                io.later({ run: () => first.start(socket) });
                return owner;
              },
              onListenerFailed: () => assert.fail(),
            }),
          );
          const client = new Client(world.io('client'), cut(streamOf(asks), cuts));
          await world.run({ until: () => accepted !== null });
          const clock = world.io('clock');
          await world.drive(clock.sleep(after));
          first.quiesce();
          await world.run({ until: () => first.isQuiet });
          const taken = device.seen.length;
          await world.drive(clock.sleep(10));
          assert.equal(device.seen.length, taken, 'nothing is taken up by one that is quiet');
          now = second;
          io.later({ run: () => second.start(accepted ?? assert.fail()) });
          await world.run({ until: () => client.received.length >= replyBytes });
          assert.equal(parseReplies(client.received, asks).size, asks.length);
          client.close();
          await world.run({ until: () => ended === 1 });
        },
      ),
      { numRuns: 100 },
    ));
});
