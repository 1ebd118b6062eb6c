/**
 * Commands of somebody else's making (an ioctl, `causeway nvme`): one submission queue entry with its data, and what
 * became of it. Whether a command may be sent at all is decided above (passthrough-rules.ts). Control.
 *
 * Each command has a buffer of its own, taken before it is sent and given back when its slot ends: by its completion, or
 * when its connection is detached. Until then the queue's rules hold (command-queue.ts): whoever stops waiting for a
 * command does not free anything.
 *
 * Each has a time-out of its own as well. After it the command is called back (Abort); if it does not end within the
 * grace either, its controller is given up, as with any other command.
 */
import type { Deferred, Io, Timer } from '../../io/contract.ts';
import { callersOwn, type CommandQueue } from './command-queue.ts';
import { type CommandOwner, type CommandSlot, direction, ending } from './command-slot.ts';
import { sglType } from './constants.ts';
import { outcome, sc } from './status.ts';
import { sqe, writeSqe } from './sqe.ts';

/** The most data of one command, bytes. */
export const passthroughBytes = 1024 * 1024;
/** The longest time-out that is believed, milliseconds: a day, for what formats or sanitizes. */
export const longestPassthroughMs = 86_400_000;
/** What a command has left after its time-out, to be called back, milliseconds. */
const graceMs = 2_000;

/** Plain data, so that it can come from another thread. */
export interface PassthroughCommand {
  readonly queue: 'admin' | 'io';
  readonly opcode: number;
  readonly nsid: number;
  readonly cdw2: number;
  readonly cdw3: number;
  /** Command dwords 10 to 15. */
  readonly cdws: readonly number[];
  /** Bytes that it brings to the controller, or takes from it; the opcode says which. At most `passthroughBytes`. */
  readonly bytes: number;
  /** `bytes` of them if they go to the controller, else null. */
  readonly data: Uint8Array | null;
  /** Milliseconds; at most `longestPassthroughMs`. */
  readonly timeoutMs: number;
}

export interface PassthroughResult {
  /** As in status.ts: `sct << 8 | sc`, or one of `outcome`. */
  readonly outcome: number;
  readonly doNotRetry: boolean;
  readonly dw0: number;
  readonly dw1: number;
  /** What the command brought, zero behind what it did not bring; empty if it brings nothing. */
  readonly data: Uint8Array;
}

/** Where the data of a command goes: bits 1:0 of its opcode (NVMe Base, "Opcode"). Both ways at once is not known here. */
export function directionOf(opcode: number): number {
  const bits = opcode & 3;
  return bits === 1 ? direction.out : bits === 2 ? direction.in : direction.none;
}

/** Both ways at once: no transport of ours does that. */
export function isBidirectional(opcode: number): boolean {
  return (opcode & 3) === 3;
}

function writePassthroughSqe(view: DataView, at: number, cid: number, command: PassthroughCommand): void {
  writeSqe(view, at, command.opcode, cid, command.nsid, sglType.transport, command.bytes);
  view.setUint32(at + 8, command.cdw2, true);
  view.setUint32(at + 12, command.cdw3, true);
  for (let dword = 0; dword < 6; dword += 1) view.setUint32(at + sqe.cdw10 + 4 * dword, command.cdws[dword] ?? 0, true);
}

interface Pending {
  readonly command: PassthroughCommand;
  readonly isRepeatable: boolean;
  readonly deferred: Deferred<PassthroughResult>;
  readonly timer: Timer;
  wasCalledBack: boolean;
}

/** What a queue does with a command that is not answered in time. */
export interface PassthroughQueue {
  callBack(cid: number): void;
  /** Nor did it end after that: the controller is at fault. */
  giveUp(): void;
}

/** The commands of others on one queue. */
export class Passthroughs implements CommandOwner {
  /** Commands that may still be executed by a controller whose connection was lost. */
  inDoubt = 0;
  readonly #io: Io;
  readonly #queue: CommandQueue;
  readonly #owner: PassthroughQueue;
  readonly #pending = new Map<number, Pending>();

  constructor(io: Io, queue: CommandQueue, owner: PassthroughQueue) {
    this.#io = io;
    this.#queue = queue;
    this.#owner = owner;
  }

  get underWay(): number {
    return this.#pending.size;
  }

  /** Commands that are lost or under way and must not be executed after somebody has stopped waiting for them. */
  get leftBehind(): number {
    let sum = this.inDoubt;
    for (const { isRepeatable } of this.#pending.values()) if (!isRepeatable) sum += 1;
    return sum;
  }

  /**
   * Sends it. Only while the queue has room and its connection stands.
   * @param isRepeatable it changes nothing, so nobody has to know whether it is executed late
   * @throws CausewayError `out-of-memory`
   */
  run(command: PassthroughCommand, isRepeatable: boolean): Promise<PassthroughResult> {
    const { memory } = this.#io;
    const { bytes, data } = command;
    const place = bytes === 0 ? 0 : memory.allocate(bytes, 4096);
    if (data !== null) memory.u8.set(data.subarray(0, bytes), place);
    const way = bytes === 0 ? direction.none : directionOf(command.opcode);
    const slot = this.#queue.take(this, callersOwn, way, place, bytes, false);
    const deferred = this.#io.deferred<PassthroughResult>();
    const timer = this.#io.timer(() => this.#onTimeout(slot));
    this.#pending.set(slot.tag, { command, isRepeatable, deferred, timer, wasCalledBack: false });
    timer.arm(command.timeoutMs);
    this.#queue.send(slot);
    return deferred.promise;
  }

  /** As CommandWriter.writeCommand. */
  writeCommand(view: DataView, at: number, slot: CommandSlot): void {
    const pending = this.#pending.get(slot.tag);
    if (pending !== undefined) writePassthroughSqe(view, at, slot.cid, pending.command);
  }

  #onTimeout(slot: CommandSlot): void {
    const pending = this.#pending.get(slot.tag);
    if (pending === undefined) return;
    if (this.#io.slip > 0) {
      // We stood still ourselves: the answer may have been here for long.
      pending.timer.arm(graceMs);
      return;
    }
    if (pending.wasCalledBack) {
      this.#owner.giveUp();
      return;
    }
    pending.wasCalledBack = true;
    pending.timer.arm(graceMs);
    this.#owner.callBack(slot.cid);
  }

  onCommand(slot: CommandSlot): void {
    const pending = this.#pending.get(slot.tag);
    if (pending === undefined) return;
    this.#pending.delete(slot.tag);
    pending.timer.disarm();
    const { memory } = this.#io;
    const isLost = slot.ending === ending.lost;
    const brings = !isLost && slot.direction === direction.in;
    const data = brings ? memory.u8.slice(slot.data, slot.data + slot.dataBytes) : new Uint8Array(0);
    if (slot.dataBytes > 0) memory.free(slot.data);
    let code = slot.status;
    if (isLost) {
      code = !slot.handed ? outcome.notSent : pending.wasCalledBack ? outcome.timedOut : outcome.connectionLost;
      if (slot.handed && !pending.isRepeatable) this.inDoubt += 1;
    } else if (code === sc.success && slot.corrupted) {
      code = outcome.dataDigestError;
    }
    pending.deferred.resolve({
      outcome: code,
      doNotRetry: !isLost && slot.doNotRetry,
      dw0: isLost ? 0 : slot.dw0,
      dw1: isLost ? 0 : slot.dw1,
      data,
    });
  }
}
