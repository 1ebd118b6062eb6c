/**
 * What a path that came back has to prove before it carries I/O again: the administrator may want it to stay for a while
 * first (failback), and one that comes and goes all the time has to in any case (flapping): each of its losses costs
 * retries, and perhaps a quarantine. A path on probation carries I/O all the same while no better one lives.
 */

export interface ComebackOptions {
  /** Milliseconds that a path has to stay up after it came back; 0: none (default); -1: until the administrator says so. */
  readonly failback?: number;
  /** A path that was lost this often within `flapWindow` is flapping; 0: none ever is. 8. */
  readonly flapLimit?: number;
  /** Milliseconds. 60000. */
  readonly flapWindow?: number;
  /** Milliseconds that a flapping path has to stay up. 30000. */
  readonly flapHold?: number;
}

const defaults: Required<ComebackOptions> = {
  failback: 0,
  flapLimit: 8,
  flapWindow: 60_000,
  flapHold: 30_000,
};

/** Those that are given, and the defaults of the others. */
export function comebackOptions(given: ComebackOptions): Required<ComebackOptions> {
  return {
    failback: given.failback ?? defaults.failback,
    flapLimit: given.flapLimit ?? defaults.flapLimit,
    flapWindow: given.flapWindow ?? defaults.flapWindow,
    flapHold: given.flapHold ?? defaults.flapHold,
  };
}

/** One path's comings and goings, on one reactor. Times are milliseconds of the reactor's clock. */
export class Comebacks {
  /** Until when it is on probation; 0: it is not. */
  until = Number.NaN; // starts as a double, so that the field's representation never changes
  /** Why, for people; empty when it is not. */
  reason = '';
  #options: Required<ComebackOptions>;
  /** When it was lost lately, oldest first. */
  readonly #losses: number[] = [];
  /** When it came back last. */
  #since = Number.NaN;

  constructor(options: ComebackOptions) {
    this.#options = comebackOptions(options);
    this.until = 0;
    this.#since = 0;
  }

  /**
   * Other rules from now on. A probation is judged anew, from when it began: it may be over. A path that carries I/O
   * is not taken out of use by a rule that came later.
   */
  set options(options: ComebackOptions) {
    this.#options = comebackOptions(options);
    this.#forget();
    if (this.onProbation) this.#judge();
  }

  get onProbation(): boolean {
    return this.until !== 0;
  }

  get endsByItself(): boolean {
    return this.until !== 0 && this.until !== Number.POSITIVE_INFINITY;
  }

  lost(now: number): void {
    this.end();
    this.#losses.push(now);
    this.#forget();
  }

  /** It is up again, not for the first time. */
  cameBack(now: number): void {
    this.#since = now;
    this.#judge();
  }

  /** No more losses count than those of the limit. */
  #forget(): void {
    const surplus = this.#losses.length - this.#options.flapLimit;
    if (surplus > 0) this.#losses.splice(0, surplus);
  }

  /** By what is known since it came back. */
  #judge(): void {
    const { failback, flapLimit, flapWindow, flapHold } = this.#options;
    const since = this.#since;
    const isFlapping = flapLimit > 0 && this.#losses.length >= flapLimit && since - this.#losses[0]! < flapWindow;
    const hold = isFlapping ? Math.max(failback, flapHold) : failback;
    if (failback < 0) this.#begin(Number.POSITIVE_INFINITY, 'It came back; `causeway path restore` puts it into use.');
    else if (isFlapping)
      this.#begin(since + hold, `It was lost ${flapLimit} times lately and has to stay up for a while.`);
    else if (hold > 0) this.#begin(since + hold, 'It came back a short while ago.');
    else this.end();
  }

  #begin(until: number, reason: string): void {
    this.until = until;
    this.reason = reason;
  }

  /** Its time is over, or the administrator says that it is. */
  end(): void {
    this.until = 0;
    this.reason = '';
  }
}
