/**
 * `--background`: another process of ours serves, and this one waits for one line of it, on a descriptor of its own. Not
 * over node's own channel between parent and child, which does not outlive the exec of the first stage.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { CausewayError } from '../base/errors.ts';
import { errorData, errorFrom, isRecord } from '../host/control-protocol.ts';
import { makeRuntimeDirectory, placesOf, removeRuntimeDirectoryIfEmpty } from '../host/runtime-dir.ts';
import { backgroundVariable, type Context } from './context.ts';
import type { Instance } from './instance.ts';
import { readyLines } from './report-lines.ts';
import { readyLine } from './report-json.ts';

/** Where the child says its line. */
const wordDescriptor = 3;

/** What the parent prints. */
export interface Readiness {
  /** The line of `--json`. */
  readonly json: string;
  readonly lines: readonly string[];
  /** The node; for an array, how to attach it. */
  readonly device: string;
}

/** In the child: all is well, and from here on on its own. */
export function tellParent(instance: Instance): void {
  // What an earlier process of this name wrote into the log is not ours.
  try {
    fs.ftruncateSync(2, 0);
  } catch {
    // stderr is no file: somebody else started us.
  }
  // A file system that it stands in could not be unmounted as long as it runs.
  process.chdir('/');
  const device = instance.attachment?.view().device ?? instance.board?.array.url ?? '';
  const ready: Readiness = { json: readyLine(instance), lines: readyLines(instance), device };
  tell({ ready });
}

/** In the child: it could not be started. */
export function tellParentOfFailure(error: unknown): void {
  tell({ failure: errorData(error) });
}

function tell(message: unknown): void {
  try {
    fs.writeSync(wordDescriptor, `${JSON.stringify(message)}\n`);
    fs.closeSync(wordDescriptor);
  } catch {
    // The parent is gone; the device is served all the same, and `causeway list` shows it.
  }
}

/**
 * In the parent: starts the child with the same arguments, and resolves when it serves. A signal that comes meanwhile is
 * handed on, and the child's end awaited.
 * @throws CausewayError what kept the child from serving, `background-failed` if it says nothing
 */
export async function runInBackground(
  context: Context,
  name: string,
  args: readonly string[],
  directory = process.cwd(),
): Promise<Readiness> {
  const places = placesOf(name);
  makeRuntimeDirectory();
  // For appending: if the name is in use, the log is that of the process which has it.
  const log = fs.openSync(places.log, 'a', 0o600);
  const main = fileURLToPath(new URL('./main.js', import.meta.url));
  let stopListening: (() => void) | null = null;
  try {
    const child = spawn(process.execPath, [main, ...args], {
      cwd: directory,
      detached: true,
      stdio: ['ignore', 'ignore', log, 'pipe'],
      env: { ...process.env, [backgroundVariable]: '1' },
    });
    stopListening = context.onEndSignal(() => child.kill('SIGTERM'));
    const words = child.stdio[wordDescriptor];
    if (!(words instanceof Readable)) throw new CausewayError('assertion', 'the child has no descriptor for its word');
    const word = await wordOf(child, words);
    child.unref();
    words.destroy();
    return word;
  } catch (error) {
    if (fs.fstatSync(log).size === 0) fs.rmSync(places.log, { force: true });
    removeRuntimeDirectoryIfEmpty();
    throw error;
  } finally {
    stopListening?.();
    fs.closeSync(log);
  }
}

/** The child's one line. */
async function wordOf(child: ChildProcess, words: Readable): Promise<Readiness> {
  const line = await new Promise<string>((resolve, reject) => {
    let heard = '';
    words.setEncoding('utf8').on('data', (text: string) => {
      heard += text;
      if (heard.includes('\n')) resolve(heard);
    });
    child.once('error', (error) => reject(new CausewayError('background-failed', error.message, { cause: error })));
    child.once('close', (code, signal) => {
      reject(new CausewayError('background-failed', `the process ended at once (${signal ?? `exit code ${code}`})`));
    });
  });
  const message: unknown = JSON.parse(line);
  const ready: unknown = isRecord(message) ? message['ready'] : null;
  if (isReadiness(ready)) return ready;
  throw errorFrom(isRecord(message) ? message['failure'] : null);
}

function isReadiness(value: unknown): value is Readiness {
  return isRecord(value) && typeof value['json'] === 'string' && typeof value['device'] === 'string';
}
