/**
 * A scene for tests: the embedded array, a host that is attached to it, and programs that use the device. However a
 * test ends, everything it made is taken away again, within a bound, and then it is shown that nothing is left.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { defined } from '../../src/base/assert.ts';
import { CausewayError } from '../../src/base/errors.ts';
import { type ArrayHandle, type ArrayOptions, startArray } from '../../src/demo/array-thread.ts';
import type { AttachOptions } from '../../src/host/contract.ts';
import { type CausewayHost, type HostOptions, startHost } from '../../src/host/host.ts';
import type { ServedVolume } from '../../src/host/served-volume.ts';
import type { HostEvent } from '../../src/host/view.ts';
import { assertNothingLeft, countBefore } from './leftovers.ts';

export interface SceneOptions {
  /** Names the device, with this process's number. */
  readonly label: string;
  /** How long the test may take, milliseconds; clearing up has bounds of its own. */
  readonly bound: number;
  readonly array?: ArrayOptions;
  readonly host?: HostOptions;
  readonly attach?: Partial<AttachOptions>;
}

export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

/** How many events are told of a test that failed. */
const mostEvents = 40;
/** How long each step of clearing up may take, milliseconds. */
const clearUpBound = 20_000;
/** Ports are taken from here on: below those that the kernel gives to outgoing connections, which would take a closed port. */
const firstPort = 20_000;
const portRange = 10_000;

/** Runs a test in a scene. What the body leaves undone (programs, mounts) is ended. */
export async function withScene(options: SceneOptions, body: (scene: Scene) => Promise<void>): Promise<void> {
  const before = await countBefore();
  const scene = new Scene(options);
  const endOnSignal = (): void => {
    void scene.clearUp().finally(() => process.kill(process.pid, 'SIGKILL'));
  };
  // Whoever listened before would end the process at once.
  const listeners = process.listeners('SIGTERM');
  process.removeAllListeners('SIGTERM');
  process.once('SIGTERM', endOnSignal);
  try {
    const troubles: unknown[] = [];
    try {
      await scene.within(options.bound, 'the test', async () => {
        await scene.start();
        await body(scene);
      });
    } catch (error) {
      scene.tellState();
      troubles.push(error);
    }
    try {
      await scene.clearUp();
    } catch (error) {
      troubles.push(error);
    }
    // What went wrong first is the cause of the rest, more often than not.
    if (troubles.length > 1) throw new AggregateError(troubles, troubles.map(String).join('; then '));
    if (troubles.length > 0) throw troubles[0];
    await assertNothingLeft(scene.name, before);
  } finally {
    process.off('SIGTERM', endOnSignal);
    for (const listener of listeners) process.on('SIGTERM', listener);
  }
}

export class Scene {
  readonly name: string;
  /** An empty folder of this test's own. */
  readonly folder: string;
  readonly events: HostEvent[] = [];
  readonly #options: SceneOptions;
  readonly #children = new Set<ChildProcess>();
  readonly #mounts: string[] = [];
  #array: ArrayHandle | null = null;
  #host: CausewayHost | null = null;
  #volume: ServedVolume | null = null;
  #clearing: Promise<void> | null = null;

  constructor(options: SceneOptions) {
    this.#options = options;
    this.name = `${options.label}-${process.pid}`;
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), `causeway-${this.name}-`));
  }

  /** Throws once the scene is cleared up: a body that goes on after its time must not undo that. */
  #mustGoOn(): void {
    if (this.#clearing !== null) throw new Error('the scene is over');
  }

  get array(): ArrayHandle {
    this.#mustGoOn();
    return defined(this.#array, 'the scene has no array');
  }

  get host(): CausewayHost {
    return defined(this.#host, 'the scene has no host');
  }

  get volume(): ServedVolume {
    this.#mustGoOn();
    return defined(this.#volume, 'the scene has no volume');
  }

  /** `/dev/loopN` */
  get device(): string {
    return this.volume.path;
  }

  async start(): Promise<void> {
    this.#array = await startOnFreePort({ serial: `T${process.pid}`, ...this.#options.array });
    this.#host = await startHost(this.#options.host);
    this.#host.onEvent((event) => this.events.push(event));
    if (this.#options.attach !== undefined) await this.attach(this.array.url, this.#options.attach);
  }

  async attach(url: string, options: Partial<AttachOptions>): Promise<void> {
    // The array is new at each start, though its volume's identity may not be. Scenes lose paths much oftener than a path may be lost that is trusted.
    this.#volume = await this.host.attach([url], { name: this.name, isNew: true, flapLimit: 0, ...options });
  }

  /** The volume is gone by the test's own doing. */
  async detach(): Promise<void> {
    await this.volume.detach();
    this.#volume = null;
  }

  /** Calls a method of every reactor. */
  onReactors<Result>(method: string, argument: (reactor: number) => unknown): Promise<Result[]> {
    return this.host.callAll<Result>(method, argument);
  }

  /** Bytes that the array's volume takes. */
  async allocated(): Promise<number> {
    const { volumes } = await this.array.stats();
    return defined(volumes[0]?.allocatedBytes, 'the volume does not know what it takes');
  }

  /** Runs a program to its end. Ends it, with all it started, when it takes longer than `bound`. */
  run(bound: number, command: string, ...args: string[]): Promise<Ran> {
    this.#mustGoOn();
    return this.#run(bound, command, args);
  }

  async #run(bound: number, command: string, args: readonly string[]): Promise<Ran> {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    this.#children.add(child);
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    const timer = setTimeout(() => killGroup(child), bound);
    try {
      return await new Promise<Ran>((resolve, reject) => {
        child.on('error', reject);
        child.on('close', (code, signal) => resolve({ code, signal, out, err }));
      });
    } finally {
      clearTimeout(timer);
      this.#children.delete(child);
    }
  }

  /** As `run`; fails unless the program succeeds. */
  async must(bound: number, command: string, ...args: string[]): Promise<string> {
    return succeeded(await this.run(bound, command, ...args), command, args);
  }

  async mount(point: string, ...options: string[]): Promise<void> {
    fs.mkdirSync(point, { recursive: true });
    this.#mounts.push(point);
    await this.must(30_000, 'mount', ...options, this.device, point);
  }

  async unmount(point: string): Promise<void> {
    await this.must(60_000, 'umount', point);
    this.#mounts.splice(this.#mounts.indexOf(point), 1);
  }

  /** Waits until `condition` holds; fails, naming `what`, if it does not within `bound` milliseconds. */
  async until(bound: number, what: string, condition: () => boolean | Promise<boolean>): Promise<number> {
    const begin = performance.now();
    while (!(await condition())) {
      assert(performance.now() - begin < bound, `${what}: not within ${bound} ms`);
      await sleep(10);
    }
    return performance.now() - begin;
  }

  async within<T>(bound: number, what: string, work: () => Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`${what} took longer than ${bound} ms`)), bound);
    });
    try {
      return await Promise.race([work(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** For whoever looks into a failure. */
  tellState(): void {
    const events = this.events.slice(-mostEvents).map(({ at, message }) => `  ${at} ${message}`);
    const paths = this.#volume
      ?.view()
      .paths.map(({ id, state, reason, losses }) => `  ${id} ${state} ${losses} ${reason}`);
    console.error([`What happened on ${this.name}:`, ...events, ...(paths ?? [])].join('\n'));
  }

  /** Takes away what there is. Every step is bounded, and none keeps the next from being tried. */
  clearUp(): Promise<void> {
    this.#clearing ??= this.#clearUp();
    return this.#clearing;
  }

  async #clear(command: string, ...args: string[]): Promise<void> {
    succeeded(await this.#run(clearUpBound, command, args), command, args);
  }

  async #clearUp(): Promise<void> {
    const trouble: unknown[] = [];
    const step = async (what: string, work: () => Promise<unknown>): Promise<boolean> => {
      try {
        await this.within(clearUpBound, what, work);
        return true;
      } catch (error) {
        trouble.push(error);
        return false;
      }
    };
    const array = this.#array;
    if (array !== null) {
      await step('mending the array', async () => {
        for (const [index] of array.ports.entries()) await mendPort(array, index);
      });
    }
    for (const child of this.#children) killGroup(child);
    await step('the end of programs', async () => {
      while (this.#children.size > 0) await sleep(20);
    });
    for (const point of this.#mounts.splice(0).toReversed()) {
      const gone = await step('umount', () => this.#clear('umount', point));
      if (!gone) await step('umount -l', () => this.#clear('umount', '-l', point));
    }
    const volume = this.#volume;
    if (volume !== null && !(await step('detach', () => volume.detach()))) {
      await step('forced detach', () => volume.detach({ force: true }));
    }
    await step('stopping the host', async () => await this.#host?.stop());
    await step('stopping the array', async () => await this.#array?.stop());
    fs.rmSync(this.folder, { recursive: true, force: true });
    if (trouble.length > 0) throw new AggregateError(trouble, `clearing up: ${trouble.map(String).join('; ')}`);
  }
}

/** Everything that a test may have done to a port is undone. */
async function mendPort(array: ArrayHandle, index: number): Promise<void> {
  await array.fault('delayExecution', [index + 1, { milliseconds: 0 }]);
  await array.fault('delayAnswers', [index + 1, 0]);
  await array.fault('forceStatus', [index + 1, 0, 0]);
  await array.fault('openPort', [index + 1]);
}

async function startOnFreePort(options: ArrayOptions): Promise<ArrayHandle> {
  for (let attempt = 0; ; attempt += 1) {
    const port = options.port ?? firstPort + ((process.pid * 11 + attempt * 101) % portRange);
    try {
      return await startArray({ ...options, port });
    } catch (error) {
      const taken = error instanceof CausewayError && error.code === 'address-in-use';
      if (!taken || attempt === 20 || options.port !== undefined) throw error;
    }
  }
}

/** What the program said. */
function succeeded({ code, signal, out, err }: Ran, command: string, args: readonly string[]): string {
  assert.equal(code, 0, `${command} ${args.join(' ')} ended with ${signal ?? code}: ${err}${out}`);
  return out;
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
