import assert from 'node:assert/strict';
import type { Random } from '../../base/random.ts';
import { errno } from '../../native/errno.ts';
import { type Io, maxSegments } from '../contract.ts';
import type { ContractTest } from './bodies.ts';
import { connectedPair, Door, Line } from './line.ts';

const STREAM_BYTES = 400_000;

function fillRandom(io: Io, random: Random, place: number, length: number): Uint8Array {
  for (let at = 0; at < length; at += 1) io.memory.u8[place + at] = random.below(256);
  return io.memory.u8.slice(place, place + length);
}

/** Sends a range in several sends of several segments, cut at random. */
async function sendInPieces(line: Line, random: Random, place: number, length: number): Promise<void> {
  for (let done = 0; done < length; ) {
    const segments: { place: number; length: number }[] = [];
    const count = 1 + random.below(random.below(8) === 0 ? maxSegments : 6);
    let total = 0;
    while (segments.length < count && done + total < length) {
      const bytes = Math.min(length - done - total, 1 + random.below(random.below(4) === 0 ? 65_536 : 200));
      segments.push({ place: place + done + total, length: bytes });
      total += bytes;
    }
    assert.equal(await line.send(segments), total);
    done += total;
  }
}

async function echo(line: Line, bytes: number): Promise<void> {
  const buffer = line.io.memory.allocate(32_768);
  for (let done = 0; done < bytes; ) {
    const there = await line.receive(buffer, 32_768);
    assert.ok(there > 0, `the stream ended after ${done} bytes with ${there}`);
    assert.equal(await line.send([{ place: buffer, length: there }]), there);
    done += there;
  }
  line.io.memory.free(buffer);
}

export const socketTests: Record<string, ContractTest> = {
  'random data in random pieces comes back whole and in order': async (bodies, random) => {
    const { near, far } = await connectedPair(bodies);
    const { memory } = bodies.io;
    const out = memory.allocate(STREAM_BYTES);
    const back = memory.allocate(STREAM_BYTES);
    const sent = fillRandom(bodies.io, random, out, STREAM_BYTES);
    const [, , received] = await Promise.all([
      sendInPieces(near, random, out, STREAM_BYTES),
      echo(far, STREAM_BYTES),
      near.receiveUpTo(back, STREAM_BYTES),
    ]);
    assert.equal(received.bytes, STREAM_BYTES);
    assert.deepEqual(memory.u8.slice(back, back + STREAM_BYTES), sent);
    await Promise.all([near.abort(), far.abort()]);
    memory.free(out);
    memory.free(back);
  },

  'a receive of all waits for exactly its length, and for less only if the stream ends': async (bodies, random) => {
    const { near, far } = await connectedPair(bodies);
    const out = bodies.io.memory.allocate(100_000);
    const into = bodies.other.memory.allocate(100_000);
    const sent = fillRandom(bodies.io, random, out, 100_000);
    const sending = sendInPieces(near, random, out, 100_000);
    assert.equal(await far.receive(into, 90_000, true), 90_000);
    assert.equal(await far.receive(into + 90_000, 10_000, true), 10_000);
    await sending;
    assert.deepEqual(bodies.other.memory.u8.slice(into, into + 100_000), sent);
    const last = far.receive(into, 1000, true);
    assert.equal(await near.send([{ place: out, length: 10 }]), 10);
    await near.close();
    assert.equal(await last, 10);
    assert.equal(await far.receive(into, 1000, true), 0);
    await far.close();
  },

  'a receive that is interrupted gives what is there, and the stream goes on behind it': async (bodies, random) => {
    const { near, far } = await connectedPair(bodies);
    const out = bodies.io.memory.allocate(100_000);
    const into = bodies.other.memory.allocate(200_000);
    const sent = fillRandom(bodies.io, random, out, 100_000);
    const nothing = far.receive(into, 100_000, true);
    await bodies.io.sleep(5);
    far.socket.interruptReceive();
    assert.equal(await nothing, -errno.ECANCELED);
    far.socket.interruptReceive();

    const some = far.receive(into, 100_000, true);
    assert.equal(await near.send([{ place: out, length: 10_000 }]), 10_000);
    await bodies.io.sleep(50);
    far.socket.interruptReceive();
    far.socket.interruptReceive();
    const first = await some;
    assert.equal(first, 10_000);

    const rest = far.receive(into + first, 90_000, true);
    await sendInPieces(near, random, out + 10_000, 90_000);
    assert.equal(await rest, 90_000);
    far.socket.interruptReceive();
    assert.deepEqual(bodies.other.memory.u8.slice(into, into + 100_000), sent);
    await Promise.all([near.abort(), far.abort()]);
    bodies.other.memory.free(into);
  },

  'an abort that follows an interruption ends with onClosed alone': async (bodies) => {
    const { near, far } = await connectedPair(bodies);
    const place = bodies.io.memory.allocate(4096);
    void near.receive(place, 4096, true);
    await bodies.io.sleep(5);
    near.calls.length = 0;
    near.socket.interruptReceive();
    await near.abort();
    assert.deepEqual(near.calls, ['closed']);
    bodies.io.memory.free(place);
    await far.abort();
  },

  'nobody listens: connect says ECONNREFUSED, and abort then ends the socket': async (bodies) => {
    const door = new Door(bodies.other);
    const address = await door.open(bodies.host);
    await door.listener.close();
    const near = new Line(bodies.io);
    assert.equal(await near.connect(address), -errno.ECONNREFUSED);
    await near.abort();
    assert.deepEqual(near.calls, ['connected', 'closed']);
  },

  'a connection that the owner of the listener does not want is reset': async (bodies) => {
    const door = new Door(bodies.other);
    door.refuse = true;
    const address = await door.open(bodies.host);
    const near = new Line(bodies.io);
    const result = await near.connect(address);
    const place = bodies.io.memory.allocate(64);
    if (result === 0) assert.equal(await near.receive(place, 64), -errno.ECONNRESET);
    else assert.equal(result, -errno.ECONNRESET);
    await near.abort();
    await door.listener.close();
  },

  'abort while connecting ends with onClosed alone': async (bodies) => {
    const door = new Door(bodies.other);
    const address = await door.open(bodies.host);
    const near = new Line(bodies.io);
    void near.connect(address);
    await near.abort();
    assert.deepEqual(near.calls, ['closed']);
    await door.listener.close();
  },

  'abort: no callback but onClosed, and the peer sees an error, not an end': async (bodies) => {
    const { near, far } = await connectedPair(bodies);
    const place = bodies.io.memory.allocate(4096);
    const there = bodies.other.memory.allocate(4096);
    void near.receive(place, 4096);
    const seen = far.receive(there, 4096);
    near.calls.length = 0;
    const closed = near.abort();
    assert.deepEqual(near.calls, [], 'onClosed came from inside abort');
    near.socket.abort();
    await closed;
    assert.deepEqual(near.calls, ['closed']);
    bodies.io.memory.free(place);
    assert.equal(await seen, -errno.ECONNRESET);
    await far.abort();
    near.socket.abort();
    await bodies.io.sleep(20);
    assert.deepEqual(near.calls, ['closed']);
  },

  'abort with a send under way discards what is queued': async (bodies, random) => {
    const { near, far } = await connectedPair(bodies);
    const bytes = bodies.overflowBytes;
    const place = bodies.io.memory.allocate(bytes);
    const there = bodies.other.memory.allocate(65_536);
    fillRandom(bodies.io, random, place, 4096);
    near.calls.length = 0;
    void near.send([{ place, length: bytes }]);
    assert.ok((await far.receive(there, 100)) > 0);
    await near.abort();
    assert.deepEqual(near.calls, ['closed'], 'far more than fits into socket buffers was sent');
    bodies.io.memory.free(place);
    let received = 0;
    let last = 1;
    while (last > 0) {
      last = await far.receive(there, 65_536);
      received += Math.max(0, last);
    }
    assert.equal(last, -errno.ECONNRESET);
    assert.ok(received < bytes);
    await far.abort();
  },

  'a send to a peer that does not read waits, and goes on when it reads': async (bodies) => {
    const { near, far } = await connectedPair(bodies);
    const bytes = bodies.overflowBytes;
    const place = bodies.io.memory.allocate(bytes);
    const there = bodies.other.memory.allocate(65_536);
    const sent = near.send([{ place, length: bytes }]);
    await bodies.io.sleep(20);
    assert.equal(near.socket.sending, true);
    let received = 0;
    while (received < bytes) {
      const result = await far.receive(there, 65_536);
      assert.ok(result > 0);
      received += result;
    }
    assert.equal(await sent, bytes);
    await Promise.all([near.abort(), far.abort()]);
  },

  'close: everything that was sent arrives, then the end': async (bodies, random) => {
    const { near, far } = await connectedPair(bodies);
    const place = bodies.io.memory.allocate(50_000);
    const there = bodies.other.memory.allocate(60_000);
    const data = fillRandom(bodies.io, random, place, 50_000);
    const pending = bodies.io.memory.allocate(64);
    void near.receive(pending, 64);
    const receiving = far.receiveUpTo(there, 60_000);
    await sendInPieces(near, random, place, 50_000);
    near.calls.length = 0;
    await near.close();
    assert.deepEqual(near.calls, ['closed']);
    assert.deepEqual(await receiving, { bytes: 50_000, last: 0 });
    assert.deepEqual(bodies.other.memory.u8.slice(there, there + 50_000), data);
    await far.close();
  },

  'after the peer has gone, sends end in an error': async (bodies) => {
    const { near, far } = await connectedPair(bodies);
    const place = bodies.io.memory.allocate(4096);
    await far.abort();
    let result = 0;
    for (let tries = 0; tries < 1000 && result >= 0; tries += 1) {
      result = await near.send([{ place, length: 4096 }]);
      await bodies.io.sleep(1);
    }
    assert.ok([-errno.ECONNRESET, -errno.EPIPE].includes(result), `ended with ${result}`);
    await near.abort();
  },

  'a port that is taken is refused by name, and free again after close': async (bodies) => {
    const door = new Door(bodies.other);
    const address = await door.open(bodies.host);
    const second = bodies.other.listen(address, new Door(bodies.other));
    await assert.rejects(second, { code: 'address-in-use' });
    await door.listener.close();
    const third = await bodies.other.listen(address, new Door(bodies.other));
    assert.deepEqual(third.address, address);
    await third.close();
  },

  'closing a listener leaves accepted connections alone': async (bodies) => {
    const { near, far, door } = await connectedPair(bodies);
    await door.listener.close();
    const place = bodies.io.memory.allocate(64);
    const there = bodies.other.memory.allocate(64);
    bodies.io.memory.u8[place] = 42;
    assert.equal(await near.send([{ place, length: 1 }]), 1);
    assert.equal(await far.receive(there, 64), 1);
    assert.equal(bodies.other.memory.u8[there], 42);
    await Promise.all([near.abort(), far.abort()]);
  },
};
