/**
 * A process that serves a device stands in the way of the kernel's own memory reclaim: writing back dirty pages of the
 * device needs this process to run and to get memory. So it must not wait for memory that only its own I/O can free
 * (PR_SET_IO_FLUSHER), and it must not be what the out-of-memory killer picks.
 *
 * The first is a flag of a thread that new threads inherit, and Node has started helper threads before any script runs.
 * So the program sets the flag in a first stage and then becomes itself anew, with every thread under the flag.
 */
import { setIoFlusher, neverKilled, setOomScore } from '../native/prctl.ts';
import { replaceProcess } from '../native/exec.ts';

const stageVariable = 'CAUSEWAY_SECOND_STAGE';

/**
 * In the first stage of a process that may: sets the flags and does not return. In the second stage, or without the rights
 * (making a device will then fail with a better sentence than we have here): does nothing.
 */
export function enterIoPath(): void {
  if (process.env[stageVariable] === String(process.pid)) return;
  if (setIoFlusher(true) < 0) return;
  setOomScore(neverKilled);
  const env = { ...process.env, [stageVariable]: String(process.pid) };
  replaceProcess(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)], env);
  // Still here: the flag holds for this thread at least, which is better than nothing.
}
