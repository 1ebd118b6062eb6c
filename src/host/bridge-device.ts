/**
 * A block device whose work is done on the main thread, by an object in TypeScript. Requests of one batch go over in one
 * message; payloads stay where they are, in the reactor's memory, from where the main thread copies them.
 *
 * For convenience, not for speed: every request crosses threads twice. And the main thread may stand still: a program
 * that reads its own device synchronously waits for an answer that only it can give. So the bridge asks for a sign of
 * life, and when none comes it ends the requests with an error, which frees such a program.
 */
import { assert, defined } from '../base/assert.ts';
import type { BlockDevice, Geometry, Identity } from '../block/device.ts';
import { op, type Request } from '../block/request.ts';
import { type Status, status } from '../block/status.ts';
import type { Flushable, Io, Timer } from '../io/contract.ts';
import { BridgeCells, bridgeSlots, slotOf } from './bridge-cells.ts';
import { fromThread } from './rpc.ts';

export interface BridgeOptions {
  readonly device: number;
  readonly geometry: Geometry;
  readonly identity: Identity;
  /** Milliseconds that the main thread may leave without a sign of life before its requests end `timed-out`. */
  readonly silenceLimit: number;
  /** Milliseconds that one request may take; 0 = for ever. */
  readonly requestTimeout: number;
  /** Words that both threads move: see bridge-cells.ts. This reactor's own. */
  readonly cells: SharedArrayBuffer;
}

/** A request in a message: number, op, flags, offset, length, place of the payload. */
export const bridgeWords = 6;

/** What a bridge says to the main thread. */
export type BridgeMessage = { readonly requests: readonly number[] } | { readonly ping: true };

/** How often a bridge with requests under way looks at the time, milliseconds; less often asked for a sign of life. */
const watchInterval = 1_000;
/** Standing still for so long is this thread's own doing (the machine paused): it says nothing about the other one. */
const ownStall = 250;

export class BridgeDevice implements BlockDevice, Flushable {
  readonly geometry: Geometry;
  readonly identity: Identity;
  readonly #io: Io;
  readonly #options: BridgeOptions;
  readonly #send: (message: BridgeMessage) => void;
  readonly #cells: BridgeCells;
  readonly #requests: (Request | null)[] = new Array<Request | null>(bridgeSlots).fill(null);
  readonly #numbers = new Float64Array(bridgeSlots);
  readonly #since = new Float64Array(bridgeSlots);
  readonly #free: Int32Array;
  readonly #watch: Timer;
  #freeCount = bridgeSlots;
  /** When the main thread was last heard of, or had nothing to say. */
  #heardAt = Number.NaN;
  /** It was not heard of for too long, and has not been since: it gets no further time for new requests. */
  #silent = false;
  #gone = false;
  #batch: number[] = [];

  constructor(io: Io, options: BridgeOptions, send: (message: BridgeMessage) => void) {
    this.#io = io;
    this.#options = options;
    this.geometry = options.geometry;
    this.identity = options.identity;
    this.#send = send;
    this.#cells = new BridgeCells(options.cells);
    this.#free = Int32Array.from({ length: bridgeSlots }, (_, index) => bridgeSlots - 1 - index);
    this.#watch = io.timer(() => this.#onWatch());
  }

  /** Requests that are with the main thread. */
  get underWay(): number {
    return bridgeSlots - this.#freeCount;
  }

  submit(request: Request): void {
    if (this.#gone || this.#freeCount === 0) {
      request.finish(this.#gone ? status.gone : status.busy);
      return;
    }
    // Nothing volatile is claimed, so a flush has nothing to do.
    if (request.op === op.flush && !this.geometry.volatileCache) {
      request.finish(status.ok);
      return;
    }
    this.#freeCount -= 1;
    const slot = this.#free[this.#freeCount]!;
    const number = this.#cells.begin(slot);
    const now = this.#io.clock.now();
    if (this.underWay === 1 && !this.#silent) this.#heardAt = now;
    this.#requests[slot] = request;
    this.#numbers[slot] = number;
    this.#since[slot] = now;
    if (!this.#watch.armed) this.#watch.arm(this.#interval);
    if (this.#batch.length === 0) this.#io.atEndOfBatch(this);
    this.#batch.push(number, request.op, request.flags, request.offset, request.length, request.buffer);
  }

  flush(): void {
    const requests = this.#batch;
    this.#batch = [];
    this.#send({ requests });
  }

  /** What the main thread has finished: pairs of number and status. */
  onDone(done: readonly number[]): void {
    this.onAlive();
    for (let i = 0; i + 1 < done.length; i += 2) {
      const number = defined(done[i], 'a number');
      assert(this.#cells.end(number), 'the main thread finished a request that is not under way');
      this.#end(slotOf(number), fromThread<Status>(done[i + 1]));
    }
  }

  /** A sign of life of the main thread. */
  onAlive(): void {
    this.#heardAt = this.#io.clock.now();
    this.#silent = false;
  }

  /** Ends all that the main thread has not answered; what comes from now on ends at once. */
  abandon(): void {
    this.#gone = true;
    this.#giveUp(Number.POSITIVE_INFINITY, status.gone);
  }

  #end(slot: number, outcome: Status): void {
    const request = this.#requests[slot];
    assert(request !== null && request !== undefined, 'a slot of a bridge is ended twice');
    this.#requests[slot] = null;
    this.#free[this.#freeCount] = slot;
    this.#freeCount += 1;
    request.finish(outcome);
  }

  /** Ends what came before `since` and is not being answered at this very moment. */
  #giveUp(since: number, outcome: Status): void {
    for (let slot = 0; slot < bridgeSlots && this.#freeCount < bridgeSlots; slot += 1) {
      if (this.#requests[slot] === null || this.#since[slot]! >= since) continue;
      if (this.#cells.giveUp(this.#numbers[slot]!)) this.#end(slot, outcome);
    }
  }

  get #interval(): number {
    const { requestTimeout, silenceLimit } = this.#options;
    const shortest = requestTimeout === 0 ? silenceLimit : Math.min(requestTimeout, silenceLimit);
    return Math.min(watchInterval, shortest / 4);
  }

  #onWatch(): void {
    if (this.underWay === 0) return;
    this.#watch.arm(this.#interval);
    const now = this.#io.clock.now();
    // Both threads stood still: the other one gets its whole time again.
    if (this.#io.slip > ownStall) this.#heardAt = now;
    const { requestTimeout, silenceLimit } = this.#options;
    this.#silent ||= now - this.#heardAt >= silenceLimit;
    if (this.#silent) this.#giveUp(Number.POSITIVE_INFINITY, status.timedOut);
    else if (requestTimeout > 0) this.#giveUp(now - requestTimeout, status.timedOut);
    this.#send({ ping: true });
  }

  close(): Promise<void> {
    assert(this.underWay === 0, 'a bridge is closed while requests are under way');
    this.#watch.disarm();
    return Promise.resolve();
  }
}
