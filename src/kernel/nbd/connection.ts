/**
 * One connection to the kernel's NBD driver, in the transmission phase from its first byte on (doc/proto.md, "Transmission
 * phase"): requests are received, carried out in any order, and answered with simple replies.
 *
 * Bytes arrive in a small staging buffer, many small requests at once. The data of a write that is there already is copied
 * from it, once; the rest is received straight into the slot's payload. Nothing is received while no slot is free, so
 * whoever sends more than we can carry out has to wait.
 */
import { assert } from '../../base/assert.ts';
import { CausewayError } from '../../base/errors.ts';
import type { BlockDevice } from '../../block/device.ts';
import { op, requestFlag as blockFlag } from '../../block/request.ts';
import type { Io, Socket, SocketOwner } from '../../io/contract.ts';
import { errno, errnoName } from '../../native/errno.ts';
import {
  largestTransferBytes,
  reply as replyField,
  replyBytes,
  replyMagic,
  request as field,
  requestBytes,
  requestFlag,
  requestMagic,
  requestType,
} from './abi.ts';
import { Dispatcher, type ReplyPort } from './dispatch.ts';
import { Replies } from './replies.ts';
import { NbdSlot } from './slot.ts';

const pageBytes = 4096;
/** Some small writes with their data, and not much of a large one. */
const stagingBytes = 32 * 1024;
const highWord = 0x1_0000_0000;
const knownFlags = requestFlag.fua | requestFlag.noHole;

export interface ConnectionPlan {
  /** Requests that are served at once. */
  readonly slots: number;
  readonly payloadBytes: number;
}

export class NbdConnection implements SocketOwner, ReplyPort {
  readonly #io: Io;
  readonly #plan: ConnectionPlan;
  readonly #onEnd: (failure: string | null) => void;
  readonly #dispatcher: Dispatcher;
  readonly #replies: Replies;
  readonly #memory: number;
  readonly #idle: NbdSlot[] = [];
  #socket: Socket | null = null;
  /** Bytes in the staging buffer that are not taken apart yet. */
  #staged = 0;
  #stagedEnd = 0;
  /** A write whose data is being received, and how much of it is there. */
  #filling: NbdSlot | null = null;
  #filled = 0;
  /** A request that is larger than a payload is under way: it has memory of its own, so there is one at a time. */
  #large = false;
  #quiet = false;
  /** The connection is being ended: nothing is received or sent any more. */
  #over = false;
  #closed = false;
  #ended = false;
  failure: string | null = null;

  /**
   * @param onEnd the connection is over, every request came back and the memory is given back; with a sentence if the
   * reason was not that the kernel ended it
   * @throws CausewayError `out-of-memory`
   */
  constructor(io: Io, device: BlockDevice, plan: ConnectionPlan, onEnd: (failure: string | null) => void) {
    this.#io = io;
    this.#plan = plan;
    this.#onEnd = onEnd;
    const { slots, payloadBytes } = plan;
    const payloads = stagingBytes + Math.ceil((slots * replyBytes) / pageBytes) * pageBytes;
    this.#memory = io.memory.allocate(payloads + slots * payloadBytes, pageBytes);
    this.#dispatcher = new Dispatcher(io, device, payloadBytes, this);
    this.#replies = new Replies(io, slots, this.#onAnswered);
    for (let index = slots - 1; index >= 0; index -= 1) {
      const reply = this.#memory + stagingBytes + index * replyBytes;
      const payload = this.#memory + payloads + index * payloadBytes;
      this.#idle.push(new NbdSlot(io, this.#dispatcher, index, reply, payload));
      io.memory.view.setUint32(reply + replyField.magic, replyMagic, false);
    }
  }

  /** Requests that were taken up and are not answered yet. */
  get underWay(): number {
    return this.#dispatcher.underWay + this.#replies.underWay;
  }

  /** The socket stands. */
  start(socket: Socket): void {
    this.#socket = socket;
    this.#replies.socket = socket;
    this.#receive();
  }

  /**
   * Receives nothing more but the rest of a request that has begun; what was received is answered. Then the stream stands
   * between two requests (`isQuiet`), and somebody else may go on with it.
   */
  quiesce(): void {
    this.#quiet = true;
    this.#socket?.interruptReceive();
  }

  get isQuiet(): boolean {
    if (this.#over) return this.underWay === 0;
    return this.#quiet && this.#isBetweenRequests && this.#socket?.receiving !== true && this.underWay === 0;
  }

  get #isBetweenRequests(): boolean {
    return this.#staged === this.#stagedEnd && this.#filling === null;
  }

  onConnected(): void {}

  #receive(): void {
    const socket = this.#socket;
    if (socket === null || socket.receiving || this.#over) return;
    if (this.#quiet && this.#isBetweenRequests) return;
    const filling = this.#filling;
    if (filling !== null) {
      socket.receive(filling.data + this.#filled, filling.length - this.#filled, true);
      return;
    }
    if (this.#staged > 0) {
      this.#io.memory.copy(this.#memory, this.#memory + this.#staged, this.#stagedEnd - this.#staged);
      this.#stagedEnd -= this.#staged;
      this.#staged = 0;
    }
    const end = this.#quiet ? requestBytes : stagingBytes;
    socket.receive(this.#memory + this.#stagedEnd, end - this.#stagedEnd);
  }

  onReceived(result: number): void {
    if (result === -errno.ECANCELED && this.#quiet) {
      this.#advance();
      return;
    }
    if (result <= 0) {
      this.#onPeerEnded(result);
      return;
    }
    if (this.#filling === null) this.#stagedEnd += result;
    else this.#filled += result;
    this.#advance();
  }

  #onPeerEnded(result: number): void {
    switch (-result) {
      case 0:
      case errno.ECONNRESET:
      case errno.EPIPE:
        this.#end(null);
        return;
      default:
        this.#end(`the connection to the kernel failed: ${errnoName(result)}`);
    }
  }

  /** Takes up what is there and can be taken up; then receives, unless there is no slot for what would come. */
  #advance(): void {
    if (this.#over) return;
    const filling = this.#filling;
    if (filling !== null && this.#filled === filling.length) {
      this.#filling = null;
      this.#dispatcher.start(filling);
    }
    while (this.#filling === null && this.#stagedEnd - this.#staged >= requestBytes) {
      if (this.#idle.length === 0 || this.#large) return;
      this.#take();
      if (this.#over) return;
    }
    if (this.#idle.length > 0 || this.#filling !== null) this.#receive();
  }

  /** Takes up the request whose header is staged, as far as its data is there. */
  #take(): void {
    const at = this.#memory + this.#staged;
    const { memory } = this.#io;
    const { view } = memory;
    const flags = view.getUint16(at + field.flags, false);
    const type = view.getUint16(at + field.type, false);
    const length = view.getUint32(at + field.length, false);
    if (view.getUint32(at + field.magic, false) !== requestMagic) {
      this.#end('the kernel sent what is no NBD request');
      return;
    }
    if (type === requestType.disconnect) {
      this.#end(null);
      return;
    }
    if ((flags & ~knownFlags) !== 0) {
      this.#end(`the kernel sent a request with unknown flags (${flags})`);
      return;
    }
    const slot = this.#idle.pop();
    assert(slot !== undefined, 'a request is taken up without a slot');
    if (!this.#describe(slot, type, flags, length)) {
      this.#idle.push(slot);
      return;
    }
    // Beyond 2^53 it comes out as a number that no check of a range lets pass.
    slot.offset =
      slot.operation === op.flush
        ? 0
        : view.getUint32(at + field.offset, false) * highWord + view.getUint32(at + field.offset + 4, false);
    memory.copy(slot.reply + replyField.cookie, at + field.cookie, 8);
    this.#staged += requestBytes;
    if (type !== requestType.write || length === 0) {
      this.#dispatcher.start(slot);
      return;
    }
    const there = Math.min(length, this.#stagedEnd - this.#staged);
    memory.copy(slot.data, this.#memory + this.#staged, there);
    this.#staged += there;
    if (there === length) {
      this.#dispatcher.start(slot);
      return;
    }
    this.#filling = slot;
    this.#filled = there;
  }

  /** Fills in what is to be done. False if that ended the connection. */
  #describe(slot: NbdSlot, type: number, flags: number, length: number): boolean {
    slot.length = length;
    slot.data = slot.payload;
    slot.flags = (flags & requestFlag.fua) === 0 ? 0 : blockFlag.fua;
    switch (type) {
      case requestType.read:
      case requestType.write:
        slot.operation = type === requestType.read ? op.read : op.write;
        return length <= this.#plan.payloadBytes || this.#takeMemory(slot, length);
      case requestType.flush:
        slot.operation = op.flush;
        slot.length = 0;
        return true;
      case requestType.trim:
        slot.operation = op.discard;
        return true;
      case requestType.writeZeroes:
        slot.operation = op.writeZeroes;
        if ((flags & requestFlag.noHole) !== 0) slot.flags |= blockFlag.keepAllocated;
        return true;
      default:
        this.#end(`the kernel sent a request of an unknown type (${type})`);
        return false;
    }
  }

  #takeMemory(slot: NbdSlot, length: number): boolean {
    if (length > largestTransferBytes) {
      this.#end(`the kernel sent a request of ${length} bytes`);
      return false;
    }
    try {
      slot.data = this.#io.memory.allocate(length, pageBytes);
    } catch (error) {
      if (!(error instanceof CausewayError)) throw error;
      this.#end(`there is no memory for a request of ${length} bytes`);
      return false;
    }
    this.#large = true;
    return true;
  }

  reply(slot: NbdSlot, error: number, dataBytes: number): void {
    if (this.#over) {
      this.#release(slot);
      this.#finishIfIdle();
      return;
    }
    this.#io.memory.view.setUint32(slot.reply + replyField.error, error, false);
    slot.replyData = dataBytes;
    this.#replies.add(slot);
  }

  readonly #onAnswered = (slot: NbdSlot): void => this.#release(slot);

  #release(slot: NbdSlot): void {
    if (slot.data !== slot.payload) {
      this.#io.memory.free(slot.data);
      slot.data = slot.payload;
      this.#large = false;
    }
    this.#idle.push(slot);
  }

  onSent(result: number): void {
    // The receive that is under way, or the next one, tells why; until then nothing more can be sent.
    if (result < 0) {
      this.#onPeerEnded(result);
      return;
    }
    this.#replies.onSent();
    if (this.#socket?.receiving === false) this.#advance();
  }

  #end(failure: string | null): void {
    if (this.#over) return;
    this.#over = true;
    this.failure = failure;
    this.#replies.stop();
    this.#socket?.abort();
  }

  /** Ends the connection from our side. */
  stop(): void {
    this.#end(null);
  }

  onClosed(): void {
    this.#closed = true;
    this.#replies.drop();
    if (this.#filling !== null) this.#release(this.#filling);
    this.#filling = null;
    this.#finishIfIdle();
  }

  #finishIfIdle(): void {
    if (!this.#closed || this.#ended || this.#dispatcher.underWay > 0) return;
    assert(this.#idle.length === this.#plan.slots, 'an NBD connection ends while a request is under way');
    this.#ended = true;
    this.#dispatcher.close();
    this.#io.memory.free(this.#memory);
    this.#onEnd(this.failure);
  }
}
