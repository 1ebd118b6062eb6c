/**
 * A world: simulated reactors with their network, files and stores, in one thread and in virtual time. One seed decides
 * everything that happens, so one seed is one run, to be repeated at will.
 */
import { assert } from '../../base/assert.ts';
import { CausewayError } from '../../base/errors.ts';
import { Random } from '../../base/random.ts';
import type { Address } from '../contract.ts';
import { Core } from './core.ts';
import { Disk, type FileFault } from './disk.ts';
import type { Delay, NetworkFaults } from './faults.ts';
import { Network } from './network.ts';
import { SimIo } from './sim-io.ts';
import type { StoreContent } from './sim-store.ts';

export interface WorldOptions {
  /** Whole number from 0 to 2^53 - 1. */
  readonly seed: number;
  /** Memory of a reactor, bytes. Default 64 MiB. */
  readonly memoryBytes?: number;
  /** What a stretch of bytes usually takes from one end of a connection to the other. */
  readonly delay?: Delay;
}

export interface RunOptions {
  /** Looked at between events. */
  readonly until: () => boolean;
  /** Milliseconds of virtual time after which the run has failed. Default one minute. */
  readonly maxVirtualMs?: number;
}

const MEMORY_BYTES = 64 * 1024 * 1024;
const USUAL_DELAY: Delay = { min: 0.02, max: 0.3 };
const MAX_VIRTUAL_MS = 60_000;

export class World {
  readonly seed: number;
  /** For the test itself; what the world draws for itself is drawn elsewhere. */
  readonly random: Random;
  readonly #core: Core;
  readonly #network: Network;
  readonly #disk = new Disk();
  readonly #stores = new Map<string, StoreContent>();
  readonly #bodies: SimIo[] = [];
  /** Those that have successors. */
  readonly #buried: SimIo[] = [];
  readonly #memoryBytes: number;
  #running = false;

  constructor(options: WorldOptions) {
    const random = new Random(options.seed);
    this.seed = options.seed;
    this.random = new Random(random.nextUint32());
    this.#core = new Core(options.seed, random);
    this.#network = new Network(this.#core, options.delay ?? USUAL_DELAY);
    this.#memoryBytes = options.memoryBytes ?? MEMORY_BYTES;
  }

  /** Milliseconds of virtual time, as the clock of every reactor shows it that never slept. */
  get now(): number {
    return this.#core.now();
  }

  /** What is wrong with the network. */
  get faults(): NetworkFaults {
    return this.#network.faults;
  }

  /** Makes a reactor. Its name is also its host on the network; one that died may have a successor of that name. */
  io(name: string, memoryBytes = this.#memoryBytes): SimIo {
    const before = this.#bodies.findIndex((body) => body.name === name);
    assert(before === -1 || this.#bodies[before]?.dead === true, 'two reactors of one name');
    const surroundings = { core: this.#core, network: this.#network, disk: this.#disk, stores: this.#stores };
    const body = new SimIo(surroundings, name, memoryBytes);
    if (before === -1) this.#bodies.push(body);
    else this.#buried.push(...this.#bodies.splice(before, 1, body));
    return body;
  }

  /** The listener at this address fails for good. */
  failListener(at: Address, errno?: number): void {
    this.#network.failListener(at, errno);
  }

  /** Operations on this file, which must exist, fail; null: no more. */
  failFile(path: string, fault: FileFault | null): void {
    const file = this.#disk.file(path);
    assert(file !== undefined, 'there is no such file');
    if (fault === null) file.clearFaults();
    else file.addFault(fault);
  }

  /** Bytes that a file takes on its simulated disk. */
  fileAllocatedBytes(path: string): number {
    return this.#disk.file(path)?.bytes.allocatedBytes ?? 0;
  }

  /**
   * Lets things happen until `until` is true. Promises run between events, after an event in which control work was
   * settled, and all of them before the next event: when that is does not depend on anything but the seed.
   * @throws CausewayError `simulation-stuck` when the bound is reached or nothing is left to happen; whatever a callback
   * throws, with the seed in its message
   */
  async run(options: RunOptions): Promise<void> {
    assert(!this.#running, 'a world runs twice at once');
    this.#running = true;
    try {
      await this.#run(options.until, this.now + (options.maxVirtualMs ?? MAX_VIRTUAL_MS));
    } catch (error) {
      throw this.#withSeed(error);
    } finally {
      this.#running = false;
    }
  }

  /** Lets things happen until the promise is settled, and answers as it does. Bounded as `run` is. */
  async drive<T>(promise: Promise<T>, maxVirtualMs = MAX_VIRTUAL_MS): Promise<T> {
    let settled = false;
    const settle = (): void => {
      settled = true;
    };
    promise.then(settle, settle);
    await this.run({ until: () => settled, maxVirtualMs });
    try {
      return await promise;
    } catch (error) {
      throw this.#withSeed(error);
    }
  }

  /** Nothing will happen in it any more: its reactors' memory may be another world's. */
  end(): void {
    for (const body of [...this.#bodies, ...this.#buried]) body.memory.giveBack();
  }

  /** Lets time pass. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.now + milliseconds;
    const over = this.#core.events.make(() => undefined);
    over.arm(milliseconds);
    await this.run({ until: () => this.now >= end, maxVirtualMs: milliseconds + 1 });
  }

  async #run(until: () => boolean, limit: number): Promise<void> {
    const core = this.#core;
    await macrotask();
    while (!until()) {
      const due = core.events.nextDue();
      if (due === Number.POSITIVE_INFINITY) throw this.#stuck('nothing is left to happen');
      if (due > limit) throw this.#stuck('time is up');
      core.advance(due);
      core.events.runDue(due);
      while (core.controlDue) {
        core.controlDue = false;
        await macrotask();
      }
    }
  }

  #stuck(why: string): CausewayError {
    const lines = this.#bodies.flatMap((body) => body.describe());
    return new CausewayError('simulation-stuck', [`${why}; open or under way:`, ...lines].join('\n  '));
  }

  /** Without the seed a failure could not be repeated. */
  #withSeed(error: unknown): unknown {
    const where = `(seed ${this.seed}, at ${this.now.toFixed(3)} ms)`;
    if (!(error instanceof Error) || error.message.includes(where)) return error;
    const told = `${error.message} ${where}`;
    error.stack = error.stack?.replace(error.message, () => told) ?? told;
    error.message = told;
    return error;
  }
}

/** All promises that are due run before this resolves: the event loop empties their queue before it comes back. */
function macrotask(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
