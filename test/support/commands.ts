/** Programs that tests run, each within a bound, without blocking this thread. */
import { execFile } from 'node:child_process';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const folders = '/usr/local/sbin:/usr/sbin:/sbin';

/** Runs a program to its end. Code -1: it could not be started, or was killed after `seconds`. */
export function attempt(program: string, args: readonly string[], seconds = 60, cwd?: string): Promise<Outcome> {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:${folders}`, LC_ALL: 'C' };
  const options = { env, cwd, timeout: seconds * 1000, maxBuffer: 64 * 1024 * 1024 };
  return new Promise((resolve) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}

/** Runs a program that has to succeed and returns what it wrote. */
export async function run(program: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await attempt(program, args);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`);
  return stdout;
}

/** Runs a line of shell that has to succeed. */
export async function shell(line: string): Promise<string> {
  return await run('sh', '-ec', line);
}
