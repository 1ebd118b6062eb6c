/**
 * FUSE over reads and writes of /dev/fuse, through the ring. Besides the whole traffic of the classic transport, what
 * io_uring does not carry (FORGET, INTERRUPT) comes this way, and the news that the connection is gone.
 *
 * A slot's memory is one stretch: a page whose end takes the header and the first argument, then the payload, which
 * begins on a page. A WRITE request is read into it so that its data lands exactly in the payload, and the answer to a
 * READ goes out from it in one piece, its header written over the end of the argument.
 *
 *     … | fuse_in_header 40 | argument 40 | payload …
 *                              … | out 16 | payload …
 *
 * The descriptor is non-blocking, because several reactors may read from one connection and a read that another one
 * was faster with must not put this thread to sleep. A multi-shot poll tells that there is something to read; reads
 * are then submitted until one finds nothing.
 */
import { assert } from '../../base/assert.ts';
import type { BlockDevice } from '../../block/device.ts';
import type { UringIo } from '../../io/uring/io.ts';
import { errno, errnoName } from '../../native/errno.ts';
import { cqeMore, opcode, pollIn, pollMulti } from '../../uring/abi.ts';
import type { FuseQueuePlan } from '../contract.ts';
import { inHeader, inHeaderBytes, outHeader, outHeaderBytes, writeInBytes } from './abi.ts';
import { Dispatcher } from './dispatch.ts';
import { isEndOfConnection } from './end.ts';
import { FuseSlot, type ReplyPort } from './slot.ts';

const pageBytes = 4096;
const headBytes = inHeaderBytes + writeInBytes;

/** Tokens: a slot's read is its index, its write its index plus this. */
const writeToken = 1 << 16;
const pollToken = 1 << 17;
const cancelToken = pollToken + 1;

/** POLLERR | POLLHUP */
const pollGone = 8 | 16;
/** The most reads that are submitted at once in the hope that as many requests wait. */
const widestBurst = 32;

export class ClassicQueue implements ReplyPort {
  readonly #io: UringIo;
  readonly #plan: FuseQueuePlan;
  readonly #dispatcher: Dispatcher;
  readonly #slots: FuseSlot[] = [];
  readonly #memory: number;
  readonly #strideBytes: number;
  readonly #idle: Int32Array;
  #idleCount: number;
  readonly #handle: number;
  readonly #onEmpty: () => void;
  /** Reads that are with the kernel. */
  #reading = 0;
  /** There may be something to read. */
  #readable = false;
  #burst = 1;
  #polling = false;
  #cancelling = false;
  #gone = false;
  #stopped = false;
  #quiet = false;
  /** Answers that are on their way to the kernel. */
  #writing = 0;
  #empty = false;
  /** The first failure that was not the end of the connection. */
  failure: string | null = null;

  /** As UringQueues; `slots` requests are served at once. */
  constructor(io: UringIo, device: BlockDevice, plan: FuseQueuePlan, slots: number, onEmpty: () => void) {
    this.#io = io;
    this.#plan = plan;
    this.#onEmpty = onEmpty;
    this.#strideBytes = pageBytes + plan.payloadBytes;
    this.#memory = io.memory.allocate(slots * this.#strideBytes, pageBytes);
    this.#dispatcher = new Dispatcher(io, device, plan.payloadBytes, this);
    for (let index = 0; index < slots; index += 1) {
      const payload = this.#memory + index * this.#strideBytes + pageBytes;
      const header = payload - headBytes;
      this.#slots.push(new FuseSlot(io, this.#dispatcher, index, 0, header, header + inHeaderBytes, payload));
    }
    this.#idle = Int32Array.from({ length: slots }, (_, place) => slots - 1 - place);
    this.#idleCount = slots;
    this.#handle = io.handlers.add(this);
  }

  get underWay(): number {
    return this.#dispatcher.underWay;
  }

  /** Answers are under way, or requests may still come. */
  get answering(): boolean {
    return this.#writing > 0 || this.#reading > 0;
  }

  /** Takes up nothing more; what was taken up is answered. */
  quiesce(): void {
    this.#quiet = true;
  }

  start(): void {
    this.#poll();
    this.#readable = true;
    this.#read();
  }

  #poll(): void {
    this.#polling = true;
    const { fd } = this.#plan;
    this.#io.ring.push(opcode.pollAdd, fd, 0, pollMulti, 0, pollIn, pollToken, this.#handle);
  }

  /** Submits as many reads as seem worth it. */
  #read(): void {
    while (this.#readable && !this.#gone && !this.#quiet && this.#idleCount > 0 && this.#reading < this.#burst) {
      this.#idleCount -= 1;
      const slot = this.#slots[this.#idle[this.#idleCount]!]!;
      this.#reading += 1;
      const address = this.#io.memory.base + slot.header;
      const bytes = headBytes + this.#plan.payloadBytes;
      this.#io.ring.push(opcode.read, this.#plan.fd, address, bytes, 0, 0, slot.index, this.#handle);
    }
  }

  #release(index: number): void {
    this.#idle[this.#idleCount] = index;
    this.#idleCount += 1;
  }

  onCompletion(token: number, result: number, flags: number): void {
    if (token === pollToken) this.#onPolled(result, flags);
    else if (token === cancelToken) this.#cancelling = false;
    else if (token >= writeToken) this.#onWritten(token - writeToken, result);
    else this.#onRead(token, result);
    this.#read();
    this.#checkEmpty();
  }

  #onPolled(result: number, flags: number): void {
    if ((flags & cqeMore) === 0) this.#polling = false;
    if (result < 0) this.#end(-result);
    else if ((result & pollGone) !== 0) this.#end(errno.ENODEV);
    else this.#readable = true;
    if (!this.#polling && !this.#gone) this.#poll();
  }

  #onRead(index: number, result: number): void {
    this.#reading -= 1;
    const slot = this.#slots[index]!;
    if (result > 0) {
      if (this.#reading === 0) this.#burst = Math.min(this.#burst * 2, widestBurst);
      const words = this.#io.memory.u32;
      if (result < inHeaderBytes || words[(slot.header + inHeader.len) >> 2]! !== result) {
        this.#fail(`a message of ${result} bytes from /dev/fuse is malformed`);
        this.#release(index);
        return;
      }
      // Not taken up: the kernel hands it out again to whoever asks for what was not answered.
      if (this.#quiet) this.#release(index);
      else this.#dispatcher.start(slot);
      return;
    }
    this.#release(index);
    switch (-result) {
      case errno.EAGAIN: // nothing there; the poll will tell
        this.#readable = false;
        this.#burst = Math.max(1, this.#burst >> 1);
        return;
      case errno.EINTR: // a signal came
      case errno.ENOENT: // the request was taken back before we had it
        return;
      default:
        this.#end(-result);
    }
  }

  #onWritten(index: number, result: number): void {
    this.#writing -= 1;
    this.#release(index);
    // ENOENT: the kernel gave the request up meanwhile (interrupted, aborted).
    if (result >= 0 || result === -errno.ENOENT) return;
    if (isEndOfConnection(-result)) this.#end(-result);
    else this.#fail(`the kernel refused an answer over /dev/fuse: ${errnoName(result)}`);
  }

  reply(slot: FuseSlot, error: number, payloadBytes: number): void {
    if (this.#stopped) {
      this.#release(slot.index);
      this.#checkEmpty();
      return;
    }
    this.#writing += 1;
    const start = slot.payload - outHeaderBytes;
    const words = this.#io.memory.u32;
    const header = start >> 2;
    words[header + (outHeader.len >> 2)] = outHeaderBytes + payloadBytes;
    words[header + (outHeader.error >> 2)] = -error;
    words[header + (outHeader.unique >> 2)] = slot.uniqueLow;
    words[header + (outHeader.unique >> 2) + 1] = slot.uniqueHigh;
    this.#io.ring.push(
      opcode.write,
      this.#plan.fd,
      this.#io.memory.base + start,
      outHeaderBytes + payloadBytes,
      0,
      0,
      slot.index + writeToken,
      this.#handle,
    );
  }

  drop(slot: FuseSlot): void {
    this.#release(slot.index);
  }

  #fail(what: string): void {
    this.failure ??= what;
    this.#end(errno.EIO);
  }

  /** No more reads; what is under way comes to its end. */
  #end(error: number): void {
    if (this.#gone) return;
    this.#gone = true;
    if (this.failure === null && !isEndOfConnection(error)) {
      this.failure = `/dev/fuse cannot be read: ${errnoName(error)}`;
    }
    this.stopPolling();
  }

  /** As UringQueues.stop. */
  stop(): void {
    this.#stopped = true;
    this.stopPolling();
    this.#checkEmpty();
  }

  /** Takes the poll back, so that nothing refers to the descriptor any more. */
  stopPolling(): void {
    this.#gone = true;
    if (!this.#polling || this.#cancelling) return;
    this.#cancelling = true;
    const target = this.#handle * 0x1_0000_0000 + pollToken;
    this.#io.ring.push(opcode.asyncCancel, -1, target, 0, 0, 0, cancelToken, this.#handle);
  }

  #checkEmpty(): void {
    if (!this.#gone || this.#empty || this.#polling || this.#cancelling) return;
    if (this.#idleCount !== this.#slots.length) return;
    this.#empty = true;
    this.#onEmpty();
  }

  /** Gives the memory back. Only when nothing is under way. */
  close(): void {
    assert(this.#empty, 'a FUSE queue is closed while something is under way');
    this.#io.handlers.remove(this.#handle);
    this.#dispatcher.close();
    this.#io.memory.free(this.#memory);
  }
}
