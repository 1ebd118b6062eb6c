import { assert } from './assert.ts';

/**
 * First in, first out, of a fixed capacity. Nothing is allocated after construction, and a full queue says so instead
 * of growing: whoever pushes decides what waiting means there.
 */
export class BoundedQueue<T extends object> {
  readonly capacity: number;
  readonly #items: (T | null)[];
  /** The storage is a power of two, so that wrapping is a mask instead of a division. */
  readonly #mask: number;
  /** Where the oldest item stands. */
  #head = 0;
  #size = 0;

  constructor(capacity: number) {
    assert(Number.isInteger(capacity) && capacity >= 1 && capacity <= 2 ** 24, 'a queue has 1 to 2^24 places');
    this.capacity = capacity;
    const places = 2 ** Math.ceil(Math.log2(capacity));
    this.#items = new Array<T | null>(places).fill(null);
    this.#mask = places - 1;
  }

  get size(): number {
    return this.#size;
  }

  /** Appends `item`; false, and nothing changed, if the queue is full. */
  push(item: T): boolean {
    if (this.#size === this.capacity) return false;
    this.#items[(this.#head + this.#size) & this.#mask] = item;
    this.#size += 1;
    return true;
  }

  /** The oldest item without taking it; null if there is none. */
  peek(): T | null {
    return this.#items[this.#head] ?? null;
  }

  /** Takes the oldest item; null if there is none. */
  shift(): T | null {
    const item = this.#items[this.#head] ?? null;
    if (item === null) return null;
    this.#items[this.#head] = null;
    this.#head = (this.#head + 1) & this.#mask;
    this.#size -= 1;
    return item;
  }
}
