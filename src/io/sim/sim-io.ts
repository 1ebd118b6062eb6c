/**
 * One simulated reactor: the deterministic body of the I/O contract. Its batches are events of the world. What has
 * completed waits, as in a completion queue, until the reactor wakes up a little later, so several completions meet in
 * one batch. A batch goes by the order of the contract; timers come after completions, so that an answer that did arrive
 * is never taken for one that did not.
 */
import { CausewayError } from '../../base/errors.ts';
import { Random } from '../../base/random.ts';
import { BatchQueue } from '../batch.ts';
import type {
  Address,
  Clock,
  Deferred,
  File,
  FileOptions,
  FileOwner,
  Flushable,
  Io,
  Listener,
  ListenerOwner,
  Socket,
  SocketOptions,
  SocketOwner,
  Store,
  Task,
  Timer,
} from '../contract.ts';
import { LoopDeferred } from '../deferred.ts';
import { GrowingQueue } from '../growing-queue.ts';
import { Sleeps } from '../sleeps.ts';
import type { Body, Completion, Opened } from './body.ts';
import type { Core } from './core.ts';
import type { Disk } from './disk.ts';
import type { Network } from './network.ts';
import { SimFile } from './sim-file.ts';
import { SimMemory } from './sim-memory.ts';
import { SimStore, StoreContent } from './sim-store.ts';

/** What the reactors of one world share. */
export interface Surroundings {
  readonly core: Core;
  readonly network: Network;
  readonly disk: Disk;
  readonly stores: Map<string, StoreContent>;
}

/** A timer that is due within so little time is due: what is left is the rounding of sums. Milliseconds. */
const ROUNDING = 1e-6;
/** A batch takes at least this long, so that a loop that never waits makes time pass too. Milliseconds. */
const SHORTEST_BATCH = 0.001;
/** From a completion to the reactor's waking up, at most. Milliseconds. */
const LONGEST_WAKE = 0.02;
/** One batch in so many finds only some of the completions; the others "arrive" a moment later. */
const PARTIAL_ODDS = 8;
/** The reactor's own standing still counts as slip from here on, as in the real body. Milliseconds. */
const SLIP_LIMIT = 250;
/** So many batches that end with work left over, one behind the other, are a loop that never ends. */
const BUSY_LIMIT = 10_000;

export class SimIo implements Io, Body {
  readonly name: string;
  readonly core: Core;
  readonly memory: SimMemory;
  readonly clock: SleepyClock;
  readonly random: Random;
  readonly opened = new Set<Opened>();
  /** As the contract says; a test may also set it, until the next batch. */
  slip = 0;
  readonly #around: Surroundings;
  readonly #queue = new BatchQueue();
  readonly #completions = new GrowingQueue<Completion>();
  readonly #dueTimers = new GrowingQueue<SimTimer>();
  readonly #sleeps: Sleeps;
  readonly #wake: Timer;
  #inBatch = false;
  #busyBatches = 0;
  #stalledFrom = 0;
  #stalledUntil = 0;
  dead = false;

  constructor(around: Surroundings, name: string, memoryBytes: number) {
    const { core } = around;
    this.name = name;
    this.core = core;
    this.clock = new SleepyClock(core);
    this.memory = new SimMemory(memoryBytes);
    this.random = new Random(core.random.nextUint32());
    this.#around = around;
    this.#sleeps = new Sleeps({ make: (fire) => this.timer(fire) }, core.onSettled);
    this.#wake = core.events.make(() => this.#onWake());
  }

  complete(completion: Completion): void {
    if (this.dead) return;
    this.#completions.push(completion);
    this.#wakeSoon();
  }

  /** For `SimTimer`. */
  timerIsDue(timer: SimTimer): void {
    if (this.dead) return;
    this.#dueTimers.push(timer);
    this.#wakeSoon();
  }

  #wakeSoon(): void {
    if (this.#inBatch || this.dead || this.#wake.armed) return;
    this.#wake.arm(this.core.between(SHORTEST_BATCH, LONGEST_WAKE));
  }

  #onWake(): void {
    if (this.dead) return;
    const now = this.core.now();
    if (now < this.#stalledUntil) {
      this.#wake.arm(this.#stalledUntil - now);
      return;
    }
    this.slip = 0;
    if (this.#stalledFrom > 0) {
      const stood = this.clock.now() - this.#stalledFrom;
      this.slip = stood > SLIP_LIMIT ? stood : 0;
      this.#stalledFrom = 0;
    }
    this.#batch();
  }

  #batch(): void {
    this.#inBatch = true;
    const all = this.#reap();
    // Those that become due meanwhile wait for the next batch.
    for (let left = all ? this.#dueTimers.size : 0; left > 0; left -= 1) this.#dueTimers.shift()?.run();
    this.#queue.run();
    this.#inBatch = false;
    this.#busyBatches = this.#queue.pending ? this.#busyBatches + 1 : 0;
    if (this.#busyBatches > BUSY_LIMIT) {
      throw new CausewayError('simulation-stuck', `${this.name} gives itself work without end and never waits`);
    }
    // A slip is told for one batch; the next one, which the real loop makes within 100 ms in any case, clears it.
    const due = this.#queue.pending || this.#completions.size > 0 || this.#dueTimers.size > 0;
    if (due || this.slip > 0) this.#wakeSoon();
  }

  /** Calls the owners of what has completed; false if some of it is left for the next batch. */
  #reap(): boolean {
    const there = this.#completions.size;
    // After a stall everything that came meanwhile is found at once, before any timer judges by it.
    const partial = there > 1 && this.slip === 0 && this.core.oneIn(PARTIAL_ODDS);
    const count = partial ? 1 + this.core.random.below(there - 1) : there;
    for (let left = count; left > 0; left -= 1) this.#completions.shift()?.reap();
    return !partial;
  }

  secretBytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.random.below(256));
  }

  later(task: Task): void {
    this.#queue.later(task);
    this.#wakeSoon();
  }

  atEndOfBatch(work: Flushable): void {
    this.#queue.atEndOfBatch(work);
    this.#wakeSoon();
  }

  timer(fire: () => void): Timer {
    return new SimTimer(this, fire);
  }

  connect(to: Address, owner: SocketOwner, options: SocketOptions = {}): Socket {
    return this.#around.network.connect(this, to, owner, options);
  }

  listen(on: Address, owner: ListenerOwner, options: SocketOptions = {}): Promise<Listener> {
    return this.#control(() => this.#around.network.listen(this, on, owner, options));
  }

  openFile(path: string, owner: FileOwner, options: FileOptions = {}): Promise<File> {
    return this.#control(() => {
      const { disk } = this.#around;
      let file = disk.file(path);
      if (file === undefined && options.createBytes !== undefined) file = disk.create(path, options.createBytes);
      if (file === undefined) throw new CausewayError('file-open', `cannot open ${path}: there is no such file`);
      return new SimFile(this, path, file, owner, options);
    });
  }

  openStore(name: string, sizeBytes: number): Store {
    const { stores } = this.#around;
    let content = stores.get(name);
    if (content === undefined) {
      content = new StoreContent(sizeBytes);
      stores.set(name, content);
    }
    return new SimStore(this.memory, content);
  }

  deferred<T>(): Deferred<T> {
    return new LoopDeferred<T>(this.core.onSettled);
  }

  sleep(milliseconds: number): Promise<void> {
    return this.#sleeps.sleep(milliseconds);
  }

  /** Does a piece of set-up in the next batch. */
  #control<T>(work: () => T): Promise<T> {
    const done = new LoopDeferred<T>(this.core.onSettled);
    this.complete({
      reap: () => {
        try {
          done.resolve(work());
        } catch (error) {
          done.reject(error instanceof Error ? error : new Error(String(error)));
        }
      },
    });
    return done.promise;
  }

  /** This reactor stands still for so long (a garbage collector, SIGSTOP) and notices it afterwards. */
  stall(milliseconds: number): void {
    if (this.#stalledFrom === 0) this.#stalledFrom = this.clock.now();
    this.#stalledUntil = Math.max(this.#stalledUntil, this.core.now() + milliseconds);
    this.#wakeSoon();
  }

  /**
   * The machine sleeps for so long: as `stall`, but the clock stands still meanwhile, so that nobody notices. (It counts
   * the time that the machine was awake; CLOCK_MONOTONIC does that while CLOCK_BOOTTIME goes on.)
   */
  sleepDeeply(milliseconds: number): void {
    this.clock.standStill(milliseconds);
    this.#stalledUntil = Math.max(this.#stalledUntil, this.core.now() + milliseconds);
    this.#wakeSoon();
  }

  /** The process dies: peers see resets, nothing of it runs any more. Its memory is lost, files and stores stay. */
  kill(): void {
    this.dead = true;
    this.#wake.disarm();
    this.#completions.clear();
    this.#dueTimers.clear();
    for (const opened of this.opened) opened.die();
    this.opened.clear();
  }

  /** What is under way, a line each, for people. */
  describe(): string[] {
    if (this.dead) return [`${this.name}: dead`];
    const lines: string[] = [];
    for (const opened of this.opened) {
      const line = opened.describe();
      if (line !== null) lines.push(`${this.name}: ${line}`);
    }
    return lines;
  }
}

/** The clock of one reactor: the world's, but for the time in which it stood still. */
class SleepyClock implements Clock {
  readonly #core: Core;
  /** How far it is behind the world, milliseconds. */
  #behind = Number.NaN;
  #asleepFrom = Number.NaN;
  /** 0: it is awake. */
  #asleepUntil = Number.NaN;

  constructor(core: Core) {
    this.#core = core;
    this.#behind = 0;
    this.#asleepFrom = 0;
    this.#asleepUntil = 0;
  }

  now(): number {
    const now = this.#core.now();
    if (this.#asleepUntil > 0) {
      if (now < this.#asleepUntil) return this.#asleepFrom - this.#behind;
      this.#behind += this.#asleepUntil - this.#asleepFrom;
      this.#asleepUntil = 0;
    }
    return now - this.#behind;
  }

  /** Milliseconds from now on. */
  get standsStillFor(): number {
    return Math.max(0, this.#asleepUntil - this.#core.now());
  }

  standStill(milliseconds: number): void {
    this.now();
    const now = this.#core.now();
    if (this.#asleepUntil === 0) this.#asleepFrom = now;
    this.#asleepUntil = Math.max(this.#asleepUntil, now + milliseconds);
  }
}

/** A timer that becomes due in the world's time, and fires in the next batch of its reactor. */
class SimTimer implements Timer {
  readonly #io: SimIo;
  readonly #fire: () => void;
  readonly #event: Timer;
  #due = false;
  /** By the reactor's clock. */
  #dueAt = Number.NaN;

  constructor(io: SimIo, fire: () => void) {
    this.#io = io;
    this.#fire = fire;
    this.#event = io.core.events.make(() => this.#onEvent());
  }

  #onEvent(): void {
    // Later than the world's time says if the reactor's clock stood still meanwhile.
    const { clock } = this.#io;
    const left = this.#dueAt - clock.now();
    if (left > ROUNDING) {
      this.#event.arm(clock.standsStillFor + left);
      return;
    }
    this.#due = true;
    this.#io.timerIsDue(this);
  }

  get armed(): boolean {
    return this.#due || this.#event.armed;
  }

  arm(milliseconds: number): void {
    this.#due = false;
    this.#dueAt = this.#io.clock.now() + milliseconds;
    this.#event.arm(milliseconds);
  }

  disarm(): void {
    this.#due = false;
    this.#event.disarm();
  }

  /** Its place in the queue of due timers may be an old one, from before it was disarmed or armed again. */
  run(): void {
    if (!this.#due) return;
    this.#due = false;
    this.#fire();
  }
}
