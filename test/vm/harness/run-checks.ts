/** For tests on the host: one boot that runs a program's checks (check.ts), each shown as a subtest while it runs. */
import assert from 'node:assert/strict';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { parseCheckLine } from './check-lines.ts';
import { CheckReport } from './check-report.ts';
import { type GuestResult, runInGuest } from './guest.ts';
import type { GuestOptions } from './options.ts';

export interface ChecksRun extends Omit<GuestOptions, 'program'> {
  /** A program of test/vm/guest/ by its name without ending, and its arguments. */
  readonly checks: readonly [string, ...string[]];
}

/** The command that runs a program of test/vm/guest/. */
export function guestProgram(name: string, ...args: string[]): string[] {
  const file = path.join(import.meta.dirname, '../guest', `${name}.js`);
  return [process.execPath, '--enable-source-maps', file, ...args];
}

/** Fails if a check fails, if the program makes none, and if it does not come to its end. */
export async function runChecks(t: TestContext, options: ChecksRun): Promise<void> {
  const report = new CheckReport((title, body) => t.test(title, body));
  const result = await runInGuest({
    ...options,
    program: guestProgram(...options.checks),
    onLine: (text) => {
      const line = parseCheckLine(text);
      if (line === null) console.log(text);
      else report.take(line);
    },
  });
  const failed = await report.end(ending(result));
  t.diagnostic(`boot ${result.bootSeconds.toFixed(1)} s${result.boots > 1 ? `, the ${result.boots}th try` : ''}`);
  // A check that failed makes the program end with 1, and is told already.
  if (failed === 0 || result.code !== 1) assert.equal(result.code, 0, ending(result));
  assert(report.count > 0, 'the program made no check');
}

function ending({ code, console }: GuestResult): string {
  return `the program ended with ${code}; last messages of the kernel:\n${console.split('\n').slice(-20).join('\n')}`;
}
