/**
 * Objects that accompany requests, used again and again. A filter does not know how many requests can be under way (that
 * is the sum of the slots of all who use it), so the pool makes another one when it is empty: after a while as many exist
 * as ever were in use at once, and nothing is allocated any more.
 */
export class Pool<T extends object> {
  readonly #make: () => T;
  readonly #idle: T[] = [];
  #made = 0;

  /** @param ready how many are made at once, at start-up */
  constructor(make: () => T, ready = 64) {
    this.#make = make;
    for (; this.#made < ready; this.#made += 1) this.#idle.push(make());
  }

  /** How many are in use. */
  get used(): number {
    return this.#made - this.#idle.length;
  }

  take(): T {
    const item = this.#idle.pop();
    if (item !== undefined) return item;
    this.#made += 1;
    return this.#make();
  }

  give(item: T): void {
    this.#idle.push(item);
  }
}
