/** One namespace as reached over one queue pair: what the multipath layer of this reactor sends parts to. */
import type { NativePath, Part, PathLimits } from '../contract.ts';
import type { ControllerInstance } from './messages.ts';
import type { PassthroughCommand, PassthroughResult } from './passthrough.ts';
import type { QueuePair } from './queue-pair.ts';

export class NvmePath implements NativePath {
  readonly id: string;
  readonly controller: number;
  readonly nsid: number;
  /** May change when the array changes the namespace; the block size does not. */
  limits: PathLimits;
  readonly blockBytes: number;
  /** Write zeroes may give space back (DEAC): deallocated blocks read as zeroes here. */
  deallocatesZeroes: boolean;
  inFlight = 0;
  bytesInFlight = Number.NaN; // starts as a double, so that the field's representation never changes
  /** The namespace is no longer there: parts are not taken any more. */
  gone = false;
  waiter: { onRoom(path: NativePath): void } | null = null;
  /** For the queue pair: it stands in line for room, and who comes next. */
  inLine = false;
  nextInLine: NvmePath | null = null;
  readonly #queue: QueuePair;

  constructor(
    queue: QueuePair,
    id: string,
    controller: number,
    nsid: number,
    blockBytes: number,
    limits: PathLimits,
    deallocatesZeroes: boolean,
  ) {
    this.#queue = queue;
    this.id = id;
    this.controller = controller;
    this.nsid = nsid;
    this.blockBytes = blockBytes;
    this.limits = limits;
    this.deallocatesZeroes = deallocatesZeroes;
    this.bytesInFlight = 0;
  }

  get epoch(): number {
    return this.#queue.epoch;
  }

  /** The controller of that life. */
  get instance(): ControllerInstance {
    return this.#queue.instance;
  }

  /** How long after its loss that life may still execute something, milliseconds. */
  get fenceMs(): number {
    return this.#queue.fenceMs;
  }

  get open(): boolean {
    return this.#queue.open && !this.gone;
  }

  get hasRoom(): boolean {
    return !this.gone && this.#queue.hasRoomFor(this);
  }

  submit(part: Part): void {
    part.path = this;
    part.epoch = this.#queue.epoch;
    part.attempts += 1;
    this.#queue.submit(this, part);
  }

  /** Nothing comes back over it while other paths answer: whether its controller is alive is found out. Control. */
  suspect(): void {
    this.#queue.suspect();
  }

  detach(part: Part): boolean {
    return this.#queue.detach(part);
  }

  /** As QueuePair.passthrough. Control. */
  passthrough(command: PassthroughCommand, isRepeatable: boolean): Promise<PassthroughResult | null> {
    return this.gone ? Promise.resolve(null) : this.#queue.passthrough(command, isRepeatable);
  }

  /** For the queue pair: a command of this path is under way. */
  commandTaken(bytes: number): void {
    this.inFlight += 1;
    this.bytesInFlight += bytes;
  }

  /** For the queue pair: it ended. */
  commandEnded(bytes: number): void {
    this.inFlight -= 1;
    this.bytesInFlight -= bytes;
  }
}
