/**
 * Runs test files, each in a process group of its own, and counts. Not node:test's `run()`: on Node 20 it drops all
 * that a file reported before it hung or crashed, and does not end the processes that the file had started.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { relative } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { root } from './repository.ts';
import type { TestReport } from './test-reporter.ts';

export interface Tally {
  passed: number;
  failed: number;
  /** Tests that were not run, with the reason they gave. */
  readonly skipped: { readonly name: string; readonly reason: string }[];
}

export interface RunOptions {
  /** How many files run at once. Only with 1 their output is seen while they run. */
  readonly concurrency: number;
  /** Milliseconds after which a file is ended and counts as failed. */
  readonly timeout: number;
}

/** How long a file that is asked to end may take to clear up its mounts and devices. */
const GRACE_MS = 10_000;
const REPORTER = new URL('./test-reporter.js', import.meta.url).href;

const running = new Set<ChildProcess>();
const stop = new AbortController();

/** Resolves when all files have ended; the outcome is added to `tally`. */
export async function runTestFiles(files: readonly string[], options: RunOptions, tally: Tally): Promise<void> {
  const waiting = [...files];
  const work = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined && !stop.signal.aborted; file = waiting.shift()) {
      await runFile(file, options, tally);
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, work));
}

/** A run that is asked to end ends its tests first: they have devices and mounts to clear up. */
export function endTestsOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      stop.abort();
      for (const child of running) endGroup(child);
      const wait = setInterval(() => {
        if (running.size > 0) return;
        clearInterval(wait);
        // Nobody listens any more, so this ends the process as the signal would have.
        process.kill(process.pid, signal);
      }, 20);
    });
  }
}

async function runFile(file: string, options: RunOptions, tally: Tally): Promise<void> {
  const name = relative(root, file).replace(/^dist\/(.*)\.js$/, '$1.ts');
  const child = spawn(process.execPath, ['--enable-source-maps', '--test-reporter', REPORTER, file], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    detached: true,
  });
  running.add(child);
  const output: (Buffer | string)[] = [];
  const print = (text: Buffer | string): void => {
    if (options.concurrency === 1) process.stdout.write(text);
    else output.push(text);
  };
  print(`\n▶ ${name}\n`);
  child.stdout?.on('data', print);
  child.stderr?.on('data', print);
  const mine: Tally = { passed: 0, failed: 0, skipped: [] };
  const begun = countReports(child, name, mine);

  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    endGroup(child);
  }, options.timeout);
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on('close', (...end) => resolve(end));
  });
  clearTimeout(timer);
  running.delete(child);

  let trouble = '';
  if (timedOut) trouble = `did not end within ${options.timeout / 1000} s`;
  else if (signal !== null) trouble = `was ended by ${signal}`;
  else if (code !== 0 && mine.failed === 0) trouble = `ended with exit code ${code}`;
  else if (mine.passed + mine.failed + mine.skipped.length === 0) trouble = 'holds no test';
  if (trouble !== '') {
    mine.failed += 1;
    print(`✖ ${name} ${trouble}${begun.length > 0 ? `; running: ${begun.join(' > ')}` : ''}\n`);
  }
  for (const text of output) process.stdout.write(text);
  tally.passed += mine.passed;
  tally.failed += mine.failed;
  tally.skipped.push(...mine.skipped);
}

/** Adds what the file's process reports to `tally`. Returns the list, kept up to date, of the tests that are running. */
function countReports(child: ChildProcess, file: string, tally: Tally): readonly string[] {
  const begun: string[] = [];
  const reports = child.stdio[3];
  if (!(reports instanceof Readable)) throw new TypeError('the test process has no descriptor 3');
  createInterface({ input: reports }).on('line', (line) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- test-reporter.ts wrote it in this form
    const { what, name, reason = '' } = JSON.parse(line) as TestReport;
    if (what === 'begun') {
      begun.push(name);
      return;
    }
    const place = begun.lastIndexOf(name);
    if (place >= 0) begun.splice(place, 1);
    if (what === 'skipped') tally.skipped.push({ name: `${file}: ${name}`, reason });
    else if (what !== 'summed') tally[what] += 1;
  });
  return begun;
}

/** Asks the whole group to end, and ends it if it does not. */
function endGroup(child: ChildProcess): void {
  const signalGroup = (signal: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // ESRCH: all of them are gone already.
    }
  };
  signalGroup('SIGTERM');
  const timer = setTimeout(() => {
    signalGroup('SIGKILL');
    // A process that left the group may still hold the other ends; waiting for it could take for ever.
    for (const stream of child.stdio) stream?.destroy();
  }, GRACE_MS);
  child.once('close', () => {
    clearTimeout(timer);
    signalGroup('SIGKILL');
  });
}
