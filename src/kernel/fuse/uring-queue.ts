/**
 * FUSE over io_uring: the queues of one reactor. Each entry is a command that waits in the kernel; when it completes, a
 * request stands in the entry's buffers, and one submission answers it and waits for the next one.
 *
 * The kernel copies into the buffers of an entry only between taking its command and completing it, and copies out of
 * them only while it takes the command that answers: so a slot's memory belongs to the kernel exactly while its command
 * is under way.
 */
import { assert } from '../../base/assert.ts';
import type { BlockDevice } from '../../block/device.ts';
import type { UringIo } from '../../io/uring/io.ts';
import { errnoName } from '../../native/errno.ts';
import { opcode, sqe } from '../../uring/abi.ts';
import type { FuseQueuePlan } from '../contract.ts';
import {
  outHeader,
  outHeaderBytes,
  uringCommand,
  uringHeader,
  uringHeaderBytes,
  uringRequest,
  uringRequestBytes,
} from './abi.ts';
import { Dispatcher } from './dispatch.ts';
import { isEndOfConnection } from './end.ts';
import { FuseSlot, type ReplyPort } from './slot.ts';

const pageBytes = 4096;
/** Two iovecs, which REGISTER reads: header and payload. They stand behind the header. */
const iovecBytes = 16;
const slotBytes = uringHeaderBytes + 2 * iovecBytes;

export class UringQueues implements ReplyPort {
  readonly #io: UringIo;
  readonly #plan: FuseQueuePlan;
  readonly #dispatcher: Dispatcher;
  readonly #slots: FuseSlot[] = [];
  readonly #headers: number;
  readonly #payloads: number;
  readonly #handle: number;
  readonly #onEmpty: () => void;
  /** Entries whose command is with the kernel or whose request is with the device. */
  #alive = 0;
  #stopping = false;
  #quiet = false;
  /** The first failure that was not the end of the connection. */
  failure: string | null = null;

  /** `onEmpty` is called when the kernel has let go of all entries and no request is under way. */
  constructor(io: UringIo, device: BlockDevice, plan: FuseQueuePlan, onEmpty: () => void) {
    this.#io = io;
    this.#plan = plan;
    this.#onEmpty = onEmpty;
    const count = plan.queues.length * plan.entriesPerQueue;
    this.#headers = io.memory.allocate(count * slotBytes);
    this.#payloads = io.memory.allocate(count * plan.payloadBytes, pageBytes);
    this.#dispatcher = new Dispatcher(io, device, plan.payloadBytes, this);
    for (let index = 0; index < count; index += 1) {
      const queue = plan.queues[Math.floor(index / plan.entriesPerQueue)]!;
      const header = this.#headers + index * slotBytes;
      const payload = this.#payloads + index * plan.payloadBytes;
      const { inOut, opIn } = uringHeader;
      this.#slots.push(new FuseSlot(io, this.#dispatcher, index, queue, header + inOut, header + opIn, payload));
    }
    this.#handle = io.handlers.add(this);
  }

  get underWay(): number {
    return this.#dispatcher.underWay;
  }

  /** Submits all entries. What the kernel thinks of them shows in `failure` after the next batch. */
  register(): void {
    const view = this.#io.memory.view;
    const base = this.#io.memory.base;
    for (const slot of this.#slots) {
      const iovecs = slot.header + uringHeaderBytes;
      view.setBigUint64(iovecs, BigInt(base + slot.header), true);
      view.setBigUint64(iovecs + 8, BigInt(uringHeaderBytes), true);
      view.setBigUint64(iovecs + iovecBytes, BigInt(base + slot.payload), true);
      view.setBigUint64(iovecs + iovecBytes + 8, BigInt(this.#plan.payloadBytes), true);
      this.#alive += 1;
      this.#command(slot, uringCommand.register, base + iovecs, 2, 0, 0);
    }
  }

  #command(slot: FuseSlot, command: number, address: number, length: number, idLow: number, idHigh: number): void {
    const ring = this.#io.ring;
    const { fd } = this.#plan;
    const at = ring.push(opcode.uringCmd, fd, address, length, command, 0, slot.index, this.#handle) + sqe.cmd;
    const words = ring.entries;
    words[at + (uringRequest.flags >> 2)] = 0;
    words[at + (uringRequest.flags >> 2) + 1] = 0;
    words[at + (uringRequest.commitId >> 2)] = idLow;
    words[at + (uringRequest.commitId >> 2) + 1] = idHigh;
    words[at + (uringRequest.qid >> 2)] = slot.queue;
    words[at + (uringRequestBytes >> 2) - 1] = 0;
  }

  /**
   * For queues that could not be set up whole: from now on the descriptor's number is not used again, so that it may be
   * closed. Nothing is answered any more; the kernel lets go of the entries when the connection is aborted.
   */
  stop(): void {
    this.#stopping = true;
  }

  /** Takes up nothing more; what was taken up is answered. */
  quiesce(): void {
    this.#quiet = true;
  }

  /** An entry's command completed: a request has come, or the entry is lost. */
  onCompletion(token: number, result: number): void {
    const slot = this.#slots[token];
    assert(slot !== undefined, 'a FUSE entry completed that does not exist');
    if (result === 0 && !this.#stopping) {
      // Not taken up: it stays as it is until the connection ends, or with this process.
      if (!this.#quiet) this.#dispatcher.start(slot);
      return;
    }
    if (result < 0 && this.failure === null && !isEndOfConnection(-result)) {
      this.failure = `the kernel refused an entry of FUSE over io_uring: ${errnoName(result)}`;
    }
    this.#lose();
  }

  #lose(): void {
    this.#alive -= 1;
    if (this.#alive === 0) this.#onEmpty();
  }

  reply(slot: FuseSlot, error: number, payloadBytes: number): void {
    if (this.#stopping) {
      this.#lose();
      return;
    }
    const words = this.#io.memory.u32;
    const header = slot.header >> 2;
    words[header + (outHeader.len >> 2)] = outHeaderBytes + payloadBytes;
    words[header + (outHeader.error >> 2)] = -error;
    words[header + (outHeader.unique >> 2)] = slot.uniqueLow;
    words[header + (outHeader.unique >> 2) + 1] = slot.uniqueHigh;
    words[header + (uringHeader.entPayloadSize >> 2)] = payloadBytes;
    const id = header + (uringHeader.entCommitId >> 2);
    this.#command(slot, uringCommand.commitAndFetch, 0, 0, words[id]!, words[id + 1]!);
  }

  /** Every request that comes this way wants an answer. */
  drop(slot: FuseSlot): void {
    this.reply(slot, 0, 0);
  }

  /** Gives the memory back. Only when nothing is alive. */
  close(): void {
    assert(this.#alive === 0, 'FUSE queues are closed while the kernel holds entries');
    this.#io.handlers.remove(this.#handle);
    this.#dispatcher.close();
    this.#io.memory.free(this.#payloads);
    this.#io.memory.free(this.#headers);
  }
}
