/** Authentication Send and Receive on an I/O queue, before anything else runs on it. Control: promises. */
import { assert } from '../../base/assert.ts';
import { CausewayError } from '../../base/errors.ts';
import type { Deferred, Io } from '../../io/contract.ts';
import type { AuthenticationChannel } from './auth/channel.ts';
import { receiveBytes } from './auth/messages.ts';
import type { CommandQueue } from './command-queue.ts';
import { type CommandOwner, type CommandSlot, direction, ending } from './command-slot.ts';
import { writeAuthenticationReceiveSqe, writeAuthenticationSendSqe } from './fabrics-sqe.ts';
import { sc } from './status.ts';
import { commandError } from './transport-error.ts';

export class QueueChannel implements AuthenticationChannel, CommandOwner {
  readonly #io: Io;
  readonly #queue: CommandQueue;
  /** Place of `receiveBytes`, which nothing else uses meanwhile. */
  readonly #buffer: number;
  readonly #purpose: number;
  #waiting: Deferred<Uint8Array> | null = null;

  /** `purpose` is what the queue's owner knows its commands by, to have `writeCommand` called. */
  constructor(io: Io, queue: CommandQueue, buffer: number, purpose: number) {
    this.#io = io;
    this.#queue = queue;
    this.#buffer = buffer;
    this.#purpose = purpose;
  }

  async send(message: Uint8Array): Promise<void> {
    this.#mustLive();
    this.#io.memory.u8.set(message, this.#buffer);
    await this.#run(direction.out, message.length);
  }

  async receive(): Promise<Uint8Array> {
    this.#mustLive();
    this.#io.memory.fill(this.#buffer, 0, receiveBytes);
    return await this.#run(direction.in, receiveBytes);
  }

  writeCommand(view: DataView, at: number, slot: CommandSlot): void {
    if (slot.direction === direction.out) writeAuthenticationSendSqe(view, at, slot.cid, slot.dataBytes);
    else writeAuthenticationReceiveSqe(view, at, slot.cid, slot.dataBytes);
  }

  async #run(towards: number, bytes: number): Promise<Uint8Array> {
    assert(this.#waiting === null, 'two authentication commands at once');
    const waiting = this.#io.deferred<Uint8Array>();
    this.#waiting = waiting;
    this.#queue.submit(this, this.#purpose, towards, this.#buffer, bytes, towards === direction.out);
    return await waiting.promise;
  }

  onCommand(slot: CommandSlot): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    const { u8 } = this.#io.memory;
    const isSend = slot.direction === direction.out;
    const status = slot.status === sc.success && slot.corrupted ? sc.transientTransportError : slot.status;
    if (slot.ending === ending.lost) waiting?.reject(lost());
    else if (status === sc.success)
      waiting?.resolve(u8.slice(this.#buffer, this.#buffer + (isSend ? 0 : slot.dataBytes)));
    else waiting?.reject(commandError(isSend ? 'Authentication Send' : 'Authentication Receive', status));
  }

  #mustLive(): void {
    if (!this.#queue.connection.ready) throw lost();
  }
}

/** Whoever owns the queue knows how it was lost. */
function lost(): CausewayError {
  return new CausewayError('nvme-connection-lost', 'The connection was lost while it was authenticated.');
}
