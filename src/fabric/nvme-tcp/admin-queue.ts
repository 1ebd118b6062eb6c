/**
 * The admin queue of one controller: commands as promises, for set-up and other control work. Every promise settles: a
 * command that is not answered in time ends the connection, and the end of the connection rejects what is under way.
 */
import { assert, defined } from '../../base/assert.ts';
import { CausewayError } from '../../base/errors.ts';
import type { Address, Deferred, Io } from '../../io/contract.ts';
import { writeAbortSqe, writeAsyncEventRequestSqe } from './admin-sqe.ts';
import { type Breakage, breakage } from './breakage.ts';
import {
  callersOwn,
  CommandQueue,
  type CommandQueueListener,
  type CommandWriter,
  neverTimesOut,
} from './command-queue.ts';
import { type CommandOwner, type CommandSlot, direction, ending } from './command-slot.ts';
import { connectDataBytes, writeConnectData } from './connect-data.ts';
import { adminInCapsuleBytes } from './constants.ts';
import { type ConnectResponse, readConnectResponse, writeConnectSqe } from './fabrics-sqe.ts';
import { type PassthroughCommand, type PassthroughResult, Passthroughs } from './passthrough.ts';
import { sc } from './status.ts';
import { addressText, breakageError, connectError, expectedError } from './transport-error.ts';

/** Where an admin queue tells what happens without being asked. */
export interface AdminListener {
  /** The connection is over, not by our wish. Commands under way are rejected at `onAdminDetached`. */
  onAdminLost(error: CausewayError): void;
  /** Nothing refers to any buffer; all promises are settled. */
  onAdminDetached(): void;
  /** An asynchronous event: dword 0 of its completion. The request is armed again by itself. */
  onAsyncEvent(dword0: number): void;
}

/** How an admin command ended. */
export interface AdminResult {
  /** `sct << 8 | sc`. */
  readonly status: number;
  readonly dw0: number;
  readonly dw1: number;
  /** What the command brought, zero behind what it did not bring; a copy. */
  readonly data: DataView;
}

export interface AdminOptions {
  readonly digests: number;
  /** An admin command without an answer for this long ends the connection, milliseconds. */
  readonly timeoutMs: number;
  readonly userTimeout: number;
  readonly handshakeMs: number;
}

export interface AdminConnect {
  readonly hostid: string;
  readonly hostnqn: string;
  readonly subnqn: string;
  /** 0xffff: the subsystem chooses. */
  readonly cntlid: number;
  readonly katoMs: number;
}

type Writer = (view: DataView, at: number, cid: number) => void;

interface Pending {
  readonly write: Writer;
  readonly deferred: Deferred<AdminResult>;
}

/** Commands at once, asynchronous event requests among them. */
const adminDepth = 31;
/** Of callers' own making, of all volumes: keep-alives, events and Aborts find room besides. */
const mostPassthroughs = 8;
/** The most data that one admin command brings here; longer logs are read in pieces. Control reads one at a time. */
export const adminDataBytes = 16 * 1024;
const purpose = { command: 0 } as const;
const noData = new DataView(new ArrayBuffer(0));

export class AdminQueue implements CommandQueueListener, CommandWriter, CommandOwner {
  readonly #io: Io;
  readonly #listener: AdminListener;
  readonly #queue: CommandQueue;
  readonly #passthroughs: Passthroughs;
  readonly #pending: (Pending | null)[] = new Array<Pending | null>(adminDepth).fill(null);
  readonly #buffer: number;
  readonly #address: Address;
  /** Commands with data go one after the other. */
  #bufferBusy = false;
  #bufferFree: Deferred<void> | null = null;
  #transport: Deferred<void> | null = null;
  #error: CausewayError | null = null;
  #slotFree: Deferred<void> | null = null;
  readonly #detached: Deferred<void>;

  constructor(io: Io, address: Address, listener: AdminListener, options: AdminOptions) {
    this.#io = io;
    this.#address = address;
    this.#listener = listener;
    this.#buffer = io.memory.allocate(adminDataBytes, 4096);
    this.#detached = io.deferred<void>();
    this.#queue = new CommandQueue(io, this, this, {
      ...options,
      depth: adminDepth,
      graceMs: 0,
      shortData: true,
      receiveBytes: 2 * adminDataBytes,
      stagingBytes: 16 * 1024,
      segments: 128,
    });
    this.#passthroughs = new Passthroughs(io, this.#queue, {
      callBack: (cid) => void this.#callBack(cid),
      giveUp: () => this.onQueueTimeout(),
    });
  }

  /** Connects and exchanges ICReq and ICResp. Once per object. @throws CausewayError how it failed */
  async open(): Promise<void> {
    if (this.#error !== null) throw this.#error;
    const transport = this.#io.deferred<void>();
    this.#transport = transport;
    this.#queue.open(this.#address);
    await transport.promise;
  }

  /** The connection stands and nobody ended it. */
  get alive(): boolean {
    return this.#queue.connection.ready && this.#error === null;
  }

  /** Digests that were agreed, bits of `digestBit`. */
  get digests(): number {
    return this.#queue.connection.digests;
  }

  /**
   * Ends the connection at once; `error` is what the commands under way are rejected with. Resolves, as `detached` does,
   * when nothing refers to any buffer. Harmless when repeated.
   */
  abort(error?: CausewayError): Promise<void> {
    this.#error ??=
      error ?? new CausewayError('nvme-connection-lost', `The connection to ${addressText(this.#address)} was ended.`);
    if (this.#queue.connection.detached) this.#detached.resolve();
    else this.#queue.abort();
    return this.#detached.promise;
  }

  /** Gives the memory back; only when detached. */
  release(): void {
    this.#queue.release();
    this.#io.memory.free(this.#buffer);
  }

  /**
   * Connect on the admin queue.
   * @throws CausewayError `nvme-connect-refused`, or how the connection ended
   */
  async connect(target: AdminConnect): Promise<ConnectResponse> {
    const entries = adminDepth + 1;
    const write: Writer = (view, at, cid) => writeConnectSqe(view, at, cid, 0, entries, 0, target.katoMs);
    const result = await this.#withBuffer(async () => {
      this.#mustLive();
      writeConnectData(this.#io.memory.view, this.#buffer, target);
      return await this.#run(write, direction.out, connectDataBytes);
    });
    if (result.status !== sc.success) throw connectError(result.status, target.subnqn, this.#address);
    return readConnectResponse(result.dw0);
  }

  /** Runs a command that moves no data. */
  command(write: Writer): Promise<AdminResult> {
    return this.#run(write, direction.none, 0);
  }

  /** Runs a command that brings up to `bytes` (at most `adminDataBytes`). */
  commandIn(write: Writer, bytes: number): Promise<AdminResult> {
    assert(bytes <= adminDataBytes, 'an admin command brings too much');
    return this.#withBuffer(async () => {
      this.#mustLive();
      this.#io.memory.fill(this.#buffer, 0, bytes);
      return await this.#run(write, direction.in, bytes);
    });
  }

  /** Runs a command that brings these bytes (at most `adminInCapsuleBytes`) along in its capsule. */
  commandOut(write: Writer, bytes: Uint8Array): Promise<AdminResult> {
    assert(bytes.length <= adminInCapsuleBytes, 'an admin command takes too much along');
    return this.#withBuffer(async () => {
      this.#mustLive();
      this.#io.memory.u8.set(bytes, this.#buffer);
      return await this.#run(write, direction.out, bytes.length);
    });
  }

  /**
   * Runs a command of a caller's own making. Resolves also when its connection is lost under it.
   * @throws CausewayError how the connection ended before it was sent, `too-many-requests`, `out-of-memory`
   */
  async passthrough(command: PassthroughCommand, isRepeatable: boolean): Promise<PassthroughResult> {
    if (this.#passthroughs.underWay >= mostPassthroughs) {
      throw new CausewayError('too-many-requests', `${mostPassthroughs} commands of others are under way already`);
    }
    while (this.alive && !this.#queue.hasRoom) await this.#slotAwaited();
    this.#mustLive();
    return await this.#passthroughs.run(command, isRepeatable);
  }

  /** Commands of callers that the controller may execute although nobody knows their outcome. */
  get leftBehind(): number {
    return this.#passthroughs.leftBehind;
  }

  async #callBack(cid: number): Promise<void> {
    try {
      await this.command((view, at, own) => writeAbortSqe(view, at, own, 0, cid));
    } catch (error) {
      // The connection was lost, which decides the command too.
      expectedError(error);
    }
  }

  /** Arms asynchronous event requests; each is armed again when it was answered. */
  armAsyncEvents(count: number): void {
    for (let i = 0; i < count && this.#queue.hasRoom && this.alive; i += 1) this.#armAsyncEvent();
  }

  #armAsyncEvent(): void {
    this.#queue.submit(this, neverTimesOut, direction.none, 0, 0, false);
  }

  /** Who waited for the buffer may find that it is somebody else's by now. @throws CausewayError how the queue ended */
  #mustLive(): void {
    if (!this.alive) throw this.#lostError();
  }

  async #withBuffer<T>(work: () => Promise<T>): Promise<T> {
    while (this.#bufferBusy) {
      this.#bufferFree ??= this.#io.deferred<void>();
      await this.#bufferFree.promise;
    }
    this.#bufferBusy = true;
    try {
      return await work();
    } finally {
      this.#bufferBusy = false;
      this.#bufferFree?.resolve();
      this.#bufferFree = null;
    }
  }

  async #run(write: Writer, dataDirection: number, bytes: number): Promise<AdminResult> {
    while (this.alive && !this.#queue.hasRoom) await this.#slotAwaited();
    this.#mustLive();
    const deferred = this.#io.deferred<AdminResult>();
    // What leaves is short enough for the capsule, always.
    const slot = this.#queue.take(
      this,
      purpose.command,
      dataDirection,
      this.#buffer,
      bytes,
      dataDirection === direction.out,
    );
    this.#pending[slot.tag] = { write, deferred };
    this.#queue.send(slot);
    return await deferred.promise;
  }

  /** Resolves when a slot is free, or the queue ended: who waited looks again, and takes it in the same breath. */
  #slotAwaited(): Promise<void> {
    this.#slotFree ??= this.#io.deferred<void>();
    return this.#slotFree.promise;
  }

  #lostError(): CausewayError {
    return this.#error ?? breakageError(breakage.lost, this.#queue.connection, this.#address);
  }

  // CommandWriter

  writeCommand(view: DataView, at: number, slot: CommandSlot): void {
    if (slot.purpose === neverTimesOut) writeAsyncEventRequestSqe(view, at, slot.cid);
    else if (slot.purpose === callersOwn) this.#passthroughs.writeCommand(view, at, slot);
    else defined(this.#pending[slot.tag], 'an admin command that nobody wrote').write(view, at, slot.cid);
  }

  // CommandOwner

  onCommand(slot: CommandSlot): void {
    if (slot.purpose === neverTimesOut) {
      this.#onAsyncEvent(slot);
      return;
    }
    const pending = defined(this.#pending[slot.tag], 'an admin command that nobody waits for');
    this.#pending[slot.tag] = null;
    if (slot.ending === ending.lost) {
      pending.deferred.reject(this.#lostError());
      return;
    }
    // Data whose digest was wrong is no data: the command is as good as lost on its way.
    const status = slot.status === sc.success && slot.corrupted ? sc.transientTransportError : slot.status;
    let data = noData;
    if (slot.direction === direction.in) {
      const { u8 } = this.#io.memory;
      const copy = u8.slice(this.#buffer, this.#buffer + slot.dataBytes);
      data = new DataView(copy.buffer, copy.byteOffset, copy.byteLength);
    }
    pending.deferred.resolve({ status, dw0: slot.dw0, dw1: slot.dw1, data });
  }

  #onAsyncEvent(slot: CommandSlot): void {
    // A controller that refuses the request (limit exceeded) is not asked again.
    if (slot.ending === ending.lost || slot.status !== sc.success) return;
    this.#listener.onAsyncEvent(slot.dw0);
    if (this.alive && this.#queue.hasRoom) this.#armAsyncEvent();
  }

  // CommandQueueListener

  onTransport(): void {
    this.#transport?.resolve();
  }

  onQueueBroken(how: Breakage): void {
    const error = breakageError(how, this.#queue.connection, this.#address);
    this.#error ??= error;
    this.#listener.onAdminLost(error);
  }

  onQueueDetached(): void {
    this.#transport?.reject(this.#lostError());
    this.#slotFree?.resolve();
    this.#slotFree = null;
    this.#detached.resolve();
    this.#listener.onAdminDetached();
  }

  onQueueRoom(): void {
    this.#slotFree?.resolve();
    this.#slotFree = null;
  }

  onCommandOverdue(): void {}

  onQueueTimeout(): void {
    const error = new CausewayError(
      'nvme-timeout',
      `${addressText(this.#address)} does not answer an admin command in time.`,
    );
    this.#error ??= error;
    this.#queue.abort();
    this.#listener.onAdminLost(error);
  }
}
