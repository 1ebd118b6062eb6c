/** A filter that remembers the last requests, as they came and as they ended. See docs/filters/trace.md. */
import { CausewayError } from '../base/errors.ts';
import type { BlockDevice } from '../block/device.ts';
import { type Completer, opName, type Request, requestFlag } from '../block/request.ts';
import { statusName } from '../block/status.ts';
import type { Io } from '../io/contract.ts';
import { Filter } from './filter.ts';
import { Pool } from './pool.ts';

export interface TraceOptions {
  /** How many requests are remembered, 1 to 2^20. Default 1024; each takes 43 bytes. */
  readonly entries?: number;
}

const DEFAULT_ENTRIES = 1024;
const MOST_ENTRIES = 2 ** 20;
/** Of an entry whose request has not come back. */
const UNDER_WAY = 255;

/** Goes with one request, to find its entry again. */
class Footprint implements Completer {
  readonly #filter: TraceFilter;
  sequence = Number.NaN;

  constructor(filter: TraceFilter) {
    this.#filter = filter;
  }

  onRequest(request: Request): void {
    this.#filter.onTraced(request, this);
  }
}

export class TraceFilter extends Filter {
  readonly #io: Io;
  readonly #entries: number;
  readonly #came: Float64Array;
  readonly #ended: Float64Array;
  readonly #offsets: Float64Array;
  readonly #lengths: Float64Array;
  readonly #tags: Int32Array;
  readonly #buffers: Int32Array;
  readonly #ops: Uint8Array;
  readonly #flags: Uint8Array;
  readonly #statuses: Uint8Array;
  readonly #footprints: Pool<Footprint>;
  /** How many requests came; the place of one is its sequence number modulo the number of entries. */
  #sequence = Number.NaN;
  /** Requests before this one were forgotten by `clear`. */
  #forgotten = Number.NaN;

  /** @throws CausewayError `invalid-argument` */
  constructor(io: Io, inner: BlockDevice, options: TraceOptions = {}) {
    super(inner);
    const entries = options.entries ?? DEFAULT_ENTRIES;
    if (!Number.isInteger(entries) || entries < 1 || entries > MOST_ENTRIES) {
      throw new CausewayError('invalid-argument', `A trace has 1 to ${MOST_ENTRIES} entries, not ${entries}.`);
    }
    this.#io = io;
    this.#entries = entries;
    this.#came = new Float64Array(entries);
    this.#ended = new Float64Array(entries);
    this.#offsets = new Float64Array(entries);
    this.#lengths = new Float64Array(entries);
    this.#tags = new Int32Array(entries);
    this.#buffers = new Int32Array(entries);
    this.#ops = new Uint8Array(entries);
    this.#flags = new Uint8Array(entries);
    this.#statuses = new Uint8Array(entries);
    this.#footprints = new Pool(() => new Footprint(this));
    this.#sequence = 0;
    this.#forgotten = 0;
  }

  /** The oldest request whose entry still stands. */
  get #oldest(): number {
    return Math.max(this.#forgotten, this.#sequence - this.#entries);
  }

  submit(request: Request): void {
    const place = this.#sequence % this.#entries;
    this.#came[place] = this.#io.clock.now();
    this.#offsets[place] = request.offset;
    this.#lengths[place] = request.length;
    this.#tags[place] = request.tag;
    this.#buffers[place] = request.buffer;
    this.#ops[place] = request.op;
    this.#flags[place] = request.flags;
    this.#statuses[place] = UNDER_WAY;
    const footprint = this.#footprints.take();
    footprint.sequence = this.#sequence;
    this.#sequence += 1;
    request.push(footprint);
    this.inner.submit(request);
  }

  /** For `Footprint`. The entry may have been overwritten by a newer request meanwhile. */
  onTraced(request: Request, footprint: Footprint): void {
    if (footprint.sequence >= this.#oldest) {
      const place = footprint.sequence % this.#entries;
      this.#ended[place] = this.#io.clock.now();
      this.#statuses[place] = request.status;
    }
    this.#footprints.give(footprint);
    request.finish(request.status);
  }

  /**
   * Control. What is remembered, oldest first, a line each: number, when it came (milliseconds of the reactor's clock),
   * tag, operation, flags, offset, length, place of the payload, outcome, and how long it took.
   */
  dump(): string[] {
    const lines: string[] = [];
    for (let sequence = this.#oldest; sequence < this.#sequence; sequence += 1) lines.push(this.#line(sequence));
    return lines;
  }

  /** Control. Forgets everything; requests on their way leave no trace. */
  clear(): void {
    this.#forgotten = this.#sequence;
  }

  #line(sequence: number): string {
    const place = sequence % this.#entries;
    const came = this.#came[place]!;
    const outcome = this.#statuses[place]!;
    const flags = this.#flags[place]!;
    const parts = [
      `#${sequence}`,
      `${came.toFixed(3)} ms`,
      `tag ${this.#tags[place]}`,
      opName[this.#ops[place]!],
      `${this.#offsets[place]}+${this.#lengths[place]}`,
      `at ${this.#buffers[place]}`,
    ];
    if ((flags & requestFlag.fua) !== 0) parts.push('fua');
    if ((flags & requestFlag.keepAllocated) !== 0) parts.push('keep-allocated');
    if (outcome === UNDER_WAY) parts.push('under way');
    else parts.push(`${statusName[outcome]} after ${(this.#ended[place]! - came).toFixed(3)} ms`);
    return parts.join(' ');
  }
}
