/**
 * Who is behind a completion. The high word of its user data names a handler, the low word is the handler's own.
 * A handler's number is given out anew only after it was given back, and it is given back only when none of its
 * operations is under way: so a late completion never meets a stranger.
 */
import { assert } from '../../base/assert.ts';
import type { CompletionSink } from '../../uring/ring.ts';

export interface CompletionHandler {
  onCompletion(token: number, res: number, flags: number): void;
}

export class HandlerTable implements CompletionSink {
  readonly #handlers: (CompletionHandler | null)[] = [];
  readonly #free: number[] = [];

  add(handler: CompletionHandler): number {
    const index = this.#free.pop() ?? this.#handlers.length;
    this.#handlers[index] = handler;
    return index;
  }

  remove(index: number): void {
    assert(this.#handlers[index] !== null && this.#handlers[index] !== undefined, 'a handler is removed twice');
    this.#handlers[index] = null;
    this.#free.push(index);
  }

  onCompletion(userLow: number, userHigh: number, res: number, flags: number): void {
    const handler = this.#handlers[userHigh];
    assert(handler !== null && handler !== undefined, 'a completion came for nobody');
    handler.onCompletion(userLow, res, flags);
  }
}
