/**
 * Commands over one connection: what admin queues and I/O queues have in common (host's side). A command is a slot; its
 * cid finds it again. Data in arrives by C2HData, data out leaves in the capsule or when the controller asks for it by
 * R2T. Everything the controller says is held against the slot it names: an answer to nothing, or data out of place, ends
 * the connection.
 *
 * Why buffers are safe. A slot's data is referred to by (a) sends, counted in `slot.sends`, and (b) the receive that the
 * connection may have posted into it. A command ends, and `CommandOwner.onCommand` is called, only
 * – by a response (or C2HData with SUCCESS): then (b) is over, because the stream is in order and what comes after the
 *   command's last data is received elsewhere; and once `sends` is 0, so (a) is over too: a response may well arrive
 *   before the completion of the send that carried the data;
 * – or in `onDetached`: then no operation of this connection refers to anything.
 * The data of a command that reads may be given up before that by `drop`: from then on its bytes go nowhere, and once a
 * receive that was posted into it is back nothing refers to it. The command itself ends as any other.
 *
 * Why the submission queue cannot overflow: it has one entry more than there are slots (an SQ of n entries holds n - 1
 * commands), and a slot is free only after its command's response, which follows its fetch. SQHD need not be waited
 * for; it is checked for being possible, and remembered.
 */
import { assert } from '../../base/assert.ts';
import { Slab } from '../../base/slab.ts';
import type { Address, Io, Timer } from '../../io/contract.ts';
import { type Breakage, breakage } from './breakage.ts';
import { type CommandOwner, CommandSlot, direction, ending, maxSlots, slotState } from './command-slot.ts';
import { Connection, type ConnectionOptions, type ConnectionOwner } from './connection.ts';
import { fes, pduFlag, pduType } from './constants.ts';
import { cqeCid, cqeCrd, cqeDnr, cqeDw0, cqeDw1, cqeSqhd, cqeStatus } from './cqe.ts';
import { capsuleCmd, capsuleResp, ch, dataPdu, r2t, writeCapsuleCmdHeader, writeDataHeader } from './pdu.ts';
import { nowhere } from './pdu-receiver.ts';
import { R2tQueue } from './r2t-queue.ts';

/** Where a command queue tells what happened to it. */
export interface CommandQueueListener {
  /** The transport stands: the first command must be Connect. */
  onTransport(): void;
  /** The connection is over, not by our wish. `onQueueDetached` follows. */
  onQueueBroken(how: Breakage): void;
  /** All commands have been ended; nothing refers to any buffer. It may be opened again. */
  onQueueDetached(): void;
  /** A slot is free after none was. */
  onQueueRoom(): void;
  /** A command has had no answer for too long, and has a grace from now on. Said once of each; not where there is none. */
  onCommandOverdue(slot: CommandSlot): void;
  /** A command has had no answer for too long, and its grace is over. Said once until the queue is opened again. */
  onQueueTimeout(): void;
}

/** Who writes a command into its capsule. */
export interface CommandWriter {
  /** Writes the SQE of `slot` at `at`. May be called later than the submission, once there is room. */
  writeCommand(view: DataView, at: number, slot: CommandSlot): void;
}

/** R2Ts of one command that we take at once. */
export const maxR2t = 4;
/** How often, within a time-out or a grace, ages are looked at. */
const looksPerTimeout = 4;

export interface CommandQueueOptions extends ConnectionOptions {
  /** Commands at once. */
  readonly depth: number;
  /** A command without an answer for this long is a time-out, milliseconds; 0 = no bound here. */
  readonly timeoutMs: number;
  /** What a command has left from then on, milliseconds. */
  readonly graceMs: number;
  /** As `CommandQueue.shortData`, to begin with. */
  readonly shortData: boolean;
}

export class CommandQueue implements ConnectionOwner {
  readonly connection: Connection;
  /** Commands may bring less data than their slot has room for (admin and fabrics commands, whose rest is zeroes). */
  shortData: boolean;
  /** Last SQHD that the controller reported. */
  sqhd = 0;

  readonly #io: Io;
  readonly #listener: CommandQueueListener;
  readonly #writer: CommandWriter;
  readonly #slots: Slab<CommandSlot>;
  readonly #timeoutMs: number;
  readonly #graceMs: number;
  readonly #timer: Timer;
  readonly #r2ts: R2tQueue;
  /** How many slots may be used: at most the slots there are. */
  #depth: number;
  #inUse = 0;
  /** Commands that wait for room in the connection, oldest first. */
  #firstWaiting: CommandSlot | null = null;
  #lastWaiting: CommandSlot | null = null;
  /** Ages count from here at the earliest: moved by our own stalls. */
  #judgeFrom = Number.NaN; // starts as a double, so that the field's representation never changes
  #timedOut = false;

  constructor(io: Io, listener: CommandQueueListener, writer: CommandWriter, options: CommandQueueOptions) {
    assert(options.depth >= 1 && options.depth < maxSlots, 'a queue has 1 to 1023 commands');
    this.#io = io;
    this.#listener = listener;
    this.#writer = writer;
    this.#slots = new Slab(options.depth, (tag) => new CommandSlot(tag));
    this.#depth = options.depth;
    this.#timeoutMs = options.timeoutMs;
    this.#graceMs = options.graceMs;
    this.shortData = options.shortData;
    this.#r2ts = new R2tQueue(options.depth * maxR2t);
    this.#timer = io.timer(() => this.#lookAtAges());
    this.#judgeFrom = 0;
    this.connection = new Connection(io, 'host', this, { ...options, maxR2t });
  }

  get inUse(): number {
    return this.#inUse;
  }

  get hasRoom(): boolean {
    return this.#inUse < this.#depth;
  }

  get depth(): number {
    return this.#depth;
  }

  /** Uses at most `depth` slots from now on. Only while nothing is under way. */
  limitDepth(depth: number): void {
    assert(this.#inUse === 0 && depth >= 1 && depth <= this.#slots.capacity, 'a queue gets an impossible depth');
    this.#depth = depth;
  }

  open(address: Address): void {
    this.#timedOut = false;
    this.#judgeFrom = this.#io.clock.now();
    this.sqhd = 0;
    this.connection.open(address);
  }

  abort(): void {
    this.connection.abort();
  }

  /** Gives the memory back; only when detached. */
  release(): void {
    this.#timer.disarm();
    this.connection.release();
  }

  /**
   * Takes a slot, fills it in and sends the command (as soon as there is room in the connection). Only while the
   * connection is ready and `hasRoom`. `owner.onCommand` follows, never from inside.
   */
  submit(
    owner: CommandOwner,
    purpose: number,
    dataDirection: number,
    data: number,
    dataBytes: number,
    inCapsule: boolean,
  ): CommandSlot {
    const slot = this.take(owner, purpose, dataDirection, data, dataBytes, inCapsule);
    this.send(slot);
    return slot;
  }

  /** The first half of `submit`, for owners that note something at the slot before the command is written. */
  take(
    owner: CommandOwner,
    purpose: number,
    dataDirection: number,
    data: number,
    dataBytes: number,
    inCapsule: boolean,
  ): CommandSlot {
    const slot = this.#inUse < this.#depth ? this.#slots.take() : null;
    assert(slot !== null, 'a command is submitted to a full queue');
    this.#inUse += 1;
    slot.begin(owner, purpose, dataDirection, data, dataBytes, this.#io.clock.now());
    slot.inCapsule = inCapsule;
    return slot;
  }

  /** The second half of `submit`. */
  send(slot: CommandSlot): void {
    assert(!this.connection.detached, 'a command is submitted to a queue that is not open');
    if (this.#timeoutMs > 0 && !this.#timer.armed) this.#timer.arm(this.#timeoutMs / looksPerTimeout);
    if (this.#firstWaiting === null && this.#sendCapsule(slot)) return;
    if (this.#lastWaiting === null) this.#firstWaiting = slot;
    else this.#lastWaiting.next = slot;
    this.#lastWaiting = slot;
  }

  /**
   * Nobody wants the data of this command any more, one that reads. True: nothing refers to its place. False: something
   * still does; `owner.onDropped` follows, before `onCommand` at the latest.
   */
  drop(slot: CommandSlot): boolean {
    assert(slot.direction === direction.in, 'only data that comes in can be dropped');
    slot.dropped = true;
    slot.dropAwaited = !this.connection.dropData(slot.tag);
    return !slot.dropAwaited;
  }

  /** The slot with this tag, which is in use. */
  slot(tag: number): CommandSlot {
    return this.#slots.at(tag);
  }

  /** Visits every command under way. Control: for statistics and aborts. */
  forEachInUse(visit: (slot: CommandSlot) => void): void {
    for (let tag = 0; tag < this.#slots.capacity; tag += 1) {
      if (this.#slots.isTaken(tag)) visit(this.#slots.at(tag));
    }
  }

  #sendCapsule(slot: CommandSlot): boolean {
    const { connection } = this;
    const place = connection.reserve(capsuleCmd.bytes);
    if (place < 0) return false;
    const { view } = this.#io.memory;
    const inCapsuleBytes = slot.inCapsule ? slot.dataBytes : 0;
    writeCapsuleCmdHeader(view, place, connection.digests, inCapsuleBytes, connection.alignment);
    this.#writer.writeCommand(view, place + capsuleCmd.sqe, slot);
    slot.state = slotState.sent;
    slot.position = connection.position;
    if (inCapsuleBytes > 0) {
      slot.sends = 1;
      connection.queueWithData(place, slot.data, inCapsuleBytes, slot.tag);
    } else {
      connection.queue(place);
    }
    return true;
  }

  /** Sends what waited for room: commands first, then data that R2Ts asked for. */
  #pump(): void {
    while (this.#firstWaiting !== null) {
      const slot = this.#firstWaiting;
      if (!this.#sendCapsule(slot)) return;
      this.#firstWaiting = slot.next;
      if (this.#firstWaiting === null) this.#lastWaiting = null;
      slot.next = null;
    }
    this.#pumpR2ts();
  }

  #pumpR2ts(): void {
    const queue = this.#r2ts;
    const { connection } = this;
    while (!queue.empty) {
      const slot = this.#find(queue.cid);
      if (slot === null || slot.state !== slotState.sent) {
        // The controller ended the command without waiting for the data it had asked for.
        queue.shift();
        continue;
      }
      const place = connection.reserve(dataPdu.bytes);
      if (place < 0) return;
      const bytes = Math.min(queue.left, connection.maxH2cData);
      const isLast = bytes === queue.left;
      writeDataHeader(
        this.#io.memory.view,
        place,
        pduType.h2cData,
        connection.digests,
        connection.alignment,
        isLast ? pduFlag.lastPdu : 0,
        queue.cid,
        queue.ttag,
        queue.offset,
        bytes,
      );
      slot.sends += 1;
      connection.queueWithData(place, slot.data + queue.offset, bytes, slot.tag);
      if (isLast) {
        slot.r2ts -= 1;
        queue.shift();
      } else {
        queue.offset += bytes;
        queue.left -= bytes;
      }
    }
  }

  /** The command under way with this cid; null if there is none. */
  #find(cid: number): CommandSlot | null {
    const tag = cid & (maxSlots - 1);
    if (!this.#slots.isTaken(tag)) return null;
    const slot = this.#slots.at(tag);
    return slot.cid === cid ? slot : null;
  }

  /**
   * The command that the controller may be speaking of when it names `cid`: under way, not answered, and at least partly
   * given to the socket. Null ends the connection: an answer to nothing means that one side has lost count.
   */
  #addressed(cid: number): CommandSlot | null {
    const slot = this.#find(cid);
    if (slot === null || slot.state !== slotState.sent) return null;
    return this.connection.wasHanded(slot.position) ? slot : null;
  }

  // ConnectionOwner

  onReady(): void {
    this.#listener.onTransport();
  }

  onPdu(type: number, place: number, dataBytes: number): void {
    if (type === pduType.capsuleResp) this.#response(place + capsuleResp.cqe);
    else if (type === pduType.c2hData) this.#dataIn(place, dataBytes);
    else this.#readyToTransfer(place);
  }

  #response(at: number): void {
    const { view } = this.#io.memory;
    const slot = this.#addressed(cqeCid(view, at));
    if (slot === null) {
      this.#violation(fes.invalidHeaderField, capsuleResp.cqe + 12);
      return;
    }
    const status = cqeStatus(view, at);
    if (status === 0 && this.#isShort(slot)) {
      this.#violation(fes.pduSequence, 0);
      return;
    }
    this.sqhd = cqeSqhd(view, at);
    slot.status = status;
    slot.doNotRetry = cqeDnr(view, at);
    slot.retryDelayIndex = cqeCrd(view, at);
    slot.dw0 = cqeDw0(view, at);
    slot.dw1 = cqeDw1(view, at);
    this.#responded(slot);
  }

  /** The controller says that a command succeeded, but did not bring all of its data. */
  #isShort(slot: CommandSlot): boolean {
    if (slot.direction !== direction.in || slot.moved === slot.dataBytes) return false;
    return !this.shortData && slot.purpose !== callersOwn;
  }

  #dataIn(place: number, dataBytes: number): void {
    const { view } = this.#io.memory;
    const slot = this.#addressed(view.getUint16(place + dataPdu.cccid, true));
    if (slot === null || slot.direction !== direction.in) {
      this.#violation(fes.invalidHeaderField, dataPdu.cccid);
      return;
    }
    const datao = view.getUint32(place + dataPdu.datao, true);
    if (slot.last || datao !== slot.moved || dataBytes > slot.dataBytes - slot.moved) {
      this.#violation(fes.dataOutOfRange, dataPdu.datao);
      return;
    }
    const flags = view.getUint8(place + ch.flags);
    slot.last = (flags & pduFlag.lastPdu) !== 0;
    slot.success = (flags & pduFlag.success) !== 0;
    slot.moved += dataBytes;
    if (slot.success && this.#isShort(slot)) {
      this.#violation(fes.pduSequence, 0);
      return;
    }
    this.connection.receiveData(slot.dropped ? nowhere : slot.data + datao, slot.tag);
  }

  onData(cookie: number, intact: boolean): void {
    const slot = this.#slots.at(cookie);
    if (!intact) slot.corrupted = true;
    if (slot.success) this.#responded(slot);
  }

  onDropped(cookie: number): void {
    this.#tellDropped(this.#slots.at(cookie));
  }

  #tellDropped(slot: CommandSlot): void {
    if (!slot.dropAwaited) return;
    slot.dropAwaited = false;
    slot.owner?.onDropped?.(slot);
  }

  #readyToTransfer(place: number): void {
    const { view } = this.#io.memory;
    const cid = view.getUint16(place + r2t.cccid, true);
    const slot = this.#addressed(cid);
    if (slot === null || slot.direction !== direction.out || slot.inCapsule) {
      this.#violation(fes.invalidHeaderField, r2t.cccid);
      return;
    }
    const offset = view.getUint32(place + r2t.r2to, true);
    const length = view.getUint32(place + r2t.r2tl, true);
    if (length === 0 || offset !== slot.moved || length > slot.dataBytes - slot.moved) {
      this.#violation(fes.dataOutOfRange, r2t.r2to);
      return;
    }
    // An R2T counts until all its data is queued. The controller can count it off only after receiving that data, which is
    // later, so a controller that keeps to the limit is never refused, however late our own completion of the send is.
    if (slot.r2ts === maxR2t) {
      this.#violation(fes.limitExceeded, 0);
      return;
    }
    slot.r2ts += 1;
    slot.moved += length;
    this.#r2ts.push(cid, view.getUint16(place + r2t.ttag, true), offset, length);
    if (this.#firstWaiting === null) this.#pumpR2ts();
  }

  #violation(fatalStatus: number, information: number): void {
    this.connection.terminate(fatalStatus, information);
    this.#listener.onQueueBroken(breakage.protocolError);
  }

  onSent(cookie: number): void {
    const slot = this.#slots.at(cookie);
    slot.sends -= 1;
    if (slot.sends === 0 && slot.state === slotState.responded) this.#end(slot);
  }

  #responded(slot: CommandSlot): void {
    slot.state = slotState.responded;
    slot.handed = true;
    if (slot.sends === 0) this.#end(slot);
  }

  #end(slot: CommandSlot): void {
    this.#tellDropped(slot);
    const { owner } = slot;
    assert(owner !== null, 'a command has nobody to come back to');
    slot.owner = null;
    slot.state = slotState.free;
    // Free before its owner is told, so that whoever hears of an ending can submit the next command at once.
    this.#slots.give(slot);
    const wasFull = this.#inUse === this.#depth;
    this.#inUse -= 1;
    owner.onCommand(slot);
    if (wasFull && this.hasRoom) this.#listener.onQueueRoom();
  }

  onSendRoom(): void {
    this.#pump();
  }

  onBroken(how: Breakage): void {
    this.#listener.onQueueBroken(how);
  }

  onDetached(): void {
    this.#timer.disarm();
    this.#r2ts.clear();
    this.#firstWaiting = null;
    this.#lastWaiting = null;
    for (let tag = 0; tag < this.#slots.capacity; tag += 1) {
      if (!this.#slots.isTaken(tag)) continue;
      const slot = this.#slots.at(tag);
      if (slot.state !== slotState.responded) {
        // A response that is here decides, also when the connection was lost before the send's completion came.
        slot.ending = ending.lost;
        slot.handed = slot.state === slotState.sent && this.connection.wasHanded(slot.position);
      }
      slot.next = null;
      this.#end(slot);
    }
    this.#listener.onQueueDetached();
  }

  /**
   * Looks for commands that are too old. One timer a queue, not one a command. If our own loop stood still, answers may
   * have been here all the time: judging starts anew, of ages and of graces.
   */
  #lookAtAges(): void {
    if (this.#inUse === 0 || this.#timedOut || !this.connection.ready) return;
    const now = this.#io.clock.now();
    if (this.#io.slip > 0) this.#judgeFrom = now;
    let nextLook = this.#timeoutMs;
    for (let tag = 0; tag < this.#slots.capacity; tag += 1) {
      if (!this.#slots.isTaken(tag)) continue;
      const slot = this.#slots.at(tag);
      if (slot.purpose === neverTimesOut || slot.purpose === callersOwn) continue;
      if (slot.overdueAt === 0) {
        if (now - Math.max(slot.startedAt, this.#judgeFrom) < this.#timeoutMs) continue;
        slot.overdueAt = now;
        if (this.#graceMs > 0) this.#listener.onCommandOverdue(slot);
      }
      if (now - Math.max(slot.overdueAt, this.#judgeFrom) < this.#graceMs) {
        nextLook = Math.min(this.#timeoutMs, this.#graceMs);
        continue;
      }
      this.#timedOut = true;
      this.#listener.onQueueTimeout();
      return;
    }
    this.#timer.arm(nextLook / looksPerTimeout);
  }
}

/** The purpose of commands that the controller answers when it likes: asynchronous event requests. */
export const neverTimesOut = -1;
/** The purpose of commands of a caller's own making: who makes them bounds them, and they may bring less than asked for. */
export const callersOwn = -2;
