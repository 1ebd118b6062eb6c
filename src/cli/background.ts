/**
 * `--background`: another process of ours serves, and this one waits for word of it. The two talk over the channel that
 * node opens between parent and child; when the child is ready it closes that and belongs to nobody.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CausewayError } from '../base/errors.ts';
import { errorData, errorFrom, isRecord } from '../host/control-protocol.ts';
import { makeRuntimeDirectory, placesOf, removeRuntimeDirectoryIfEmpty } from '../host/runtime-dir.ts';
import { backgroundVariable } from './context.ts';
import type { Instance } from './instance.ts';
import { readyLines } from './report-lines.ts';
import { readyLine } from './report-json.ts';

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
  // From now on the parent's going is no reason to end.
  process.removeAllListeners('disconnect');
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
  process.send?.({ ready }, () => process.disconnect());
}

/** In the child: it could not be started. */
export function tellParentOfFailure(error: unknown): void {
  process.send?.({ failure: errorData(error) }, () => process.disconnect());
}

/**
 * In the parent: starts the child with the same arguments, and resolves when it serves.
 * @throws CausewayError what kept the child from serving, `background-failed` if it says nothing
 */
export async function runInBackground(name: string, args: readonly string[]): Promise<Readiness> {
  const places = placesOf(name);
  makeRuntimeDirectory();
  // For appending: if the name is in use, the log is that of the process which has it.
  const log = fs.openSync(places.log, 'a', 0o600);
  const main = fileURLToPath(new URL('./main.js', import.meta.url));
  try {
    const child = spawn(process.execPath, [main, ...args], {
      detached: true,
      stdio: ['ignore', 'ignore', log, 'ipc'],
      env: { ...process.env, [backgroundVariable]: '1' },
    });
    const ready = await new Promise<Readiness>((resolve, reject) => {
      child.once('error', (error) => reject(new CausewayError('background-failed', error.message, { cause: error })));
      child.once('exit', (code, signal) => {
        reject(new CausewayError('background-failed', `the process ended at once (${signal ?? `exit code ${code}`})`));
      });
      child.once('message', (message: unknown) => {
        if (isRecord(message) && isReadiness(message['ready'])) resolve(message['ready']);
        else reject(errorFrom(isRecord(message) ? message['failure'] : null));
      });
    });
    child.unref();
    if (child.connected) child.disconnect();
    return ready;
  } catch (error) {
    if (fs.fstatSync(log).size === 0) fs.rmSync(places.log, { force: true });
    removeRuntimeDirectoryIfEmpty();
    throw error;
  } finally {
    fs.closeSync(log);
  }
}

function isReadiness(value: unknown): value is Readiness {
  return isRecord(value) && typeof value['json'] === 'string' && typeof value['device'] === 'string';
}
