/** A filter that holds requests for a while before it passes them on. See docs/filters/delay.md. */
import { assert } from '../base/assert.ts';
import { CausewayError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import type { BlockDevice } from '../block/device.ts';
import type { Request } from '../block/request.ts';
import type { Io, Timer } from '../io/contract.ts';
import { Filter, opByName, type OpName, opNames } from './filter.ts';
import { Pool } from './pool.ts';

export interface DelayOptions {
  /** Milliseconds for every operation that is not named below. Default 0. */
  readonly all?: number;
  /** Milliseconds by operation. */
  readonly byOp?: Partial<Readonly<Record<OpName, number>>>;
  /** How much longer a request may be held, by chance, evenly spread. Milliseconds; default 0. */
  readonly jitter?: number;
  /** Of the jitter; the reactor's own chance when left out. */
  readonly seed?: number;
}

/** No kernel waits so long for a request without complaining: more is a mistake in the unit. */
const LONGEST = 3_600_000;

/** One request that is held. */
class Hold {
  readonly #timer: Timer;
  #request: Request | null = null;

  constructor(io: Io, done: (hold: Hold, request: Request) => void) {
    this.#timer = io.timer(() => {
      const request = this.#request;
      this.#request = null;
      assert(request !== null, 'nothing is held');
      done(this, request);
    });
  }

  start(request: Request, milliseconds: number): void {
    this.#request = request;
    this.#timer.arm(milliseconds);
  }
}

export class DelayFilter extends Filter {
  readonly #random: Random;
  readonly #delays = new Float64Array(opNames.length);
  readonly #holds: Pool<Hold>;
  #jitter = 0;

  /** @throws CausewayError `invalid-argument` */
  constructor(io: Io, inner: BlockDevice, options: DelayOptions) {
    super(inner);
    this.#random = options.seed === undefined ? io.random : new Random(options.seed);
    this.#holds = new Pool(() => new Hold(io, (hold, request) => this.#onDue(hold, request)));
    this.set(options);
  }

  /** How many requests are held now. */
  get held(): number {
    return this.#holds.used;
  }

  /**
   * Control. Other delays from now on; a request that is held already stays so for as long as it was to be. The seed
   * stays. @throws CausewayError `invalid-argument`
   */
  set(options: Omit<DelayOptions, 'seed'>): void {
    const { all = 0, byOp = {}, jitter = 0 } = options;
    for (const milliseconds of [all, jitter, ...Object.values(byOp)]) checkDelay(milliseconds);
    for (const name of opNames) this.#delays[opByName[name]] = byOp[name] ?? all;
    this.#jitter = jitter;
  }

  submit(request: Request): void {
    let milliseconds = this.#delays[request.op]!;
    if (this.#jitter > 0) milliseconds += this.#jitter * this.#random.float();
    if (milliseconds === 0) this.inner.submit(request);
    else this.#holds.take().start(request, milliseconds);
  }

  #onDue(hold: Hold, request: Request): void {
    this.#holds.give(hold);
    this.inner.submit(request);
  }
}

function checkDelay(milliseconds: number): void {
  if (milliseconds >= 0 && milliseconds <= LONGEST) return;
  throw new CausewayError('invalid-argument', `A delay of ${milliseconds} ms is not from 0 to ${LONGEST} ms.`);
}
