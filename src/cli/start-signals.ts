/** Signals that come while there is nothing yet that they could end in order. */
import { CausewayError } from '../base/errors.ts';

/**
 * Signals before there is a device: the first ends the start after the step under way, which is bounded; a second one does
 * not wait for that either.
 */
export class StartSignals {
  #count = 0;
  #interrupt: (error: CausewayError) => void = () => undefined;
  readonly #interrupted: Promise<never>;
  readonly #onFirst: () => void;

  constructor(onFirst: () => void) {
    this.#onFirst = onFirst;
    this.#interrupted = new Promise((_resolve, reject) => (this.#interrupt = reject));
    this.#interrupted.catch(() => undefined);
  }

  signal(): void {
    this.#count += 1;
    if (this.#count === 1) this.#onFirst();
    else this.#interrupt(interrupted());
  }

  async step<T>(work: Promise<T>): Promise<T> {
    const result = await Promise.race([work, this.#interrupted]);
    return result;
  }

  /** Between two steps. @throws CausewayError `interrupted` */
  check(): void {
    if (this.#count > 0) throw interrupted();
  }
}

function interrupted(): CausewayError {
  return new CausewayError('interrupted', 'it was asked to end before it was ready');
}
