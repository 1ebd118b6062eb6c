/** The checker's memory: for each block the writes that it may hold, in columns, made once. */
import { CausewayError } from '../src/base/errors.ts';

/** Entries of one block: all requests of all reactors under way, and as many that are not decided yet. */
const entriesPerBlock = 512;
/** From here on the load should hold back. */
const crowded = entriesPerBlock / 2;

export const state = { pending: 0, acknowledged: 1, failed: 2 } as const;

/** Never, or not yet. */
export const never = Number.POSITIVE_INFINITY;

/** An entry is a place in every column. Times are the checker's numbers of events. */
export class EntryTable {
  /** 0 stands for zeroes, else the number of a write. */
  readonly values: Float64Array;
  readonly states: Uint8Array;
  /** A discard: it may leave the block as it was. */
  readonly mayDoNothing: Uint8Array;
  readonly issued: Float64Array;
  /** When it was answered; `never` while it is under way. */
  readonly settled: Float64Array;
  /** When it ceased to be possible; `never` while it is. */
  readonly removed: Float64Array;
  /** It is covered, but may come back when a cache is lost. */
  readonly shadow: Uint8Array;
  /** When what covers it was acknowledged. */
  readonly covered: Float64Array;
  /** When a flush failed that might have made that durable; `never` if none did. */
  readonly doubted: Float64Array;
  readonly #counts: Int32Array;
  readonly #oldestRead: () => number;

  /** @param oldestRead the issue of the oldest read under way, Infinity if there is none */
  constructor(blocks: number, oldestRead: () => number) {
    const entries = blocks * entriesPerBlock;
    this.values = new Float64Array(entries);
    this.states = new Uint8Array(entries);
    this.mayDoNothing = new Uint8Array(entries);
    this.issued = new Float64Array(entries);
    this.settled = new Float64Array(entries);
    this.removed = new Float64Array(entries);
    this.shadow = new Uint8Array(entries);
    this.covered = new Float64Array(entries);
    this.doubted = new Float64Array(entries);
    this.#counts = new Int32Array(blocks);
    this.#oldestRead = oldestRead;
  }

  clear(): void {
    this.#counts.fill(0);
  }

  /** The first entry of a block. */
  first(block: number): number {
    return block * entriesPerBlock;
  }

  /** The place behind the last entry of a block. */
  end(block: number): number {
    return block * entriesPerBlock + this.#counts[block]!;
  }

  /** @throws CausewayError `assertion` when there is no room */
  add(block: number, value: number, mayDoNothing: boolean, issuedAt: number): number {
    if (this.#counts[block] === entriesPerBlock) this.#compact(block);
    if (this.#counts[block] === entriesPerBlock) {
      throw new CausewayError('assertion', `block ${block} has more open ends than the checker can follow`);
    }
    const entry = this.end(block);
    this.#counts[block] = this.#counts[block]! + 1;
    this.values[entry] = value;
    this.states[entry] = state.pending;
    this.mayDoNothing[entry] = mayDoNothing ? 1 : 0;
    this.issued[entry] = issuedAt;
    this.settled[entry] = never;
    this.removed[entry] = never;
    this.shadow[entry] = 0;
    this.covered[entry] = never;
    this.doubted[entry] = never;
    return entry;
  }

  find(block: number, issuedAt: number): number {
    for (let entry = this.end(block) - 1; entry >= this.first(block); entry -= 1) {
      if (this.issued[entry] === issuedAt) return entry;
    }
    throw new CausewayError('assertion', 'the checker was not told of a write that ended');
  }

  isCrowded(block: number): boolean {
    if (this.#counts[block]! < crowded) return false;
    this.#compact(block);
    return this.#counts[block]! >= crowded;
  }

  /** Makes room: what no read under way can still show, and no lost cache bring back, is forgotten. */
  #compact(block: number): void {
    const oldest = this.#oldestRead();
    const end = this.end(block);
    let to = this.first(block);
    for (let entry = to; entry < end; entry += 1) {
      if (this.removed[entry]! < oldest && this.shadow[entry] === 0) continue;
      if (to !== entry) this.#move(entry, to);
      to += 1;
    }
    this.#counts[block] = to - this.first(block);
  }

  #move(from: number, to: number): void {
    this.values[to] = this.values[from]!;
    this.states[to] = this.states[from]!;
    this.mayDoNothing[to] = this.mayDoNothing[from]!;
    this.issued[to] = this.issued[from]!;
    this.settled[to] = this.settled[from]!;
    this.removed[to] = this.removed[from]!;
    this.shadow[to] = this.shadow[from]!;
    this.covered[to] = this.covered[from]!;
    this.doubted[to] = this.doubted[from]!;
  }
}
