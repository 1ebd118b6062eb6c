/**
 * The lives of the host of a run, one after the other. What outlives one is what outlives it in the world: the ghost
 * file, unless the machine went down too, and the requests that the kernel had handed out and got no answer for. Of these
 * the seed chooses which the kernel hands out again to the next program, and which nobody ever hears of again.
 */
import { CausewayError } from '../src/base/errors.ts';
import type { Random } from '../src/base/random.ts';
import { op } from '../src/block/request.ts';
import { sharedIn } from '../src/host/ghost-record.ts';
import { GhostStore } from './ghost-store.ts';
import type { Issued } from './issued.ts';
import { Load, type LoadContext } from './load.ts';
import { type HostListener, type HostPlace, SimHost } from './sim-host.ts';

/** How a life ends. */
export const hostEnds = ['killed', 'file-torn', 'powered-off', 'detached'] as const;
export type HostEnd = (typeof hostEnds)[number];

/** Between two attempts to attach. Milliseconds, at most. */
const attemptPause = 300;
/** How long a detach in order waits for requests under way. Milliseconds. */
const longestDrain = 4000;
const drainStep = 5;
/** From power-off to the first program, at least: a machine does not start faster. Milliseconds. */
const shortestBoot = 50;

export interface LivesListener extends HostListener {
  /** A new life has its device on every reactor; nothing was sent yet. */
  onAttached(host: SimHost, before: HostEnd | null): void;
  note(text: string): void;
}

export class HostLives {
  /** The present life, or the last one. */
  host: SimHost;
  /** What issues requests to the present life; empty while there is none. */
  loads: readonly Load[] = [];
  /** Handed out before, and not to this life yet. */
  waiting: Issued[] = [];
  readonly #place: HostPlace;
  readonly #context: LoadContext;
  readonly #listener: LivesListener;
  /** How often a life ended: whoever waits finds out that another one was quicker. */
  #ends = 0;
  #draining = false;
  /** The machine itself is off. */
  #off = false;

  constructor(place: Omit<HostPlace, 'store' | 'first'>, context: LoadContext, listener: LivesListener) {
    const { world } = place;
    this.#place = { ...place, store: new GhostStore(() => world.now), first: null };
    this.#context = context;
    this.#listener = listener;
    this.host = new SimHost(this.#place, listener);
  }

  /** Something that was written may still be written once more, by a ghost of this life or of an earlier one. */
  get hasQuarantine(): boolean {
    const { store, scenario } = this.#place;
    return store.memory.byteLength > 0 && sharedIn(store.memory, scenario.host.reactors).gate.entries().length > 0;
  }

  /** The first life. */
  async begin(): Promise<void> {
    await this.host.attach();
    this.#serve(null);
  }

  /** Ends the present life, and begins another one some time later; false if something else did so meanwhile. */
  async restart(how: HostEnd, pause: number, random: Random): Promise<boolean> {
    if (this.#off || (this.#draining && how === 'detached')) return false;
    if (how === 'detached' && !(await this.#detach())) return false;
    if (how !== 'detached') this.#kill(how, random);
    this.#ends += 1;
    const mine = this.#ends;
    const { clock, store, scenario, world } = this.#place;
    if (how === 'file-torn') store.tear(random);
    if (how === 'powered-off') {
      this.#off = true;
      // What is on the wire may arrive, and so may some resets; then nobody is there to say anything.
      await clock.sleep(0.3 * random.float());
      const names = Array.from({ length: scenario.host.reactors }, (_unused, index) => `host${index}`);
      for (const name of names) world.faults.blackhole(name);
      await clock.sleep(shortestBoot + pause);
      for (const name of names) world.faults.heal(name);
      store.boot();
      this.#off = false;
    } else {
      await clock.sleep(pause);
    }
    return mine === this.#ends && (await this.#attach(mine, how));
  }

  /** Tries until it is attached; false if the life ended before. */
  async #attach(mine: number, before: HostEnd): Promise<boolean> {
    const { clock, random } = this.#place;
    const host = new SimHost(this.#place, this.#listener);
    this.host = host;
    while (!host.attached) {
      try {
        await host.whileAlive(() => host.attach());
      } catch (error) {
        if (!(error instanceof CausewayError) || error.code === 'assertion') throw error;
        this.#listener.note(`the volume can not be attached: ${error.message}`);
        await clock.sleep(attemptPause * random.float());
      }
      if (mine !== this.#ends) return false;
    }
    this.#serve(before);
    return true;
  }

  #serve(before: HostEnd | null): void {
    const { host } = this;
    this.#listener.onAttached(host, before);
    this.loads = host.reactors.slice(0, host.served).map((reactor) => new Load(reactor, this.#context));
    const again = this.waiting;
    this.waiting = [];
    for (const request of again) this.loads[this.#place.random.below(this.loads.length)]!.handOut(request);
  }

  #kill(how: HostEnd, random: Random): void {
    const { checker } = this.#context;
    const open = [...this.loads.flatMap((load) => [...load.open()]), ...this.waiting];
    this.loads = [];
    this.#draining = false;
    this.host.kill();
    // In sixteenths: none, some, most or all are never heard of again.
    const odds = how === 'powered-off' ? 16 : [0, 4, 12, 16][random.below(4)]!;
    this.waiting = open.filter(() => random.below(16) >= odds);
    const kept = new Set(this.waiting);
    for (const request of open) {
      // Nobody will ever say what became of it.
      if (!kept.has(request) && request.op !== op.read && request.op !== op.flush) {
        checker.fail(request.issuedAt, request.block, request.count);
      }
    }
    // Nobody is left who was told that anything is durable.
    if (how === 'powered-off') checker.flushed(checker.tick(), false);
    this.#listener.note(
      `the host is ${how}: ${open.length} requests were under way, ${open.length - kept.size} of them are lost`,
    );
  }

  /** As the administrator does it; false if the volume does not come to rest, or the host dies meanwhile. */
  async #detach(): Promise<boolean> {
    const { host, loads } = this;
    if (host.dead || !host.attached) return false;
    const ends = this.#ends;
    this.#draining = true;
    const isAtRest = (await this.#drain(host)) && (await this.#flush(host));
    if (this.#ends !== ends) return false;
    this.#draining = false;
    if (!isAtRest) return false;
    this.#listener.note('the volume is detached in order');
    this.loads = [];
    for (const load of loads) load.release();
    await host.whileAlive(() => host.detach());
    return this.#ends === ends;
  }

  async #flush(host: SimHost): Promise<boolean> {
    this.loads[0]?.flush();
    return await this.#drain(host);
  }

  async #drain(host: SimHost): Promise<boolean> {
    for (let waited = 0; waited < longestDrain; waited += drainStep) {
      for (const load of this.loads) load.stop();
      if (host.dead || this.loads.every((load) => !load.busy)) return !host.dead;
      await this.#place.clock.sleep(drainStep);
    }
    return false;
  }

  /** The number of the oldest read that has no answer yet; Infinity if there is none. */
  get oldestRead(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const load of this.loads) oldest = Math.min(oldest, load.oldestRead);
    for (const { issuedAt } of this.waiting) oldest = Math.min(oldest, issuedAt);
    return oldest;
  }

  burst(requests: number): void {
    if (!this.#draining) for (const load of this.loads) load.burst(requests);
  }
}
