/**
 * Requests from the main thread to a device of this reactor: the library's `volume.read` and the like. The payload stands
 * in slots of the reactor's memory, which the main thread sees.
 */
import { assert, defined } from '../base/assert.ts';
import { type BlockDevice, maxTransferBytes } from '../block/device.ts';
import { submitChecked } from '../block/door.ts';
import { type Completer, type Op, Request } from '../block/request.ts';
import type { Deferred, Io } from '../io/contract.ts';

/** One request: everything but the payload, which the main thread put into (or takes from) the slot. */
export interface DirectIo {
  readonly slot: number;
  readonly op: Op;
  readonly flags: number;
  readonly offset: number;
  readonly length: number;
}

const slotCount = 32;

export class DirectChannel implements Completer {
  /** Places of the slots' payloads. */
  readonly slots: readonly number[];
  readonly #io: Io;
  readonly #device: BlockDevice;
  readonly #requests: readonly Request[];
  readonly #waiting: (Deferred<number> | null)[];
  readonly #memory: number;

  constructor(io: Io, device: BlockDevice) {
    this.#io = io;
    this.#device = device;
    this.#memory = io.memory.allocate(slotCount * maxTransferBytes, 4096);
    this.slots = Array.from({ length: slotCount }, (_unused, slot) => this.#memory + slot * maxTransferBytes);
    this.#requests = this.slots.map((_place, slot) => new Request(io, slot));
    this.#waiting = this.slots.map(() => null);
  }

  /** Resolves with the status. */
  submit(order: DirectIo): Promise<number> {
    const request = defined(this.#requests[order.slot], 'no such slot');
    const done = this.#io.deferred<number>();
    this.#waiting[order.slot] = done;
    request.begin(order.op, order.offset, order.length, defined(this.slots[order.slot], 'a slot'), order.flags, this);
    submitChecked(this.#device, request);
    return done.promise;
  }

  onRequest(request: Request): void {
    const done = this.#waiting[request.tag];
    this.#waiting[request.tag] = null;
    done?.resolve(request.status);
  }

  close(): Promise<void> {
    assert(
      this.#waiting.every((done) => done === null),
      'a channel is closed while requests are under way',
    );
    this.#io.memory.free(this.#memory);
    return Promise.resolve();
  }
}
