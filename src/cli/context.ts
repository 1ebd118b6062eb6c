/** What the verbs know of the world around them; tests give them another one. */
import { readFileSync, writeSync } from 'node:fs';
import type { ArrayHandle, ArrayOptions } from '../demo/array-thread.ts';
import type { Host } from '../host/contract.ts';
import { Output } from './output.ts';
import { openTerminal, type Terminal } from './terminal.ts';

export interface Context {
  readonly stdout: Output;
  readonly stderr: Output;
  /** The terminal at stdout, if it is one that can be drawn on. Each call opens it anew. */
  openTerminal(): Terminal | null;
  /** This process serves for a parent that waits for word of it and then goes (`--background`). */
  readonly background: boolean;
  /** It has CAP_SYS_ADMIN, as root has outside of containers. */
  readonly mayMakeDevices: boolean;
  startHost(): Promise<Host>;
  startArray(options: ArrayOptions): Promise<ArrayHandle>;
  /** Calls `listener` for each signal that asks for an end, until the returned function is called. */
  onEndSignal(listener: () => void): () => void;
  /** Says why, and ends this process as a crash does, leaving everything to the next one. */
  crash(name: string, error: unknown): void;
  after(milliseconds: number, callback: () => void): NodeJS.Timeout;
  /** Monotonic milliseconds. */
  now(): number;
}

/** Set in the environment of the process that `--background` starts. */
export const backgroundVariable = 'CAUSEWAY_BACKGROUND';

/** SIGHUP comes when the terminal goes; a device does not have to go with it while somebody uses it. */
const endSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export function realContext(): Context {
  const background = process.env[backgroundVariable] === '1';
  // Not for the processes that this one starts.
  delete process.env[backgroundVariable];
  return {
    stdout: new Output(process.stdout),
    stderr: new Output(process.stderr),
    openTerminal,
    background,
    mayMakeDevices: hasSystemAdmin(),
    startHost: async () => {
      // Loaded by those who serve only: it brings the FFI and threads along.
      const { startHost } = await import('../host/host.ts');
      return await startHost();
    },
    startArray: async (options) => {
      const { startArray } = await import('../demo/array-thread.ts');
      return await startArray(options);
    },
    onEndSignal: (listener) => {
      for (const signal of endSignals) process.on(signal, listener);
      return () => {
        for (const signal of endSignals) process.off(signal, listener);
      };
    },
    crash: (name, error) => {
      writeSync(2, `causeway: ${name} ends as in a crash: ${error instanceof Error ? error.message : String(error)}\n`);
      process.kill(process.pid, 'SIGKILL');
    },
    after: (milliseconds, callback) => setTimeout(callback, milliseconds),
    now: () => performance.now(),
  };
}

/** Bit of CAP_SYS_ADMIN in the sets of capabilities(7). */
const systemAdmin = 21n;

function hasSystemAdmin(): boolean {
  try {
    const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    return effective !== undefined && ((BigInt(`0x${effective}`) >> systemAdmin) & 1n) === 1n;
  } catch {
    return process.geteuid?.() === 0;
  }
}

/** The version in package.json, which stands at the root of the package and of a clone alike. */
export function version(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  const value: unknown = JSON.parse(text);
  if (typeof value === 'object' && value !== null && 'version' in value && typeof value.version === 'string') {
    return value.version;
  }
  return 'unknown';
}
