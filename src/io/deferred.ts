import type { Deferred } from './contract.ts';

/**
 * A promise with its ends outside. The first settling calls `onSettled`, which tells the loop that continuations are
 * due and that it has to go back to the JavaScript event loop, where alone they run; later ones change nothing.
 */
export class LoopDeferred<T> implements Deferred<T> {
  readonly promise: Promise<T>;
  readonly #onSettled: () => void;
  #resolve!: (value: T) => void;
  #reject!: (error: Error) => void;
  #settled = false;

  constructor(onSettled: () => void) {
    this.#onSettled = onSettled;
    this.promise = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get settled(): boolean {
    return this.#settled;
  }

  resolve(value: T): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#resolve(value);
    this.#onSettled();
  }

  reject(error: Error): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#reject(error);
    this.#onSettled();
  }
}
