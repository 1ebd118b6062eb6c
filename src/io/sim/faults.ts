/**
 * What a test does to the network of a world. Everything is named by the address of the listening side, as `host` (all
 * of its ports) or `host:port`, and may be limited to what one body (`from`, by name) sees of it. `host` may also be the
 * name of a body: then it is that body's own cable.
 */
import type { Address } from '../contract.ts';
import type { Core } from './core.ts';

/** Milliseconds one way. */
export interface Delay {
  readonly min: number;
  readonly max: number;
}

export type Where = string | Address;

export interface FaultTarget {
  /** Every connection that now exists to `where`, as `from` sees it. */
  connectionsTo(where: string, from: string | undefined): Iterable<{ drop(): void; onWhole(): void }>;
}

/** One time in so many a stretch takes far longer than usual, as if a packet had been lost and sent again. */
const SPIKE_ODDS = 400;
const SPIKE: Delay = { min: 1, max: 20 };

export class NetworkFaults {
  readonly #core: Core;
  readonly #target: FaultTarget;
  readonly #usual: Delay;
  readonly #refused = new Map<string, number>();
  readonly #cut = new Set<string>();
  readonly #delays = new Map<string, Delay>();

  constructor(core: Core, target: FaultTarget, usual: Delay) {
    this.#core = core;
    this.#target = target;
    this.#usual = usual;
  }

  /** New connections fail with this errno (default ECONNREFUSED, at once); those that stand live on. */
  refuse(where: Where, errno: number, from?: string): void {
    this.#refused.set(key(where, from), errno);
  }

  /** Undoes `refuse`. */
  admit(where: Where, from?: string): void {
    this.#refused.delete(key(where, from));
  }

  /** Nothing passes any more, in both directions, and nobody is told. */
  blackhole(where: Where, from?: string): void {
    this.#cut.add(key(where, from));
  }

  /** Undoes `blackhole`: what senders still have on their way arrives late. */
  heal(where: Where, from?: string): void {
    if (!this.#cut.delete(key(where, from))) return;
    for (const connection of this.#target.connectionsTo(plain(where), from)) connection.onWhole();
  }

  /** Every stretch takes this long from now on; null: as usual. */
  delay(where: Where, delay: Delay | null, from?: string): void {
    if (delay === null) this.#delays.delete(key(where, from));
    else this.#delays.set(key(where, from), delay);
  }

  /** Every connection that stands is reset, as both sides see it. */
  drop(where: Where, from?: string): void {
    for (const connection of this.#target.connectionsTo(plain(where), from)) connection.drop();
  }

  /** For the network: 0, or the errno that a connection attempt is answered with. */
  refusal(to: Address, from: string): number {
    return this.#refused.size === 0 ? 0 : (find(to, from, (name) => this.#refused.get(name)) ?? 0);
  }

  /** For the network: true if nothing passes between the two. */
  isCut(to: Address, from: string): boolean {
    if (this.#cut.size === 0) return false;
    return find(to, from, (name) => (this.#cut.has(name) ? true : undefined)) === true;
  }

  /** For the network: how long the next stretch takes, milliseconds. */
  nextDelay(to: Address, from: string): number {
    const set = this.#delays.size === 0 ? undefined : find(to, from, (name) => this.#delays.get(name));
    if (set !== undefined) return this.#core.between(set.min, set.max);
    const { min, max } = this.#core.oneIn(SPIKE_ODDS) ? SPIKE : this.#usual;
    return this.#core.between(min, max);
  }
}

function plain(where: Where): string {
  return typeof where === 'string' ? where : `${where.host}:${where.port}`;
}

function key(where: Where, from: string | undefined): string {
  return from === undefined ? plain(where) : `${from}>${plain(where)}`;
}

/** The first answer for a connection, from the most particular name to the least. */
function find<T>(to: Address, from: string, look: (name: string) => T | undefined): T | undefined {
  const exact = `${to.host}:${to.port}`;
  return look(`${from}>${exact}`) ?? look(`${from}>${to.host}`) ?? look(exact) ?? look(to.host) ?? look(from);
}
