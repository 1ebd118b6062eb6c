/**
 * The command slots of a queue, and which command identifiers are in use.
 *
 * Why a slot outlives its identifier: the host may use a cid again as soon as it has seen the answer, while we may not
 * touch the answer's payload until the send is over. So the cid is free when the answer's last byte is queued, the slot
 * only when nothing refers to its buffer. What the host may have seen of unfinished sends is what one send carries: at
 * most one answer to each of its commands. Twice as many slots as queue entries therefore always suffice.
 */
import type { Io } from '../io/contract.ts';
import { Command, type CommandOwner, phase } from './command.ts';

export class Slots {
  readonly commands: Command[] = [];
  #free = new Int32Array(0);
  #freeCount = 0;
  /** A bit for each cid in use. */
  readonly #cids = new Uint8Array(8192);

  /** Makes slots up to `count` in all. `keepsSqe`: they carry admin or fabrics commands. */
  grow(io: Io, owner: CommandOwner, count: number, keepsSqe: boolean): void {
    while (this.commands.length < count) this.commands.push(new Command(io, this.commands.length, owner, keepsSqe));
    this.#free = new Int32Array(count);
    this.#freeCount = 0;
    for (let tag = count - 1; tag >= 0; tag -= 1) {
      if (this.commands[tag]?.phase !== phase.idle) continue;
      this.#free[this.#freeCount] = tag;
      this.#freeCount += 1;
    }
  }

  get allFree(): boolean {
    return this.#freeCount === this.commands.length;
  }

  get available(): boolean {
    return this.#freeCount > 0;
  }

  at(tag: number): Command {
    return this.commands[tag]!;
  }

  cidInUse(cid: number): boolean {
    return (this.#cids[cid >>> 3]! & (1 << (cid & 7))) !== 0;
  }

  /** An idle slot for a command with an identifier that is not in use. There is one `available`. */
  take(cid: number): Command {
    const index = cid >>> 3;
    this.#cids[index] = this.#cids[index]! | (1 << (cid & 7));
    this.#freeCount -= 1;
    const command = this.commands[this.#free[this.#freeCount]!]!;
    command.begin(cid);
    return command;
  }

  /** The host may use the command's identifier again. */
  forgetCid(command: Command): void {
    const index = command.cid >>> 3;
    this.#cids[index] = this.#cids[index]! & ~(1 << (command.cid & 7));
  }

  /** Nothing refers to the command's buffer any more. */
  give(command: Command): void {
    if (command.buffer >= 0) {
      command.pool?.give(command.buffer);
      command.buffer = -1;
    }
    command.phase = phase.idle;
    this.#free[this.#freeCount] = command.tag;
    this.#freeCount += 1;
  }
}
