/** Programs that a run starts: each within a bound, and none left when the run ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

const folders = '/usr/local/sbin:/usr/sbin:/sbin';

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH'] ?? ''}:${folders}`, LC_ALL: 'C' };
}

export interface Finished {
  readonly stdout: string;
}

/** Programs that run now. An interrupted run ends them, so that nobody waits for them. */
const running = new Set<ChildProcess>();

export function endPrograms(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** Runs a program that has to succeed within `seconds`. @throws Error with what it complained about */
export async function run(program: string, args: readonly string[], seconds: number): Promise<Finished> {
  // A group of its own: Ctrl-C is for us, and we decide what becomes of it.
  const child = spawn(program, args, { env: environment(), stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  running.add(child);
  const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
  try {
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    await once(child, 'close');
    if (child.exitCode === 0) return { stdout };
    const how = child.exitCode === null ? `was ended by ${child.signalCode}` : `ended with ${child.exitCode}`;
    throw new Error(`${program} ${args.join(' ')} ${how}: ${(stderr || stdout).trim().slice(0, 1000)}`);
  } finally {
    clearTimeout(timer);
    running.delete(child);
  }
}

/** Starts a program that runs until it is ended. */
export function start(program: string, args: readonly string[]): { child: ChildProcess; complaints: () => string } {
  const child = spawn(program, args, { env: environment(), stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (more: string) => (text = (text + more).slice(-4000)));
  child.on('error', (error) => (text += error.message));
  return { child, complaints: () => text.trim() };
}

/** Ends a program: asks, waits `seconds`, then kills. */
export async function end(child: ChildProcess, seconds: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
  await gone;
  clearTimeout(timer);
}
