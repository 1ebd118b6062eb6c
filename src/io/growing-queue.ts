import { assert } from '../base/assert.ts';

/** No reactor has as many long-lived objects as this; a queue of that length is a loop that feeds itself. */
const LIMIT = 2 ** 22;

/**
 * First in, first out, for queues whose length is bounded by the number of long-lived objects that may stand in them,
 * which is not known when they are made. The storage doubles when it is full and never shrinks, so that after a while
 * nothing is allocated any more.
 */
export class GrowingQueue<T extends object> {
  #items: (T | null)[];
  /** The storage is a power of two, so that wrapping is a mask instead of a division. */
  #mask: number;
  #head = 0;
  #size = 0;

  /** @param initial places to begin with; rounded up to a power of two */
  constructor(initial = 64) {
    assert(Number.isInteger(initial) && initial >= 1 && initial <= LIMIT, 'a queue begins with 1 to 2^22 places');
    const places = 2 ** Math.ceil(Math.log2(initial));
    this.#items = new Array<T | null>(places).fill(null);
    this.#mask = places - 1;
  }

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    if (this.#size > this.#mask) this.#grow();
    this.#items[(this.#head + this.#size) & this.#mask] = item;
    this.#size += 1;
  }

  /** Takes the oldest item; null if there is none. */
  shift(): T | null {
    if (this.#size === 0) return null;
    const item = this.#items[this.#head] ?? null;
    this.#items[this.#head] = null;
    this.#head = (this.#head + 1) & this.#mask;
    this.#size -= 1;
    return item;
  }

  clear(): void {
    this.#items.fill(null);
    this.#head = 0;
    this.#size = 0;
  }

  #grow(): void {
    const old = this.#items;
    assert(old.length < LIMIT, 'a queue of tasks grows without end');
    const items = new Array<T | null>(old.length * 2).fill(null);
    for (let place = 0; place < this.#size; place += 1) {
      items[place] = old[(this.#head + place) & this.#mask] ?? null;
    }
    this.#items = items;
    this.#mask = items.length - 1;
    this.#head = 0;
  }
}
