/**
 * A block device whose work is done on the main thread, by an object in TypeScript. Requests of one batch go over in one
 * message; payloads stay where they are, in the reactor's memory, which the main thread sees.
 *
 * For convenience, not for speed: every request crosses threads twice.
 */
import { assert, defined } from '../base/assert.ts';
import type { BlockDevice, Geometry, Identity } from '../block/device.ts';
import type { Request } from '../block/request.ts';
import type { Status } from '../block/status.ts';
import type { Flushable, Io } from '../io/contract.ts';
import { fromThread } from './rpc.ts';

export interface BridgeOptions {
  readonly device: number;
  readonly geometry: Geometry;
  readonly identity: Identity;
}

/** A request in a message: number, op, flags, offset, length, place of the payload. */
export const bridgeWords = 6;

export class BridgeDevice implements BlockDevice, Flushable {
  readonly geometry: Geometry;
  readonly identity: Identity;
  readonly #io: Io;
  readonly #send: (requests: readonly number[]) => void;
  readonly #under = new Map<number, Request>();
  #next = 0;
  #batch: number[] = [];

  constructor(io: Io, options: BridgeOptions, send: (requests: readonly number[]) => void) {
    this.#io = io;
    this.geometry = options.geometry;
    this.identity = options.identity;
    this.#send = send;
  }

  submit(request: Request): void {
    const number = this.#next;
    this.#next = (this.#next + 1) % 0x4000_0000;
    this.#under.set(number, request);
    if (this.#batch.length === 0) this.#io.atEndOfBatch(this);
    this.#batch.push(number, request.op, request.flags, request.offset, request.length, request.buffer);
  }

  flush(): void {
    const batch = this.#batch;
    this.#batch = [];
    this.#send(batch);
  }

  /** What the main thread has finished: pairs of number and status. */
  onDone(done: readonly number[]): void {
    for (let i = 0; i + 1 < done.length; i += 2) {
      const number = defined(done[i], 'a number');
      const request = this.#under.get(number);
      assert(request !== undefined, 'the main thread finished a request that is not under way');
      this.#under.delete(number);
      request.finish(fromThread<Status>(defined(done[i + 1], 'a status')));
    }
  }

  close(): Promise<void> {
    assert(this.#under.size === 0, 'a bridge is closed while requests are under way');
    return Promise.resolve();
  }
}
