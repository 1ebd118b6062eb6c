/**
 * A request: one slot, made at start-up and used again and again. It travels down through devices (door, filters,
 * multipath) and its outcome travels back up. Nothing is allocated for it.
 */
import { assert } from '../base/assert.ts';
import type { Io, Task } from '../io/contract.ts';
import { type Status, status } from './status.ts';

export const op = {
  read: 0,
  write: 1,
  flush: 2,
  /** Advisory: the data of the range is no longer needed; what it reads as afterwards is undefined. */
  discard: 3,
  /** The range reads as zeroes afterwards. */
  writeZeroes: 4,
} as const;

export type Op = (typeof op)[keyof typeof op];

export const opName: readonly string[] = ['read', 'write', 'flush', 'discard', 'write-zeroes'];

export const requestFlag = {
  /** Force unit access: durable before it is acknowledged. */
  fua: 1,
  /** Of write-zeroes: the space stays allocated (no deallocation). */
  keepAllocated: 2,
} as const;

/** Whoever a request comes back to. A device that passes requests on to another one implements it. */
export interface Completer {
  onRequest(request: Request): void;
}

/** How many devices may stand above each other. Door, kernel device, multipath and half a dozen filters fit. */
export const maxDepth = 12;

export class Request implements Task {
  readonly io: Io;
  /** The owner's own number for this slot; never changes. */
  readonly tag: number;
  op: Op = op.read;
  flags = 0;
  /** Bytes, from the start of the device; below 2^53. 0 for flush. */
  offset = Number.NaN; // starts as a double, so that the field's representation never changes
  /** Bytes. At most `maxTransfer` of the device for read and write; others may be as large as the device. */
  length = Number.NaN;
  /** Place of the payload in the reactor's memory (read: to be filled, write: not to be changed). */
  buffer = 0;
  status: Status = status.ok;
  /** When it was submitted at the door (milliseconds of the reactor's clock). */
  startedAt = Number.NaN;

  readonly #above: (Completer | null)[] = new Array<Completer | null>(maxDepth).fill(null);
  #depth = 0;
  #finished = false;

  constructor(io: Io, tag: number) {
    this.io = io;
    this.tag = tag;
    this.offset = 0;
    this.length = 0;
    this.startedAt = 0;
  }

  /** Fills in a new piece of work and who gets its outcome. The slot must be idle. */
  begin(operation: Op, offset: number, length: number, buffer: number, flags: number, completer: Completer): void {
    assert(this.#depth === 0 && !this.#finished, 'a request slot is used twice at once');
    this.op = operation;
    this.offset = offset;
    this.length = length;
    this.buffer = buffer;
    this.flags = flags;
    this.status = status.ok;
    this.#above[0] = completer;
    this.#depth = 1;
  }

  get busy(): boolean {
    return this.#depth !== 0;
  }

  /** `completer` wants to see the outcome before those who pushed earlier. For devices that pass requests on. */
  push(completer: Completer): void {
    assert(this.#depth < maxDepth, 'too many devices above each other');
    this.#above[this.#depth] = completer;
    this.#depth += 1;
  }

  /**
   * Ends the request as far as the calling device is concerned. The next completer is called later in this batch, never
   * from in here, so a device may complete inside its own `submit`.
   */
  finish(outcome: Status): void {
    assert(this.#depth > 0 && !this.#finished, 'a request is completed twice');
    this.#finished = true;
    this.status = outcome;
    this.io.later(this);
  }

  run(): void {
    this.#finished = false;
    this.#depth -= 1;
    const completer = this.#above[this.#depth];
    this.#above[this.#depth] = null;
    assert(completer !== null && completer !== undefined, 'a request has nobody to come back to');
    completer.onRequest(this);
  }
}
