/**
 * `npm test`: static checks, then all tests, then one line with the count. Arguments that are no options choose test
 * files by a part of their path and leave the static checks out. `--long` runs test/long/ instead, see long-tests.ts.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { capabilities, lacking } from '../test/support/requires.ts';
import { LongTestRecord } from './long-tests.ts';
import { listFiles, root } from './repository.ts';
import { endTestsOnSignals, runTestFiles, type Tally } from './run-test-files.ts';

const MINUTE = 60_000;

const STATIC_CHECKS: readonly (readonly [string, string, ...string[]])[] = [
  ['lint', 'node_modules/.bin/oxlint', '--type-aware', '--deny-warnings'],
  ['format', 'node_modules/.bin/biome', 'format'],
  ['imports', process.execPath, 'dist/scripts/check-imports.js'],
  ['tidy', process.execPath, 'dist/scripts/check-tidy.js'],
  ['lock file', process.execPath, 'dist/scripts/check-lock.js'],
  ['dead code', 'node_modules/.bin/knip', '--no-progress'],
];

const tally: Tally = { passed: 0, failed: 0, skipped: [] };
const choices = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const long = process.argv.includes('--long');

/** Test files of a folder, as built. Taken from the sources, because dist/ may still hold tests that were removed. */
function testFiles(...folders: string[]): string[] {
  return folders
    .flatMap((folder) => listFiles(folder))
    .filter((path) => path.endsWith('.test.ts') && path.startsWith('test/long/') === long)
    .filter((path) => choices.length === 0 || choices.some((choice) => path.includes(choice)))
    .map((path) => join(root, 'dist', path.replace(/\.ts$/, '.js')));
}

function runStaticChecks(): void {
  for (const [name, command, ...args] of STATIC_CHECKS) {
    const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', timeout: 2 * MINUTE });
    const passed = result.status === 0;
    console.log(`${passed ? '✔' : '✖'} ${name}`);
    tally[passed ? 'passed' : 'failed'] += 1;
    if (!passed) console.log(`${result.stdout}${result.stderr}${result.error?.message ?? ''}`);
  }
}

async function runLongTests(): Promise<void> {
  const record = new LongTestRecord(join(root, 'docs/long-tests.md'));
  for (const file of testFiles('test/long')) {
    const passedAt = record.stillValid(file);
    if (passedAt !== null) {
      console.log(`✔ ${file} passed at ${passedAt}, and nothing has changed since`);
      tally.passed += 1;
      continue;
    }
    const before = tally.failed + tally.skipped.length;
    const startedAt = Date.now();
    await runTestFiles([file], { concurrency: 1, timeout: 120 * MINUTE }, tally);
    if (tally.failed + tally.skipped.length === before) record.passed(file, (Date.now() - startedAt) / 1000);
  }
}

function printNotRun(): void {
  if (tally.skipped.length === 0) return;
  console.log(`Not run here (${tally.skipped.length}):`);
  for (const { name, reason } of tally.skipped) console.log(`  - ${name}: ${reason}`);
}

endTestsOnSignals();
const missing = lacking(capabilities);
console.log(
  missing.length === 0 ? 'This host offers all that the tests need.' : `This host lacks: ${missing.join('; ')}`,
);

if (long) {
  await runLongTests();
} else {
  if (choices.length === 0) runStaticChecks();
  await runTestFiles(testFiles('src', 'scripts', 'sim'), { concurrency: 2, timeout: 2 * MINUTE }, tally);
  // These use devices and mounts of this host, and measure time: one after the other.
  await runTestFiles(testFiles('examples', 'test', 'bench'), { concurrency: 1, timeout: 8 * MINUTE }, tally);
}

printNotRun();
const skipped = tally.skipped.length;
const mustRunAll = process.env['CI'] === 'true' && skipped > 0;
if (mustRunAll) console.log('With CI=true, what is not run counts as failed.');
const failed = tally.failed + (mustRunAll ? skipped : 0);
const nothingRan = tally.passed + failed + skipped === 0;
if (nothingRan) console.log(`No test file matches: ${choices.join(', ') || '(none exists)'}`);
console.log(`${tally.passed} passed, ${failed} failed${skipped > 0 && !mustRunAll ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed === 0 && !nothingRan ? 0 : 1;
