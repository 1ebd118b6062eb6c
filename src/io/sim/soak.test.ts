/** Streams under random faults: whatever happens, what arrives is a beginning of what was sent, and everybody is told. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Random } from '../../base/random.ts';
import { Door, Line } from '../contract-tests/line.ts';
import type { Address } from '../contract.ts';
import type { SimIo } from './sim-io.ts';
import { World } from './world.ts';

const SERVER = '10.0.0.1';
const STREAMS = 6;
const LONGEST = 200_000;
/** Whoever hears nothing for so long gives up, as a keep-alive would. Milliseconds. */
const PATIENCE = 20_000;

/** The byte at a place of a stream: differs between streams, and from its neighbours. */
function byteAt(stream: number, position: number): number {
  return (stream * 41 + position * 7 + (position >>> 8) * 13) & 0xff;
}

async function sendStream(io: SimIo, to: Address, stream: number, random: Random): Promise<void> {
  const line = new Line(io);
  line.submit(() => {
    line.socket = io.connect(to, line, { userTimeout: 3000 });
  });
  const place = io.memory.allocate(4096);
  const bytes = random.below(LONGEST);
  let result = await line.connected.promise;
  io.memory.u8[place] = stream;
  if (result === 0) result = await line.send([{ place, length: 1 }]);
  for (let done = 0; done < bytes && result >= 0; ) {
    const length = Math.min(bytes - done, 1 + random.below(4096));
    for (let at = 0; at < length; at += 1) io.memory.u8[place + at] = byteAt(stream, done + at);
    result = await line.send([{ place, length }]);
    done += length;
    if (random.below(10) === 0) await io.sleep(random.below(50));
  }
  await (result >= 0 && random.below(2) === 0 ? line.close() : line.abort());
  assert.equal(line.calls.filter((call) => call === 'closed').length, 1);
  io.memory.free(place);
}

async function receiveStream(io: SimIo, line: Line, random: Random): Promise<void> {
  const place = io.memory.allocate(8192);
  let stream = -1;
  let position = 0;
  const patience = io.timer(() => void line.abort());
  for (;;) {
    patience.arm(PATIENCE);
    const length = 1 + random.below(8192);
    const result = await Promise.race([line.receive(place, length, random.below(4) === 0), line.closed.promise]);
    if (result === undefined || result <= 0) break;
    assert.ok(result <= length);
    let at = 0;
    if (stream === -1) {
      stream = io.memory.u8[place]!;
      at = 1;
    }
    for (; at < result; at += 1) {
      assert.equal(io.memory.u8[place + at], byteAt(stream, position), `byte ${position} of stream ${stream}`);
      position += 1;
    }
    if (random.below(20) === 0) await io.sleep(random.below(20));
  }
  patience.disarm();
  await line.abort();
  io.memory.free(place);
}

async function breakThings(io: SimIo, world: World, random: Random): Promise<void> {
  for (let round = 0; round < 12; round += 1) {
    await io.sleep(random.below(60));
    const { faults } = world;
    switch (random.below(5)) {
      case 0:
        faults.blackhole(SERVER);
        await io.sleep(random.below(random.below(2) === 0 ? 500 : 8000));
        faults.heal(SERVER);
        break;
      case 1:
        faults.drop(SERVER);
        break;
      case 2:
        faults.delay(SERVER, { min: 1, max: random.below(300) + 1 });
        await io.sleep(random.below(500));
        faults.delay(SERVER, null);
        break;
      case 3:
        faults.refuse(SERVER, 111);
        await io.sleep(random.below(100));
        faults.admit(SERVER);
        break;
      default:
        io.stall(random.below(600));
    }
  }
}

describe('streams under faults', () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    it(`arrive in order as far as they arrive (seed ${seed})`, async () => {
      const world = new World({ seed, memoryBytes: 2 ** 20 });
      const random = new Random(seed);
      const near = world.io('near');
      const far = world.io('far');
      const receiving: Promise<void>[] = [];
      const serve = async (door: Door): Promise<void> => {
        for (;;) receiving.push(receiveStream(far, await door.next(), random));
      };
      const play = async (): Promise<void> => {
        const door = new Door(far);
        const address = await door.open(SERVER);
        void serve(door);
        const sending = Array.from({ length: STREAMS }, (_, stream) => sendStream(near, address, stream, random));
        await Promise.all([...sending, breakThings(near, world, random)]);
        await near.sleep(2 * PATIENCE);
        await Promise.all(receiving);
        await door.listener.close();
      };
      await world.drive(play(), 600_000);
      assert.deepEqual([near.memory.claimed, far.memory.claimed], [0, 0], 'an operation was forgotten');
      assert.deepEqual([near.opened.size, far.opened.size], [0, 0], 'a socket was forgotten');
    });
  }
});
