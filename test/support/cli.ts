/** The command line as a user has it: a process of its own, its output, its exit code, and what it leaves behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const mainPath = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const runtimeDirectory = '/run/causeway';

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** No command of these tests takes longer, milliseconds; one that does is killed, and its exit code is null. */
let patience = 60_000;

/** For where everything takes longer, as in a guest. */
export function setPatience(milliseconds: number): void {
  patience = milliseconds;
}

let names = 0;
/** A name that no other test and no other run uses. */
export function freshName(): string {
  names += 1;
  return `t${process.pid}-${names}`;
}

export class Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';
  readonly #waiting: (() => void)[] = [];

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    const child = this.child;
    child.stdin?.on('error', () => undefined);
    child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#heard(() => (this.stdout += text)));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#heard(() => (this.stderr += text)));
    const timer = setTimeout(() => child.kill('SIGKILL'), patience);
    this.ended = new Promise((resolve) => {
      child.on('close', (code, signal) => {
        clearTimeout(timer);
        this.#heard(() => undefined);
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  /** The first line of stdout that holds `text`. @throws Error if the process ends without it */
  async line(text: string): Promise<string> {
    const find = (): string | undefined =>
      this.stdout
        .split('\n')
        .slice(0, -1)
        .find((line) => line.includes(text));
    for (let found = find(); ; found = find()) {
      if (found !== undefined) return found;
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(
          `it ended (${this.child.exitCode ?? this.child.signalCode}) without "${text}":\n${this.stdout}${this.stderr}`,
        );
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  #heard(add: () => void): void {
    add();
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** Starts `causeway` with these words. */
export function start(...args: string[]): Running {
  return new Running(process.execPath, [mainPath, ...args]);
}

/** Runs `causeway` with these words to its end. */
export function causeway(...args: string[]): Promise<Ended> {
  return start(...args).ended;
}

/** Starts it and reads what `ready` says. */
export async function startReady(...args: string[]): Promise<{ running: Running; ready: Ready }> {
  const running = start(...args, '--json');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what it lacks, the tests that use it will tell
  return { running, ready: JSON.parse(await running.line('"event":"ready"')) as Ready };
}

export interface Ready {
  readonly event: 'ready';
  readonly name: string;
  readonly device: string;
  readonly url?: string;
  readonly paths: readonly { readonly id: string; readonly state: string }[];
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function list(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch {
    return [];
  }
}

/** Everything of this name that is on the host: files, mounts, loop and NBD devices, links. Empty when nothing is left. */
export function traces(name: string): string[] {
  const files = list(runtimeDirectory).filter(
    (file) =>
      file.startsWith(`${name}.`) ||
      (file.startsWith('identity-') && read(path.join(runtimeDirectory, file)).trim() === name),
  );
  const mounts = read('/proc/self/mountinfo')
    .split('\n')
    .filter((line) => line.includes(`causeway:${name} `));
  const loops = list('/sys/block').filter((block) =>
    read(`/sys/block/${block}/loop/backing_file`).startsWith(`${runtimeDirectory}/${name}.`),
  );
  const backends = list('/sys/block').filter((block) =>
    read(`/sys/block/${block}/backend`).startsWith(`causeway:${name}:`),
  );
  const links = list('/dev/causeway').filter((link) => link === name);
  return [...files, ...mounts, ...loops, ...backends, ...links];
}
