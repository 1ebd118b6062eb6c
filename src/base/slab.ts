import { assert, defined } from './assert.ts';

/** What a slab holds knows its own place in it. */
export interface Tagged {
  /** From 0 to the slab's capacity - 1; never changes. */
  readonly tag: number;
}

/**
 * A fixed set of items, all made at start-up, handed out and taken back without allocation. The item given back last
 * is handed out first, because it is the one still in the processor's cache.
 */
export class Slab<T extends Tagged> {
  readonly #items: readonly T[];
  readonly #free: Int32Array;
  readonly #taken: Uint8Array;
  #available: number;

  /** `make` is called once for each tag, in order, and returns an item with that tag. */
  constructor(capacity: number, make: (tag: number) => T) {
    assert(Number.isInteger(capacity) && capacity >= 1 && capacity <= 2 ** 24, 'a slab has 1 to 2^24 items');
    this.#items = Array.from({ length: capacity }, (_, tag) => make(tag));
    for (const [tag, item] of this.#items.entries()) assert(item.tag === tag, 'an item carries the wrong tag');
    // Tag 0 lies on top of the stack.
    this.#free = Int32Array.from({ length: capacity }, (_, place) => capacity - 1 - place);
    this.#taken = new Uint8Array(capacity);
    this.#available = capacity;
  }

  get capacity(): number {
    return this.#items.length;
  }

  /** How many items `take` can still hand out. */
  get available(): number {
    return this.#available;
  }

  /** An idle item, now the caller's; null if all are in use. */
  take(): T | null {
    if (this.#available === 0) return null;
    this.#available -= 1;
    const tag = this.#free[this.#available]!;
    this.#taken[tag] = 1;
    return this.#items[tag]!;
  }

  /** Takes an item back. @throws CausewayError `assertion` if it is not one of this slab's items in use. */
  give(item: T): void {
    const tag = item.tag;
    assert(this.#items[tag] === item && this.#taken[tag] === 1, 'an item is given back that was not taken');
    this.#taken[tag] = 0;
    this.#free[this.#available] = tag;
    this.#available += 1;
  }

  /** The item with this tag, in use or not. @throws CausewayError `assertion` if there is no such tag. */
  at(tag: number): T {
    return defined(this.#items[tag], 'no item has this tag');
  }

  /** True if the item with this tag is in use; false also for a tag that does not exist. */
  isTaken(tag: number): boolean {
    return this.#taken[tag] === 1;
  }
}
