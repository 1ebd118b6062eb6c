/** Turns the lines of checks into subtests as they come. */
import type { CheckLine } from './check-lines.ts';

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

export class CheckReport {
  readonly #subtest: (name: string, body: () => Promise<void>) => Promise<void>;
  readonly #begun = new Map<string, Waiting>();
  readonly #subtests: Promise<void>[] = [];
  #failed = 0;

  constructor(subtest: (name: string, body: () => Promise<void>) => Promise<void>) {
    this.#subtest = subtest;
  }

  get count(): number {
    return this.#subtests.length;
  }

  take(line: CheckLine): void {
    if ('begun' in line) {
      const outcome = new Promise<void>((resolve, reject) => this.#begun.set(line.begun, { resolve, reject }));
      // Whether or not the subtest has come to wait for it by then.
      outcome.catch(() => {});
      this.#subtests.push(this.#subtest(line.begun, () => outcome));
      return;
    }
    const waiting = this.#begun.get(line.ended);
    this.#begun.delete(line.ended);
    if (line.failure === null) waiting?.resolve();
    else {
      this.#failed += 1;
      waiting?.reject(new Error(line.failure));
    }
  }

  /** The program has ended: what has begun and not ended fails, with what is known of the end. Resolves to how many failed. */
  async end(why: string): Promise<number> {
    for (const { reject } of this.#begun.values()) {
      this.#failed += 1;
      reject(new Error(`it did not end: ${why}`));
    }
    await Promise.all(this.#subtests);
    return this.#failed;
  }
}
