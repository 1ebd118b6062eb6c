/**
 * What a queue sends: R2Ts, data and responses, in the order in which commands came to have something to say. When the
 * connection has no room for headers, commands wait in a ring; each stands in it at most once.
 */
import { pduFlag, pduType } from '../fabric/nvme-tcp/constants.ts';
import { writeCqe } from '../fabric/nvme-tcp/cqe.ts';
import { capsuleResp, ch, dataPdu, writeCapsuleRespHeader, writeDataHeader } from '../fabric/nvme-tcp/pdu.ts';
import { type Command, phase } from './command.ts';
import type { Queue } from './queue.ts';
import { askForData } from './r2t.ts';
import { sc } from './status-codes.ts';

export class Answers {
  readonly #queue: Queue;
  #ring: (Command | null)[];
  #head = 0;
  #count = 0;
  #pumping = false;

  constructor(queue: Queue, slots: number) {
    this.#queue = queue;
    this.#ring = new Array<Command | null>(slots).fill(null);
  }

  /** Room for more slots; nothing waits. */
  grow(slots: number): void {
    this.#ring = new Array<Command | null>(slots).fill(null);
    this.#head = 0;
    this.#count = 0;
  }

  clear(): void {
    this.#ring.fill(null);
    this.#count = 0;
  }

  /** The command has something to send: an answer, or R2Ts while it gathers its data. */
  send(command: Command): void {
    if (command.waitsToSend) return;
    // Straight on if nobody waits before it; that is nearly always so.
    if (this.#count === 0 && this.#emit(command)) return;
    command.waitsToSend = true;
    const place = this.#head + this.#count;
    this.#ring[place < this.#ring.length ? place : place - this.#ring.length] = command;
    this.#count += 1;
  }

  /** There is room again. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#count > 0) {
      const command = this.#ring[this.#head]!;
      if (!this.#emit(command)) break;
      command.waitsToSend = false;
      this.#ring[this.#head] = null;
      this.#head = this.#head + 1 === this.#ring.length ? 0 : this.#head + 1;
      this.#count -= 1;
    }
    this.#pumping = false;
  }

  /** Queues what the command has to send; false if there was no room for all of it. */
  #emit(command: Command): boolean {
    const queue = this.#queue;
    if (command.phase === phase.gathering) return askForData(queue, command);
    if (command.toHost && command.status === sc.success && command.dataLength > 0) {
      if (!this.#emitData(command)) return false;
      if (command.answered) return true;
    }
    const { connection } = queue;
    const { view } = queue.memory;
    const place = connection.reserve(capsuleResp.bytes);
    if (place < 0) return false;
    writeCapsuleRespHeader(view, place, connection.digests);
    const at = place + capsuleResp.cqe;
    const qid = queue.qid < 0 ? 0 : queue.qid;
    writeCqe(view, at, command.cid, qid, queue.reportedSqhd, command.status, 0, command.dword0, command.dword1);
    connection.queue(place);
    if (queue.port.faults.active) this.#spoilHeaderDigest(place);
    queue.answered(command);
    return true;
  }

  /** Data of a read; `answered` afterwards if its last piece stands for the response too. */
  #emitData(command: Command): boolean {
    const queue = this.#queue;
    const { connection } = queue;
    const { view } = queue.memory;
    const most = queue.subsystem.config.limits.c2hDataBytes;
    while (command.moved < command.dataLength) {
      const left = command.dataLength - command.moved;
      const bytes = left < most ? left : most;
      const place = connection.reserve(dataPdu.bytes);
      if (place < 0) return false;
      const success = bytes === left && queue.successAllowed && command.dword0 === 0 && command.dword1 === 0;
      const flags = bytes < left ? 0 : success ? pduFlag.lastPdu | pduFlag.success : pduFlag.lastPdu;
      const { digests, alignment } = connection;
      writeDataHeader(view, place, pduType.c2hData, digests, alignment, flags, command.cid, 0, command.moved, bytes);
      command.sends += 1;
      connection.queueWithData(place, command.buffer + command.moved, bytes, command.tag);
      command.moved += bytes;
      if (queue.port.faults.active) this.#spoilDataDigest(place);
      if (success) queue.answered(command);
    }
    return true;
  }

  /** What is queued goes out at the end of the batch only, so its digest can still be made wrong. */
  #spoilHeaderDigest(place: number): void {
    const { faults } = this.#queue.port;
    const { view, u8 } = this.#queue.memory;
    if (faults.wrongHeaderDigests === 0 || (view.getUint8(place + ch.flags) & pduFlag.hdgst) === 0) return;
    faults.wrongHeaderDigests -= 1;
    faults.changed();
    const digest = place + view.getUint8(place + ch.hlen);
    u8[digest] = u8[digest]! ^ 0xff;
  }

  #spoilDataDigest(place: number): void {
    const { faults } = this.#queue.port;
    const { view, u8 } = this.#queue.memory;
    if (faults.wrongDataDigests === 0 || (view.getUint8(place + ch.flags) & pduFlag.ddgst) === 0) return;
    faults.wrongDataDigests -= 1;
    faults.changed();
    // The digest stands behind the header in the staging memory; the payload between them is somewhere else.
    const digest = place + view.getUint8(place + ch.pdo);
    u8[digest] = u8[digest]! ^ 0xff;
  }
}
