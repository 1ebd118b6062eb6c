/** A filter that answers some requests with an error. See docs/filters/error.md. */
import { CausewayError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import type { BlockDevice } from '../block/device.ts';
import { op, type Completer, type Request } from '../block/request.ts';
import { type Status, status } from '../block/status.ts';
import type { Io } from '../io/contract.ts';
import { Filter, opByName, type OpName, opNames } from './filter.ts';

export interface ErrorOptions {
  /** What the requests end with. Default `ioError`. */
  readonly status?: keyof typeof status;
  /** Which operations; all when left out. */
  readonly ops?: readonly OpName[];
  /**
   * Only requests that touch a byte from `from` up to, not including, `to`. A flush touches no byte: it does not match
   * when either is given.
   */
  readonly from?: number;
  readonly to?: number;
  /** So many matching requests pass before the first one fails. Default 0. */
  readonly skip?: number;
  /** So many requests fail, then all pass again. Endless when left out. */
  readonly count?: number;
  /** The share of matching requests that fail, 0 to 1. Default 1. */
  readonly rate?: number;
  /** Of `rate`; the reactor's own chance when left out. */
  readonly seed?: number;
  /**
   * `before`: the device never sees the request. `after`: the device carries it out, and its outcome is replaced, as when
   * an answer is lost. Default `before`.
   */
  readonly when?: 'before' | 'after';
}

export class ErrorFilter extends Filter implements Completer {
  readonly #ownRandom: Random;
  #random: Random;
  #ops = 0;
  #outcome: Status = status.ioError;
  #from = 0;
  #to = Number.POSITIVE_INFINITY;
  #skip = 0;
  #left = 0;
  #rate = 1;
  #after = false;
  #injected = 0;

  /** Without options nothing fails until `set` is called. @throws CausewayError `invalid-argument` */
  constructor(io: Io, inner: BlockDevice, options?: ErrorOptions) {
    super(inner);
    this.#ownRandom = io.random;
    this.#random = io.random;
    if (options !== undefined) this.set(options);
  }

  /** How many requests were made to fail since the filter was made. */
  get injected(): number {
    return this.#injected;
  }

  /** Control. Another rule from now on, with counts that begin anew. @throws CausewayError `invalid-argument` */
  set(options: ErrorOptions): void {
    const { from = 0, to = Number.POSITIVE_INFINITY, skip = 0, count = Number.POSITIVE_INFINITY, rate = 1 } = options;
    if (!(rate >= 0 && rate <= 1)) throw new CausewayError('invalid-argument', `A rate of ${rate} is not from 0 to 1.`);
    if (!(from >= 0 && from < to)) throw new CausewayError('invalid-argument', `No byte lies from ${from} to ${to}.`);
    if (!(skip >= 0 && count >= 0)) throw new CausewayError('invalid-argument', 'A count is at least 0.');
    this.#random = options.seed === undefined ? this.#ownRandom : new Random(options.seed);
    this.#outcome = status[options.status ?? 'ioError'];
    this.#ops = 0;
    for (const name of options.ops ?? opNames) this.#ops |= 1 << opByName[name];
    if (options.from !== undefined || options.to !== undefined) this.#ops &= ~(1 << op.flush);
    this.#from = from;
    this.#to = to;
    this.#skip = skip;
    this.#left = count;
    this.#rate = rate;
    this.#after = options.when === 'after';
  }

  /** Control. Everything passes from now on; what the device already has may still fail with `when: 'after'`. */
  clear(): void {
    this.#ops = 0;
  }

  submit(request: Request): void {
    if (!this.#hits(request)) {
      this.inner.submit(request);
    } else if (this.#after) {
      request.push(this);
      this.inner.submit(request);
    } else {
      request.finish(this.#outcome);
    }
  }

  onRequest(request: Request): void {
    request.finish(this.#outcome);
  }

  #hits(request: Request): boolean {
    if ((this.#ops & (1 << request.op)) === 0 || this.#left === 0) return false;
    if (request.op !== op.flush) {
      if (request.offset >= this.#to || request.offset + request.length <= this.#from) return false;
    }
    if (this.#skip > 0) {
      this.#skip -= 1;
      return false;
    }
    if (this.#rate < 1 && this.#random.float() >= this.#rate) return false;
    this.#left -= 1;
    this.#injected += 1;
    return true;
  }
}
