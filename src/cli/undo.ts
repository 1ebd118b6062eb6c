/** The way down: what is to be undone, in the opposite order of its doing. */
import { CausewayError } from '../base/errors.ts';
import type { Context } from './context.ts';
import { codedError } from './exit-text.ts';

/** Longest wait for one step of the way down; each has a shorter bound of its own. Milliseconds. */
const stepTimeout = 60_000;

/** A way down that grows while the way up is gone. */
export class Undo {
  readonly #steps: { readonly what: string; readonly work: () => Promise<void> | void }[] = [];

  add(what: string, work: () => Promise<void> | void): void {
    this.#steps.push({ what, work });
  }

  /** Undoes everything, the last first; what fails does not keep the rest from being undone. Resolves to what failed. */
  async run(context: Context): Promise<CausewayError[]> {
    const failed: CausewayError[] = [];
    for (const { what, work } of this.#steps.toReversed()) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_resolve, reject) => {
        const error = new CausewayError('control-timeout', `${what} took longer than ${stepTimeout / 1000} s`);
        timer = context.after(stepTimeout, () => reject(error));
      });
      try {
        await Promise.race([work(), late]);
      } catch (error) {
        failed.push(codedError(error));
      }
      clearTimeout(timer);
    }
    return failed;
  }
}
