/** What the tests of the filters stand on. */
import assert from 'node:assert/strict';
import type { BlockDevice } from '../block/device.ts';
import { submitChecked } from '../block/door.ts';
import { MemoryDevice } from '../block/memory-device.ts';
import { type Op, op, Request } from '../block/request.ts';
import type { Status } from '../block/status.ts';
import type { Deferred } from '../io/contract.ts';
import type { SimIo } from '../io/sim/sim-io.ts';
import { World } from '../io/sim/world.ts';

export const BLOCK = 4096;
export const SIZE = 64 * BLOCK;

/** A memory device in a world of its own, and requests on whatever stands in front of it. */
export class Bench {
  readonly world: World;
  readonly io: SimIo;
  readonly base: MemoryDevice;
  readonly buffer: number;
  /** Requests that reached the memory device. */
  readonly reached: Op[] = [];
  #tag = 0;

  constructor(seed = 1) {
    this.world = new World({ seed, memoryBytes: 2 ** 20 });
    this.io = this.world.io('one');
    this.base = new MemoryDevice(this.io, { name: 'disk', sizeBytes: SIZE });
    this.buffer = this.io.memory.allocate(SIZE, BLOCK);
    const submit = this.base.submit.bind(this.base);
    this.base.submit = (request): void => {
      this.reached.push(request.op);
      submit(request);
    };
  }

  request(device: BlockDevice, operation: Op, offset = 0, length = BLOCK, flags = 0): Promise<Status> {
    const done: Deferred<Status> = this.io.deferred();
    const request = new Request(this.io, this.#tag);
    this.#tag += 1;
    const bytes = operation === op.flush ? 0 : length;
    request.begin(operation, offset, bytes, this.buffer, flags, {
      onRequest: (back) => {
        assert.equal(back, request);
        done.resolve(back.status);
      },
    });
    submitChecked(device, request);
    return done.promise;
  }

  run(play: () => Promise<void>): Promise<void> {
    return this.world.drive(play());
  }
}
