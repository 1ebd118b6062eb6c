import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Address, ListenerOwner, Socket, SocketOwner } from '../../io/contract.ts';
import type { SimIo } from '../../io/sim/sim-io.ts';
import { World } from '../../io/sim/world.ts';
import { type Breakage, breakage } from './breakage.ts';
import { Connection, type ConnectionOptions, type ConnectionOwner } from './connection.ts';
import { digestBit, fes, pduFlag, pduType } from './constants.ts';
import {
  capsuleCmd,
  capsuleResp,
  ch,
  dataPdu,
  writeCapsuleCmdHeader,
  writeCapsuleRespHeader,
  writeDataHeader,
} from './pdu.ts';

const address: Address = { host: '10.0.0.1', port: 4420 };

/** One end that keeps what it saw. Payload is received where the PDU's own offset says, in `area`. */
class End implements ConnectionOwner {
  readonly connection: Connection;
  readonly io: SimIo;
  readonly area: number;
  /** What it sends stands here. */
  readonly out: number;
  readonly pdus: string[] = [];
  readonly sent: number[] = [];
  ready = false;
  broken: Breakage = breakage.none;
  detached = 0;
  corrupt = 0;
  data = 0;
  rooms = 0;
  /** Answers `onPdu` only when told to. */
  hold = false;
  onReadyDo: () => void = () => undefined;

  constructor(io: SimIo, role: 'host' | 'controller', options: ConnectionOptions, areaBytes: number) {
    this.io = io;
    this.area = io.memory.allocate(areaBytes, 4096);
    this.out = io.memory.allocate(areaBytes, 4096);
    this.connection = new Connection(io, role, this, options);
  }

  onReady(): void {
    this.ready = true;
    this.onReadyDo();
  }
  onPdu(type: number, place: number, dataBytes: number): void {
    const { view } = this.io.memory;
    this.pdus.push(`${type}:${dataBytes}`);
    if (dataBytes === 0) return;
    if (this.hold) return;
    if (type === pduType.capsuleCmd) this.connection.receiveData(this.area, 0);
    else this.connection.receiveData(this.area + view.getUint32(place + dataPdu.datao, true), 1);
  }
  onData(_cookie: number, intact: boolean): void {
    this.data += 1;
    if (!intact) this.corrupt += 1;
  }
  onSent(cookie: number): void {
    this.sent.push(cookie);
  }
  onSendRoom(): void {
    this.rooms += 1;
  }
  onBroken(how: Breakage): void {
    this.broken = how;
  }
  onDetached(): void {
    this.detached += 1;
  }
}

interface Pair {
  readonly world: World;
  readonly host: End;
  readonly controller: End;
}

const areaBytes = 5 * 1024 * 1024;

async function pair(seed: number, hostOptions: ConnectionOptions, controllerOptions: ConnectionOptions): Promise<Pair> {
  const world = new World({ seed });
  const hostIo = world.io('host');
  const arrayIo = world.io('array');
  const host = new End(hostIo, 'host', hostOptions, areaBytes);
  const controller = new End(arrayIo, 'controller', controllerOptions, areaBytes);
  const owner: ListenerOwner = {
    onAccepted(socket: Socket): SocketOwner {
      controller.connection.adopt(socket);
      return controller.connection;
    },
    onListenerFailed: () => undefined,
  };
  await world.drive(arrayIo.listen(address, owner));
  host.connection.open(address);
  return { world, host, controller };
}

function fillRandom(end: End, place: number, bytes: number, seed: number): void {
  let state = seed >>> 0;
  for (let i = 0; i < bytes; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    end.io.memory.u8[place + i] = state >>> 24;
  }
}

function sendData(end: End, type: number, offset: number, bytes: number, cookie: number): boolean {
  const { connection } = end;
  const place = connection.reserve(dataPdu.bytes);
  if (place < 0) return false;
  const { view } = end.io.memory;
  writeDataHeader(view, place, type, connection.digests, connection.alignment, pduFlag.lastPdu, 7, 0, offset, bytes);
  connection.queueWithData(place, end.out + offset, bytes, cookie);
  return true;
}

test('data of any size, with any digests, arrives as it was sent', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(),
      fc.integer({ min: 0, max: 3 }),
      fc.array(fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 5000, max: 300_000 })), {
        minLength: 1,
        maxLength: 12,
      }),
      async (seed, digests, sizes) => {
        const { world, host, controller } = await pair(
          seed,
          { digests, receiveBytes: 16384 },
          { digests: 3, stagingBytes: 1024, segments: 16 },
        );
        await world.run({ until: () => host.ready && controller.ready });
        assert.equal(host.connection.digests, digests);
        const total = sizes.reduce((sum, size) => sum + size, 0);
        fillRandom(controller, controller.out, total, seed);
        let next = 0;
        let offset = 0;
        const pump = (): void => {
          while (next < sizes.length) {
            const size = sizes[next]!;
            if (!sendData(controller, pduType.c2hData, offset, size, next)) return;
            offset += size;
            next += 1;
          }
        };
        controller.onSendRoom = pump;
        pump();
        await world.run({ until: () => host.data === sizes.length && controller.sent.length === sizes.length });
        assert.deepEqual(
          host.pdus,
          sizes.map((size) => `${pduType.c2hData}:${size}`),
        );
        assert.deepEqual(controller.sent, [...sizes.keys()]);
        assert.equal(host.corrupt, 0);
        const expected = controller.io.memory.u8.subarray(controller.out, controller.out + total);
        const arrived = host.io.memory.u8.subarray(host.area, host.area + total);
        assert.ok(Buffer.from(expected).equals(Buffer.from(arrived)));
        assert.equal(host.broken, breakage.none);
      },
    ),
    { numRuns: 60, includeErrorInReport: true },
  );
});

function sendCommand(end: End, dataBytes: number): void {
  const { connection } = end;
  const place = connection.reserve(capsuleCmd.bytes);
  assert.ok(place >= 0);
  const { view } = end.io.memory;
  writeCapsuleCmdHeader(view, place, connection.digests, dataBytes, connection.alignment);
  for (let i = 0; i < 64; i += 4) view.setUint32(place + capsuleCmd.sqe + i, i, true);
  if (dataBytes > 0) connection.queueWithData(place, end.out, dataBytes, 5);
  else connection.queue(place);
}

test('capsules with and without data travel both ways and share sends', async () => {
  const { world, host, controller } = await pair(1, { digests: 3 }, { digests: 3, maxInCapsule: 8192 });
  await world.run({ until: () => host.ready && controller.ready });
  fillRandom(host, host.out, 8192, 9);
  sendCommand(host, 0);
  sendCommand(host, 8192);
  sendCommand(host, 0);
  await world.run({ until: () => controller.pdus.length === 3 && host.sent.length === 1 });
  assert.deepEqual(controller.pdus, ['4:0', '4:8192', '4:0']);
  assert.deepEqual(
    Buffer.from(controller.io.memory.u8.subarray(controller.area, controller.area + 8192)),
    Buffer.from(host.io.memory.u8.subarray(host.out, host.out + 8192)),
  );
  const place = controller.connection.reserve(capsuleResp.bytes);
  writeCapsuleRespHeader(controller.io.memory.view, place, controller.connection.digests);
  controller.connection.queue(place);
  await world.run({ until: () => host.pdus.length === 1 });
  assert.deepEqual(host.pdus, ['5:0']);
});

test('an owner that names no place stops the flow until it does', async () => {
  const { world, host, controller } = await pair(2, {}, { maxInCapsule: 8192 });
  await world.run({ until: () => host.ready && controller.ready });
  controller.hold = true;
  sendCommand(host, 4096);
  sendCommand(host, 0);
  await world.run({ until: () => controller.pdus.length === 1 });
  await world.pass(50);
  assert.deepEqual(controller.pdus, ['4:4096']);
  controller.hold = false;
  controller.connection.receiveData(controller.area, 3);
  await world.run({ until: () => controller.pdus.length === 2 });
  assert.equal(controller.data, 1);
});

test('discarded payload is dropped, and what follows is read', async () => {
  const { world, host, controller } = await pair(3, { digests: 3 }, { digests: 3, maxInCapsule: 300_000 });
  await world.run({ until: () => host.ready && controller.ready });
  controller.hold = true;
  sendCommand(host, 300_000);
  sendCommand(host, 0);
  await world.run({ until: () => controller.pdus.length === 1 });
  controller.connection.discardData();
  await world.run({ until: () => controller.pdus.length === 2 });
  assert.equal(controller.data, 0);
});

test('a refused connection is told as such, and the connection can be opened again', async () => {
  const { world, host } = await pair(4, {}, {});
  await world.run({ until: () => host.ready });
  host.connection.abort();
  await world.run({ until: () => host.detached === 1 });
  host.connection.open({ host: '10.0.0.9', port: 1 });
  await world.run({ until: () => host.detached === 2 });
  assert.equal(host.broken, breakage.connectFailed);
  assert.equal(host.connection.errno, -111);
});

test('the peer learns of an abort, and an aborted connection gives everything back', async () => {
  const { world, host, controller } = await pair(5, {}, { maxInCapsule: 8192 });
  await world.run({ until: () => host.ready && controller.ready });
  sendCommand(host, 8192);
  const handedBefore = host.connection.wasHanded(host.connection.position - 1);
  assert.equal(handedBefore, false);
  host.connection.abort();
  assert.equal(host.connection.reserve(72), -1);
  await world.run({ until: () => host.detached === 1 && controller.detached === 1 });
  assert.ok(controller.broken === breakage.lost || controller.broken === breakage.closedByPeer);
  assert.equal(host.broken, breakage.none);
});

test('a PDU that breaks the protocol is answered with a termination request', async () => {
  const { world, host, controller } = await pair(6, {}, { maxInCapsule: 8192 });
  await world.run({ until: () => host.ready && controller.ready });
  // More in-capsule data than was allowed.
  sendCommand(host, 16384);
  await world.run({ until: () => host.detached === 1 && controller.detached === 1 });
  assert.equal(controller.broken, breakage.protocolError);
  assert.equal(controller.connection.fes, fes.limitExceeded);
  assert.equal(host.broken, breakage.terminatedByPeer);
  assert.equal(host.connection.fes, fes.limitExceeded);
});

test('a wrong header digest ends the connection, a wrong data digest spoils one payload', async () => {
  const both = digestBit.header | digestBit.data;
  const { world, host, controller } = await pair(7, { digests: both }, { digests: both });
  await world.run({ until: () => host.ready && controller.ready });
  assert.ok(sendData(controller, pduType.c2hData, 0, 4096, 0));
  // The payload changes between the digest and the send.
  controller.io.memory.u8[controller.out + 100] = 0xff;
  await world.run({ until: () => host.data === 1 });
  assert.equal(host.corrupt, 1);
  assert.equal(host.broken, breakage.none);
  const { connection } = controller;
  const place = connection.reserve(capsuleResp.bytes);
  writeCapsuleRespHeader(controller.io.memory.view, place, connection.digests);
  connection.queue(place);
  controller.io.memory.u8[place + ch.bytes] = 0x55;
  await world.run({ until: () => host.detached === 1 && controller.detached === 1 });
  assert.equal(host.broken, breakage.headerDigest);
  assert.equal(controller.broken, breakage.terminatedByPeer);
});

test('a peer that says nothing runs into the bound', async () => {
  const world = new World({ seed: 8 });
  const io = world.io('host');
  const arrayIo = world.io('array');
  const silent: SocketOwner = {
    onConnected: () => undefined,
    onReceived: () => undefined,
    onSent: () => undefined,
    onClosed: () => undefined,
  };
  await world.drive(arrayIo.listen(address, { onAccepted: () => silent, onListenerFailed: () => undefined }));
  const host = new End(io, 'host', { handshakeMs: 700 }, 4096);
  const before = world.now;
  host.connection.open(address);
  await world.run({ until: () => host.detached === 1 });
  assert.equal(host.broken, breakage.handshakeTimeout);
  const took = world.now - before;
  assert.ok(took >= 700 && took < 800, `${took} ms`);
});

/** A peer that sends raw bytes as soon as the connection stands, once ICResp or ICReq was exchanged. */
class RawPeer implements SocketOwner {
  readonly io: SimIo;
  readonly bytes: Uint8Array;
  socket: Socket | null = null;
  constructor(io: SimIo, bytes: Uint8Array) {
    this.io = io;
    this.bytes = bytes;
  }
  begin(socket: Socket): void {
    this.socket = socket;
    const place = this.io.memory.allocate(Math.max(1, this.bytes.length) + 4096);
    this.io.memory.u8.set(this.bytes, place);
    if (this.bytes.length > 0) socket.send(Int32Array.of(place), Int32Array.of(this.bytes.length), 1);
    socket.receive(place + this.bytes.length, 4096);
    this.place = place + this.bytes.length;
  }
  place = 0;
  onConnected(): void {}
  onReceived(result: number): void {
    if (result > 0) this.socket?.receive(this.place, 4096);
    else this.socket?.abort();
  }
  onSent(): void {}
  onClosed(): void {}
}

/** ICResp as a target would send it. */
function icRespBytes(digests: number): Uint8Array {
  const bytes = new Uint8Array(128);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, pduType.icResp);
  view.setUint8(2, 128);
  view.setUint32(4, 128, true);
  view.setUint8(11, digests);
  view.setUint32(12, 131072, true);
  return bytes;
}

test('whatever bytes come, the connection ends or waits, and never throws', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(),
      fc.boolean(),
      fc.uint8Array({ maxLength: 400 }),
      fc.nat({ max: 9 }),
      async (seed, greeted, noise, type) => {
        const world = new World({ seed });
        const arrayIo = world.io('array');
        // Mostly something that begins like a PDU, for noise alone ends at its first byte.
        if (noise.length > 8 && (seed & 1) === 0) {
          noise[0] = type;
          noise[2] = [128, 128, 24, 24, 72, 24, 24, 24, 0, 24][type]!;
          if ((seed & 2) === 0) noise.set([24 + (seed % 200), 0, 0, 0], 4);
        }
        const bytes = greeted ? Buffer.concat([icRespBytes(0), noise]) : noise;
        const peer = new RawPeer(arrayIo, bytes);
        const owner: ListenerOwner = {
          onAccepted(socket: Socket): SocketOwner {
            peer.begin(socket);
            return peer;
          },
          onListenerFailed: () => undefined,
        };
        await world.drive(arrayIo.listen(address, owner));
        const host = new End(world.io('host'), 'host', { handshakeMs: 500 }, areaBytes);
        host.onPdu = (_type, _place, dataBytes) => {
          if (dataBytes > 0) host.connection.discardData();
        };
        host.connection.open(address);
        await world.pass(2000);
        if (host.detached === 0) {
          assert.ok(greeted, 'only a greeted connection may still wait');
          host.connection.abort();
          await world.run({ until: () => host.detached === 1 });
        } else {
          assert.notEqual(host.broken, breakage.none);
        }
        if (!greeted && noise.length >= 8)
          assert.equal(
            host.broken,
            noise[0] === pduType.icResp || noise[0] === pduType.c2hTermReq ? host.broken : breakage.notNvmeTcp,
          );
      },
    ),
    { numRuns: 300 },
  );
});

test('lost connections detach exactly once, whatever was under way', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.integer({ min: 0, max: 40 }), async (seed, delay) => {
      const { world, host, controller } = await pair(seed, { digests: 3 }, { digests: 3, maxInCapsule: 8192 });
      await world.run({ until: () => host.ready && controller.ready });
      for (let i = 0; i < 20; i += 1) {
        sendCommand(host, 8192);
        sendData(controller, pduType.c2hData, i * 100_000, 100_000, i);
      }
      await world.pass(delay / 10);
      world.faults.drop(address);
      await world.run({ until: () => host.detached === 1 && controller.detached === 1 });
      assert.notEqual(host.broken, breakage.none);
      assert.ok(host.connection.detached && controller.connection.detached);
      host.connection.release();
      controller.connection.release();
    }),
    { numRuns: 60, includeErrorInReport: true },
  );
});
