/**
 * How commands come in: capsules, the data in them, and the data that was asked for. Ends in `queue.ready`, when all of
 * a command's data is there (or room for what it will bring), or in `queue.answer`, when it is refused.
 *
 * What waits for a buffer, and why the wait ends: a command with in-capsule data holds up its whole connection, and with
 * it the data of commands that hold buffers already. So in-capsule data has a pool of its own, whose buffers wait for
 * nothing but the device. Everybody else waits while the connection goes on. Data of admin and fabrics commands needs no
 * pool: they are executed as soon as it is there, so one place a queue is enough.
 */
import { adminInCapsuleBytes, fes, ioOpcode, sglType } from '../fabric/nvme-tcp/constants.ts';
import { capsuleCmd } from '../fabric/nvme-tcp/pdu.ts';
import {
  sqe,
  sqeCid,
  sqeFlagsAreRight,
  sqeOpcode,
  sqeSglLength,
  sqeSglOffset,
  sqeSglType,
} from '../fabric/nvme-tcp/sqe.ts';
import type { BufferPool } from './buffers.ts';
import { type Command, phase } from './command.ts';
import type { Queue } from './queue.ts';
import { acceptH2cData, asksForMore, beginAsking, h2cDataDone } from './r2t.ts';
import { sc } from './status-codes.ts';

/** Byte of the cid in a command capsule. */
const cidOffset = capsuleCmd.sqe + sqe.cid;

export class Intake {
  readonly queue: Queue;
  /** Length of the H2CData that is being received, and the R2T place that it answers. */
  incomingBytes = 0;
  incomingPlace = 0;
  readonly #private: number;

  /** @throws CausewayError `out-of-memory` */
  constructor(queue: Queue) {
    this.queue = queue;
    this.#private = queue.memory.allocate(adminInCapsuleBytes, 4096);
  }

  release(): void {
    this.queue.memory.free(this.#private);
  }

  /** A command capsule with its header at `place`. */
  capsule(place: number, dataBytes: number): void {
    const { queue } = this;
    const { slots, connection } = queue;
    const { view } = queue.memory;
    const at = place + capsuleCmd.sqe;
    const cid = sqeCid(view, at);
    const twice = slots.cidInUse(cid);
    if (twice || !slots.available) {
      // A cid that is in use, or more commands than the queue has entries: nothing that follows can be trusted.
      if (dataBytes > 0) connection.discardData();
      connection.terminate(twice ? fes.invalidHeaderField : fes.limitExceeded, twice ? cidOffset : 0);
      return;
    }
    const command = queue.admit(cid);
    command.opcode = sqeOpcode(view, at);
    const status = sqeFlagsAreRight(view, at) ? queue.handler.accept(queue, command, view, at) : sc.invalidField;
    if (status !== sc.success) {
      this.#refuse(command, status, dataBytes);
      return;
    }
    if (command.dataLength > 0 && !command.toHost && sqeSglType(view, at) === sglType.inCapsule) {
      this.#inCapsule(command, dataBytes);
      return;
    }
    if (dataBytes > 0) connection.discardData();
    if (command.dataLength === 0) queue.ready(command);
    else if (this.#takeBuffer(command, queue.subsystem.buffers)) this.gotBuffer(command);
  }

  #refuse(command: Command, status: number, dataBytes: number): void {
    if (dataBytes > 0) this.queue.connection.discardData();
    command.status = status;
    this.queue.answer(command);
  }

  #inCapsule(command: Command, dataBytes: number): void {
    const { queue } = this;
    if (dataBytes !== command.dataLength) {
      this.#refuse(command, sc.dataSglLengthInvalid, dataBytes);
    } else if (queue.qid > 0 && command.opcode !== ioOpcode.fabrics) {
      if (this.#takeBuffer(command, queue.subsystem.capsuleBuffers)) this.gotBuffer(command);
    } else {
      command.buffer = this.#private;
      command.pool = null;
      this.#receive(command);
    }
  }

  #takeBuffer(command: Command, pool: BufferPool): boolean {
    const place = pool.take(command.dataLength);
    command.pool = pool;
    if (place >= 0) {
      command.buffer = place;
      return true;
    }
    command.phase = phase.starved;
    pool.wait(command.dataLength, command);
    this.queue.subsystem.stats.bufferWaits += 1;
    return false;
  }

  /** The command has its buffer, at once or after a wait. */
  gotBuffer(command: Command): void {
    if (command.pool === this.queue.subsystem.capsuleBuffers) {
      this.#receive(command);
    } else if (command.status !== sc.success) {
      this.queue.answer(command); // aborted while it waited
    } else if (command.toHost) {
      this.queue.ready(command);
    } else {
      command.phase = phase.gathering;
      beginAsking(command);
      this.queue.send(command);
    }
  }

  /** The data that came with the capsule is received. */
  #receive(command: Command): void {
    command.phase = phase.receiving;
    this.queue.connection.receiveData(command.buffer, command.tag);
  }

  /** An H2CData with its header at `place`. */
  h2cData(place: number): void {
    const fault = acceptH2cData(this, place);
    if (fault === 0) return;
    const { connection } = this.queue;
    connection.discardData();
    connection.terminate(fault & 0xff, fault >>> 8);
  }

  /** Data of a command has come. */
  dataDone(command: Command, intact: boolean): void {
    if (!intact) command.status = sc.transientTransportError;
    if (command.phase === phase.gathering && !h2cDataDone(this, command)) {
      if (asksForMore(command)) this.queue.send(command);
      return;
    }
    // A wrong digest spoils this command only (NVMe/TCP, "Data digest error"): it is answered, not executed; but only
    // now, because all data that was asked for still comes. The same goes for a command that was aborted meanwhile.
    if (command.status === sc.success) this.queue.ready(command);
    else this.queue.answer(command);
  }
}

/** Whether the descriptor of the entry at `at` fits a command with `length` bytes of data: a status. For handlers. */
export function checkSgl(queue: Queue, view: DataView, at: number, length: number, toHost: boolean): number {
  const type = sqeSglType(view, at);
  if (sqeSglLength(view, at) !== length) return sc.dataSglLengthInvalid;
  if (type === sglType.transport) return sc.success;
  if (type !== sglType.inCapsule || toHost) return sc.sglTypeInvalid;
  const isIo = queue.qid > 0 && sqeOpcode(view, at) !== ioOpcode.fabrics;
  const most = isIo ? queue.subsystem.config.limits.inCapsuleBytes : adminInCapsuleBytes;
  return sqeSglOffset(view, at) !== 0 || length > most ? sc.sglOffsetInvalid : sc.success;
}
