/** Memory and file devices against a model: any sequence of requests reads back as the model says. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Io } from '../io/contract.ts';
import { World } from '../io/sim/world.ts';
import type { BlockDevice } from './device.ts';
import { submitChecked } from './door.ts';
import { FileDevice } from './file-device.ts';
import { MemoryDevice } from './memory-device.ts';
import { type Completer, type Op, op, Request, requestFlag } from './request.ts';
import { type Status, status } from './status.ts';

const volumeBytes = 64 * 4096;

class Asker implements Completer {
  readonly io: Io;
  readonly buffer: number;
  readonly #request: Request;
  #done: ((outcome: Status) => void) | null = null;

  constructor(io: Io) {
    this.io = io;
    this.buffer = io.memory.allocate(volumeBytes, 4096);
    this.#request = new Request(io, 0);
  }

  ask(device: BlockDevice, operation: Op, offset: number, length: number, flags = 0): Promise<Status> {
    const done = this.io.deferred<Status>();
    this.#done = (outcome) => done.resolve(outcome);
    this.#request.begin(operation, offset, length, this.buffer, flags, this);
    submitChecked(device, this.#request);
    return done.promise;
  }

  onRequest(request: Request): void {
    this.#done?.(request.status);
  }
}

type Kind = 'memory' | 'file';

async function open(kind: Kind, io: Io): Promise<MemoryDevice | FileDevice> {
  if (kind === 'memory')
    return new MemoryDevice(io, { name: 'v', sizeBytes: volumeBytes, capacityBytes: 4 * volumeBytes });
  return FileDevice.open(io, { path: '/v', sizeBytes: volumeBytes });
}

const step = fc.record({
  operation: fc.constantFrom<Op>(op.read, op.write, op.write, op.flush, op.discard, op.writeZeroes),
  block: fc.nat({ max: 63 }),
  blocks: fc.integer({ min: 1, max: 16 }),
  flags: fc.constantFrom(0, 0, requestFlag.fua, requestFlag.keepAllocated),
  byte: fc.integer({ min: 1, max: 255 }),
});

for (const kind of ['memory', 'file'] as const) {
  describe(`a ${kind} device`, () => {
    it('does what the model does', () =>
      fc.assert(
        fc.asyncProperty(fc.nat(), fc.array(step, { maxLength: 30 }), async (seed, steps) => {
          const world = new World({ seed });
          const io = world.io('one');
          const model = new Uint8Array(volumeBytes);
          const play = async (): Promise<void> => {
            const device = await open(kind, io);
            const asker = new Asker(io);
            for (const { operation, block, blocks, flags, byte } of steps) {
              const offset = block * 4096;
              const length = Math.min(blocks * 4096, volumeBytes - offset);
              if (operation === op.write) io.memory.fill(asker.buffer, byte, length);
              const isFlush = operation === op.flush;
              const outcome = await asker.ask(device, operation, isFlush ? 0 : offset, isFlush ? 0 : length, flags);
              assert.equal(outcome, status.ok);
              if (operation === op.write) model.fill(byte, offset, offset + length);
              if (operation === op.writeZeroes || operation === op.discard) model.fill(0, offset, offset + length);
              if (operation === op.read) {
                const got = io.memory.u8.subarray(asker.buffer, asker.buffer + length);
                assert.deepEqual(Buffer.from(got), Buffer.from(model.subarray(offset, offset + length)));
              }
            }
            await device.close();
          };
          await world.drive(play());
        }),
        { numRuns: 100 },
      ));

    it('can be resized', async () => {
      const world = new World({ seed: 1 });
      const io = world.io('one');
      const play = async (): Promise<void> => {
        const device = await open(kind, io);
        const asker = new Asker(io);
        io.memory.fill(asker.buffer, 7, 4096);
        assert.equal(await asker.ask(device, op.write, volumeBytes - 4096, 4096), status.ok);
        device.resize(2 * volumeBytes);
        assert.equal(await asker.ask(device, op.read, 2 * volumeBytes - 8192, 8192), status.ok);
        assert.ok(io.memory.u8.subarray(asker.buffer, asker.buffer + 8192).every((byte) => byte === 0));
        io.memory.fill(asker.buffer, 8, 4096);
        assert.equal(await asker.ask(device, op.write, 2 * volumeBytes - 4096, 4096), status.ok);
        assert.equal(await asker.ask(device, op.read, 2 * volumeBytes - 4096, 4096), status.ok);
        assert.equal(io.memory.u8[asker.buffer], 8);
        device.resize(volumeBytes / 2);
        assert.equal(await asker.ask(device, op.read, volumeBytes - 4096, 4096), status.invalid);
        assert.throws(() => device.resize(1000), { code: 'invalid-argument' });
        await device.close();
      };
      await world.drive(play());
    });
  });
}

describe('a memory device', () => {
  it('gives space back', async () => {
    const world = new World({ seed: 2 });
    const io = world.io('one');
    await world.drive(
      (async () => {
        const device = new MemoryDevice(io, { name: 'v', sizeBytes: volumeBytes });
        const asker = new Asker(io);
        await asker.ask(device, op.write, 0, volumeBytes);
        assert.equal(device.allocatedBytes(), volumeBytes);
        await asker.ask(device, op.discard, 4096, volumeBytes - 8192);
        assert.equal(device.allocatedBytes(), 8192);
        await asker.ask(device, op.writeZeroes, 0, 4096);
        assert.equal(device.allocatedBytes(), 4096);
      })(),
    );
  });

  it('is shared by those who give the same name, and refuses another size', () => {
    const world = new World({ seed: 3 });
    const one = new MemoryDevice(world.io('one'), { name: 'v', sizeBytes: volumeBytes });
    assert.equal(one.identity.id, 'mem.v');
    const two = world.io('two');
    assert.equal(new MemoryDevice(two, { name: 'v', sizeBytes: volumeBytes }).geometry.sizeBytes, volumeBytes);
    assert.throws(() => new MemoryDevice(two, { name: 'v', sizeBytes: 2 * volumeBytes }), { code: 'invalid-argument' });
    assert.throws(() => new MemoryDevice(two, { name: 'w', sizeBytes: 100 }), { code: 'invalid-argument' });
  });
});

const failing = async (play: (world: World, device: FileDevice, asker: Asker) => Promise<void>): Promise<void> => {
  const world = new World({ seed: 4 });
  const io = world.io('one');
  await world.drive(
    (async () => {
      const device = await FileDevice.open(io, { path: '/v', sizeBytes: volumeBytes, depth: 2 });
      await play(world, device, new Asker(io));
      await device.close();
    })(),
  );
};

describe('a file device', () => {
  it('reports what the file reports', () =>
    failing(async (world, device, asker) => {
      world.failFile('/v', { errno: 61, operation: 'read', count: 1 });
      world.failFile('/v', { errno: 28, operation: 'write', count: 1 });
      world.failFile('/v', { errno: 5, operation: 'sync', count: 2 });
      assert.equal(await asker.ask(device, op.read, 0, 4096), status.mediumError);
      assert.equal(await asker.ask(device, op.write, 0, 4096), status.noSpace);
      assert.equal(
        await asker.ask(device, op.write, 0, 4096, requestFlag.fua),
        status.ioError,
        'the sync of FUA counts',
      );
      assert.equal(await asker.ask(device, op.flush, 0, 0), status.ioError);
      assert.equal(await asker.ask(device, op.flush, 0, 0), status.ok);
    }));

  it('takes a discard that the file system cannot do, but not a write-zeroes', () =>
    failing(async (world, device, asker) => {
      world.failFile('/v', { errno: 95, operation: 'zero' });
      assert.equal(await asker.ask(device, op.discard, 0, 4096), status.ok);
      assert.equal(await asker.ask(device, op.writeZeroes, 0, 4096), status.notSupported);
    }));

  it('asks again when interrupted', () =>
    failing(async (world, device, asker) => {
      world.failFile('/v', { errno: 4, operation: 'write', count: 3 });
      assert.equal(await asker.ask(device, op.write, 0, 4096), status.ok);
    }));

  it('answers busy beyond its depth, and gone after its end', () =>
    failing(async (_world, device, asker) => {
      const others = [new Asker(asker.io), new Asker(asker.io)];
      const done = others.map((other) => other.ask(device, op.read, 0, 4096));
      assert.equal(await asker.ask(device, op.read, 0, 4096), status.busy);
      assert.deepEqual(await Promise.all(done), [status.ok, status.ok]);
      await device.close();
      assert.equal(await asker.ask(device, op.read, 0, 4096), status.gone);
    }));

  it('takes the size of a file that is there', async () => {
    const world = new World({ seed: 5 });
    const io = world.io('one');
    await world.drive(
      (async () => {
        await (await FileDevice.open(io, { path: '/v', sizeBytes: volumeBytes })).close();
        const device = await FileDevice.open(io, { path: '/v' });
        assert.equal(device.geometry.sizeBytes, volumeBytes);
        await device.close();
        await assert.rejects(FileDevice.open(io, { path: '/none' }), { code: 'file-open' });
      })(),
    );
  });
});
