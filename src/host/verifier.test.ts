import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BlockDevice, Geometry, Identity } from '../block/device.ts';
import { MemoryDevice } from '../block/memory-device.ts';
import { op, type Request } from '../block/request.ts';
import { type Status, status } from '../block/status.ts';
import type { Io } from '../io/contract.ts';
import { World } from '../io/sim/world.ts';
import { runVerifier, type VerifierPlan, type VerifierResult } from './verifier.ts';

const blockBytes = 512;
const blocks = 1024;
const plan: VerifierPlan = {
  seed: 7,
  depth: 8,
  milliseconds: 2000,
  first: 16,
  blocks: blocks - 16,
  smallest: 1,
  largest: 8,
  weights: { read: 4, write: 4, flush: 1, discard: 1, writeZeroes: 1 },
};

/** What is wrong with a device: called before a request reaches it. Answers with a status to refuse it. */
type Fault = (device: TestDevice, request: Request, count: number) => Status | null;

/** A memory device that takes its time, and lies. */
class TestDevice implements BlockDevice {
  readonly memory: MemoryDevice;
  readonly geometry: Geometry;
  readonly identity: Identity;
  readonly io: Io;
  readonly #fault: Fault;
  #count = 0;

  constructor(io: Io, fault: Fault) {
    this.io = io;
    this.memory = new MemoryDevice(io, { name: 'v', sizeBytes: blocks * blockBytes, blockBytes });
    this.geometry = this.memory.geometry;
    this.identity = this.memory.identity;
    this.#fault = fault;
  }

  submit(request: Request): void {
    this.io
      .timer(() => {
        this.#count += 1;
        const refused = this.#fault(this, request, this.#count);
        if (refused === null) this.memory.submit(request);
        else request.finish(refused);
      })
      .arm(1 + this.io.random.below(5));
  }

  close(): Promise<void> {
    return this.memory.close();
  }
}

async function verify(fault: Fault, more: Partial<VerifierPlan> = {}): Promise<VerifierResult> {
  const world = new World({ seed: 1, memoryBytes: 8 * 2 ** 20 });
  const io = world.io('host');
  return await world.drive(runVerifier(io, new TestDevice(io, fault), { ...plan, ...more }), 60_000);
}

const honest: Fault = () => null;

describe('the verifier', () => {
  it('finds nothing wrong with an honest device, and asks it for everything', async () => {
    const { done, failed, wrong, firstWrong } = await verify(honest);
    assert.deepEqual({ wrong, firstWrong, failed }, { wrong: 0, firstWrong: '', failed: {} });
    for (const name of ['read', 'write', 'flush', 'discard', 'write-zeroes']) {
      assert((done[name] ?? 0) > 50, `${name}: ${done[name]}`);
    }
  });

  it('does the same again for the same seed', async () => {
    assert.deepEqual(await verify(honest), await verify(honest));
  });

  it('finds a write that was acknowledged but not done', async () => {
    const { wrong, firstWrong } = await verify((_device, request, count) =>
      request.op === op.write && count % 100 === 0 ? status.ok : null,
    );
    assert(wrong > 0);
    assert.match(firstWrong, /^block \d+ holds (write \d+|zeroes|nobody's data) instead of/);
  });

  it('finds an older write that came back', async () => {
    const noDiscards = { weights: { read: 1, write: 1 } };
    const { wrong, firstWrong } = await verify((device, request, count) => {
      if (count % 200 === 0 && request.op === op.write) {
        // What stands there now comes back when the request is long done.
        const { io } = device;
        const place = io.memory.allocate(blockBytes, 64);
        const store = io.openStore('v', blocks * blockBytes);
        const { offset } = request;
        store.read(place, offset, blockBytes);
        io.timer(() => store.write(place, offset, blockBytes)).arm(20);
      }
      return null;
    }, noDiscards);
    assert(wrong > 0);
    assert.match(firstWrong, /^block \d+ holds write \d+ instead of write \d+/);
  });

  it('finds data that went to another place, and data that is torn', async () => {
    const misplaced = await verify((_device, request, count) => {
      if (count % 100 === 0 && request.op === op.read) request.offset = 16 * blockBytes;
      return null;
    });
    assert.match(misplaced.firstWrong, /another block's data|zeroes|nobody's data/);
    const torn = await verify((device, request, count) => {
      if (count % 100 === 0 && request.op === op.write) device.io.memory.fill(request.buffer + 100, 1, 1);
      return null;
    });
    assert.match(torn.firstWrong, /a mixture of two writes/);
  });

  it('expects zeroes where zeroes were written, and takes either answer after a discard', async () => {
    const { wrong } = await verify((_device, request) => (request.op === op.discard ? status.ok : null));
    assert.equal(wrong, 0, 'a discard may leave the data alone');
    const kept = await verify((_device, request) => (request.op === op.writeZeroes ? status.ok : null));
    assert.match(kept.firstWrong, /instead of zeroes/);
  });

  it('counts failures, and expects nothing of a block whose write failed', async () => {
    const { failed, wrong } = await verify((_device, request, count) =>
      count % 10 === 0 && request.op === op.write ? status.mediumError : null,
    );
    assert.equal(wrong, 0);
    assert.deepEqual(Object.keys(failed), ['medium-error']);
  });
});
