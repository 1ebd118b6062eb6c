/**
 * Large Diffie-Hellman groups are computed by the main thread, which carries no request, for the reactors, which do. What
 * crosses threads stays in this process.
 */
import { computeElsewhere, computeNow, type DhResult, type DhWork } from '../fabric/nvme-tcp/auth/dh-work.ts';
import type { Deferred, Io } from '../io/contract.ts';

export interface DhOrder {
  readonly number: number;
  readonly work: DhWork;
}

export interface DhAnswer {
  readonly number: number;
  readonly result: DhResult;
}

/** On a reactor: what it waits for. */
export class DhOrders {
  readonly #open = new Map<number, Deferred<DhResult>>();
  #last = 0;

  /** From now on this thread's work goes to the main thread by `post`. */
  constructor(io: Io, post: (order: DhOrder) => void) {
    computeElsewhere((work) => {
      this.#last += 1;
      const deferred = io.deferred<DhResult>();
      this.#open.set(this.#last, deferred);
      post({ number: this.#last, work });
      return deferred.promise;
    });
  }

  onAnswer({ number, result }: DhAnswer): void {
    this.#open.get(number)?.resolve(result);
    this.#open.delete(number);
  }
}

/** On the main thread. */
export function answerOrder({ number, work }: DhOrder): DhAnswer {
  return { number, result: computeNow(work) };
}
