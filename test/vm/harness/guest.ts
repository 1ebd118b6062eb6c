/** One program in one guest, from boot to power-off. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { root } from '../../../scripts/repository.ts';
import { makeInitramfs } from './initramfs.ts';
import { fetchKernels } from './kernel-fetch.ts';
import { type KernelFiles, storedKernel } from './kernel-store.ts';
import type { GuestOptions } from './options.ts';
import { qemuArguments, RunFolder } from './qemu.ts';

/** From the start of QEMU until the program begins: 10 s on an idle machine of today. */
const BOOT_SECONDS = 150;
/** A guest that dies before its program began has done nothing yet, so it may try again. */
const BOOTS = 3;
/** From the program's end to the end of QEMU. */
const POWER_OFF_SECONDS = 15;
/** More output than this is handed to onLine, and not kept. */
const KEPT_CHARACTERS = 16 * 1024 * 1024;

/** As of timeout(1). */
export const TIME_OVER = 124;
/** The guest died, or could not be started. */
export const NO_RESULT = 125;

export interface GuestRun extends GuestOptions {
  /** Called with each line of output as it comes. */
  readonly onLine?: (line: string) => void;
  /** Ends the guest where it is; the result is TIME_OVER. */
  readonly signal?: AbortSignal;
}

export interface GuestResult {
  /** The program's exit code, TIME_OVER or NO_RESULT. */
  readonly code: number;
  /** What it wrote, both streams. */
  readonly output: string;
  /** Kernel messages of the last boot, and what QEMU had to say. */
  readonly console: string;
  readonly boots: number;
  /** From the start of QEMU until the program began; NaN if it did not. */
  readonly bootSeconds: number;
}

/** Runs a program in a guest. Kernels that are missing are fetched first. Throws only if that fails. */
export async function runInGuest(options: GuestRun): Promise<GuestResult> {
  await fetchKernels([options.kernel]);
  const kernel = storedKernel(options.kernel);
  if (kernel === null) throw new Error(`the kernel ${options.kernel} is not in the store`);
  const run = new RunFolder(fs.mkdtempSync(path.join(os.tmpdir(), 'causeway-vm-')));
  const live = new LiveRun(run);
  try {
    await fill(run, options, kernel);
    for (let boots = 1; ; boots += 1) {
      const result = { ...(await live.boot(options, kernel)), boots };
      if (!Number.isNaN(result.bootSeconds) || boots === BOOTS) return result;
    }
  } finally {
    live.close();
  }
}

/** Puts into the run's folder what QEMU and the guest read. */
async function fill(run: RunFolder, options: GuestOptions, kernel: KernelFiles): Promise<void> {
  fs.mkdirSync(run.guest());
  const work = path.join(run.path, 'work');
  fs.mkdirSync(work);
  await makeInitramfs(kernel, work, run.initramfs());
  fs.rmSync(work, { recursive: true });
  fs.copyFileSync(path.join(root, 'test/vm/harness/second-init.sh'), path.join(run.guest(), 'second-init.sh'));
  fs.writeFileSync(path.join(run.guest(), 'project'), root);
  const script = `cd ${quoted(process.cwd())} || exit\nexec ${options.program.map(quoted).join(' ')}\n`;
  fs.writeFileSync(path.join(run.guest(), 'program.sh'), script);
}

/** Owns the folder and the QEMU of a run, and takes both away, also if this process is asked to end. */
class LiveRun {
  readonly #run: RunFolder;
  #qemu: ChildProcess | null = null;
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.close();
    // Nobody of ours listens any more, so this ends the process as the signal would have, or calls who else listens.
    process.kill(process.pid, signal);
  };

  constructor(run: RunFolder) {
    this.#run = run;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, this.#onSignal);
  }

  close(): void {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, this.#onSignal);
    this.#qemu?.kill('SIGKILL');
    fs.rmSync(this.#run.path, { recursive: true, force: true });
  }

  async boot(options: GuestRun, kernel: KernelFiles): Promise<Omit<GuestResult, 'boots'>> {
    let output = '';
    let code = NO_RESULT;
    let bootSeconds = Number.NaN;
    const startedAt = performance.now();
    const bound = new Bound(() => this.#qemu?.kill('SIGKILL'));
    options.signal?.addEventListener('abort', () => bound.set(0));

    const outputPort = await listen(this.#run.output(), (line) => {
      if (output.length < KEPT_CHARACTERS) output += `${line}\n`;
      options.onLine?.(line);
    });
    const controlPort = await listen(this.#run.control(), (line) => {
      if (line === 'begun') {
        bootSeconds = (performance.now() - startedAt) / 1000;
        bound.set(options.seconds);
      } else {
        code = Number(/^ended (\d+)$/.exec(line)?.[1] ?? NO_RESULT);
        bound.set(POWER_OFF_SECONDS);
      }
    });

    bound.set(BOOT_SECONDS);
    const complaints = await this.#runQemu(qemuArguments(options, kernel, this.#run));
    bound.clear();
    await Promise.all([outputPort.end(), controlPort.end()]);
    if (bound.passed && code === NO_RESULT && !Number.isNaN(bootSeconds)) code = TIME_OVER;
    const console = fs.existsSync(this.#run.console()) ? fs.readFileSync(this.#run.console(), 'utf8') : '';
    return { code, output, console: console + complaints, bootSeconds };
  }

  /** Resolves to what QEMU wrote, when it has ended. */
  async #runQemu(args: readonly string[]): Promise<string> {
    // It dies with the thread that started it, so that nothing is left even of a process that was killed.
    const qemu = spawn('setpriv', ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#qemu = qemu;
    let complaints = '';
    for (const stream of [qemu.stdout, qemu.stderr]) stream.on('data', (data: Buffer) => (complaints += String(data)));
    try {
      await once(qemu, 'close');
    } catch (error) {
      complaints += `setpriv: ${String(error)}\n`;
    }
    this.#qemu = null;
    return complaints;
  }
}

/** Calls `onPassed` if the time that was set last passes. */
class Bound {
  passed = false;
  readonly #onPassed: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(onPassed: () => void) {
    this.#onPassed = onPassed;
  }

  set(seconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.passed = true;
      this.#onPassed();
    }, seconds * 1000);
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}

/** Takes one connection on a socket and hands on the lines that come over it. */
async function listen(socketPath: string, onLine: (line: string) => void): Promise<{ end: () => Promise<void> }> {
  let over: Promise<unknown> = Promise.resolve();
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    const lines = createInterface({ input: socket });
    lines.on('line', onLine);
    over = once(lines, 'close');
  });
  server.listen(socketPath);
  await once(server, 'listening');
  return {
    end: async () => {
      // The other end is gone, so what it sent is here, and comes to an end.
      await over;
      server.close();
      fs.rmSync(socketPath, { force: true });
    },
  };
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
