/** For programs in a guest: named checks, of which the host's test makes a subtest each (run-checks.ts). */
import { inspect } from 'node:util';
import { formatCheckLine } from './check-lines.ts';

/**
 * Runs a check and tells the host how it went. False if it failed; the process ends with 1 then, and may go on with
 * checks that do not depend on this one.
 */
export async function check(name: string, body: () => void | Promise<void>): Promise<boolean> {
  const startedAt = performance.now();
  console.log(formatCheckLine({ begun: name }));
  let failure: string | null = null;
  try {
    await body();
  } catch (error) {
    failure = inspect(error);
    process.exitCode = 1;
  }
  console.log(formatCheckLine({ ended: name, milliseconds: performance.now() - startedAt, failure }));
  return failure === null;
}
