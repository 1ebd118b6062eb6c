/**
 * The reactor side of a ublk kernel device: the queues that one reactor serves. Each tag is a command that waits in the
 * kernel; when it completes, a request stands in the tag's descriptor and payload, and one submission answers it and
 * waits for the next one. All commands of a queue come from this one thread, as the kernel demands.
 */
import { assert } from '../../base/assert.ts';
import { CausewayError } from '../../base/errors.ts';
import type { BlockDevice } from '../../block/device.ts';
import type { UringIo } from '../../io/uring/io.ts';
import { mapReadOnly, pageBytes, unmap, viewOf } from '../../native/mapping.ts';
import { opcode, sqe } from '../../uring/abi.ts';
import type { KernelQueueServer, UblkQueuePlan } from '../contract.ts';
import { descriptorBytes, descriptorOffset, ioCommand, ioCommandField, ioDescBytes } from './abi.ts';
import { type CommandPort, Dispatcher } from './dispatch.ts';
import type { SlotPlace, UblkSlot } from './slot.ts';

/** Milliseconds. */
const quiesceStep = 1;
const highWord = 0x1_0000_0000;

export class UblkQueueServer implements KernelQueueServer, CommandPort {
  readonly ended: Promise<string | null>;
  readonly #io: UringIo;
  readonly #plan: UblkQueuePlan;
  readonly #dispatcher: Dispatcher;
  readonly #payloads: number;
  /** Addresses of the queues' descriptors. */
  readonly #mapped: readonly number[];
  readonly #handle: number;
  readonly #resolveEnded: (failure: string | null) => void;

  /** @throws CausewayError `out-of-memory` */
  constructor(io: UringIo, device: BlockDevice, plan: UblkQueuePlan) {
    this.#io = io;
    this.#plan = plan;
    const ended = io.deferred<string | null>();
    this.ended = ended.promise;
    this.#resolveEnded = (failure) => ended.resolve(failure);
    const { queues, depth, payloadBytes, fd } = plan;
    const count = queues.length * depth;
    // The last one is where payloads go that nobody reads. Memory takes room only where it is touched.
    this.#payloads = io.memory.allocate((count + 1) * payloadBytes, pageBytes);
    const bytes = descriptorBytes(depth);
    const mapped: number[] = [];
    try {
      for (const queue of queues) mapped.push(mapReadOnly(plan.name, bytes, fd, descriptorOffset(queue)));
    } catch (error) {
      for (const address of mapped) unmap(address, bytes);
      io.memory.free(this.#payloads);
      throw error;
    }
    this.#mapped = mapped;
    const places: SlotPlace[] = [];
    for (const [nth, queue] of queues.entries()) {
      const descriptors = new Uint32Array(viewOf(mapped[nth]!, bytes));
      for (let tag = 0; tag < depth; tag += 1) {
        const payload = this.#payloads + places.length * payloadBytes;
        places.push({ queue, tag, descriptors, descriptor: (tag * ioDescBytes) >> 2, payload });
      }
    }
    const scrap = this.#payloads + count * payloadBytes;
    this.#dispatcher = new Dispatcher(io, device, places, payloadBytes, scrap, this);
    this.#handle = io.handlers.add(this);
  }

  get underWay(): number {
    return this.#dispatcher.underWay;
  }

  async start(): Promise<void> {
    for (const slot of this.#dispatcher.slots) this.#command(slot, ioCommand.fetchReq, 0, slot.place.payload);
    // A refusal is answered while the batch is handed over; a tag that is taken says nothing until a request comes.
    await this.#io.sleep(1);
    const { failure } = this.#dispatcher;
    if (failure !== null) throw new CausewayError('kernel-device-failed', `${this.#plan.name}: ${failure}`);
  }

  async quiesce(): Promise<void> {
    this.#dispatcher.quiesce();
    do {
      // Rare, and short: a step of waiting costs less than telling of every answer would. The last one hands the last
      // answers over to the kernel.
      await this.#io.sleep(quiesceStep);
    } while (this.underWay > 0);
    await this.#io.sleep(quiesceStep);
  }

  fail(): void {
    this.#dispatcher.fail();
  }

  commit(slot: UblkSlot, result: number, payload: number): void {
    this.#command(slot, ioCommand.commitAndFetchReq, result, payload);
  }

  #command(slot: UblkSlot, command: number, result: number, payload: number): void {
    const { ring, memory } = this.#io;
    const at = ring.push(opcode.uringCmd, this.#plan.fd, 0, 0, command, 0, slot.index, this.#handle) + sqe.cmd;
    const words = ring.entries;
    const address = memory.base + payload;
    words[at] = slot.place.queue | (slot.place.tag << 16);
    words[at + (ioCommandField.result >> 2)] = result;
    words[at + (ioCommandField.addr >> 2)] = address >>> 0;
    words[at + (ioCommandField.addr >> 2) + 1] = (address / highWord) | 0;
  }

  onCompletion(token: number, result: number): void {
    this.#dispatcher.onTag(token, result);
  }

  onEmpty(): void {
    // Not in here: the caller is still inside the queues that are to be closed.
    this.#io.later(this);
  }

  /** As a task: everything is over. Nobody looks at the descriptors any more, so they may go. */
  run(): void {
    assert(this.underWay === 0, 'ublk queues are closed while requests are under way');
    this.#io.handlers.remove(this.#handle);
    for (const address of this.#mapped) unmap(address, descriptorBytes(this.#plan.depth));
    this.#io.memory.free(this.#payloads);
    this.#resolveEnded(this.#dispatcher.failure);
  }
}
