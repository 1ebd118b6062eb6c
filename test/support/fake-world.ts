/** The world around a command line that runs in the test's own process: output that can be waited for, a fake host. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { CausewayError } from '../../src/base/errors.ts';
import type { Context } from '../../src/cli/context.ts';
import { Output } from '../../src/cli/output.ts';
import { run } from '../../src/cli/program.ts';
import { type Line, textOf } from '../../src/cli/style.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { FakeArray, FakeHost } from './fake-host.ts';

/** A stream whose lines a test can wait for. */
export class Sink {
  readonly lines: string[] = [];
  readonly stream = new PassThrough();
  #rest = '';
  readonly #waiting: { found: (line: string) => boolean; resolve: (line: string) => void }[] = [];

  constructor() {
    this.stream.setEncoding('utf8').on('data', (text: string) => {
      const parts = (this.#rest + text).split('\n');
      this.#rest = parts.pop() ?? '';
      for (const line of parts) {
        this.lines.push(line);
        for (const one of this.#waiting.filter((each) => each.found(line))) one.resolve(line);
      }
    });
  }

  /** The first line that holds `text`, now or later. */
  async line(text: string): Promise<string> {
    const found = (line: string): boolean => line.includes(text);
    const there = this.lines.find(found);
    if (there !== undefined) return there;
    return await new Promise((resolve) => this.#waiting.push({ found, resolve }));
  }
}

export class FakeTerminal implements Terminal {
  columns = 80;
  rows = 30;
  closed = 0;
  shown = '';
  type: (typed: string) => void = () => undefined;
  resize: () => void = () => undefined;

  draw(lines: readonly Line[]): void {
    assert.equal(this.closed, 0, 'drawn after it was given back');
    assert.ok(lines.length <= this.rows);
    this.shown = lines.map(textOf).join('\n');
  }

  onKeys(listener: (typed: string) => void): boolean {
    this.type = listener;
    return true;
  }

  onResize(listener: () => void): void {
    this.resize = listener;
  }

  close(): void {
    this.closed += 1;
  }
}

export class World {
  readonly out = new Sink();
  readonly err = new Sink();
  readonly host: FakeHost;
  readonly arrays: FakeArray[] = [];
  terminal: FakeTerminal | null = null;
  mayMakeDevices = true;
  hostError: Error | null = null;
  /** Ports that are taken. */
  taken: number | undefined;
  /** Ends as in a crash. */
  readonly crashes: string[] = [];
  signal: () => void = () => undefined;

  constructor(name: string) {
    this.host = new FakeHost(name);
  }

  run(...args: string[]): Promise<number> {
    const context: Context = {
      stdout: new Output(this.out.stream),
      stderr: new Output(this.err.stream),
      openTerminal: () => this.terminal,
      background: false,
      mayMakeDevices: this.mayMakeDevices,
      startHost: async () => {
        if (this.hostError !== null) throw this.hostError;
        return this.host;
      },
      startArray: async (options) => {
        if (this.taken !== undefined && options.port === this.taken) {
          throw new CausewayError('address-in-use', '127.0.0.1:4420 is taken');
        }
        const array = new FakeArray(options.ports ?? options.addresses?.length ?? 4);
        this.arrays.push(array);
        return array;
      },
      onEndSignal: (listener) => {
        this.signal = listener;
        return () => (this.signal = () => undefined);
      },
      crash: (name, error) => void this.crashes.push(`${name}: ${String(error)}`),
      after: (milliseconds, callback) => setTimeout(callback, milliseconds),
      now: () => performance.now(),
    };
    return run(args, context);
  }
}
