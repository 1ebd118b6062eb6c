/**
 * Where hedges receive: memory of a few sizes, taken when it is first needed, used again, and bounded. Hedges are rare, so
 * most devices never take any.
 */
import type { Memory } from '../io/contract.ts';

/** A device's hedges on one reactor take no more, bytes. */
const budget = 8 * 1024 * 1024;
/** Sizes, bytes: each 4 times the one before, the last one as large as a request can be. */
const sizes = [4096, 16_384, 65_536, 262_144, 1_048_576];

export class HedgeBuffers {
  readonly #memory: Memory;
  readonly #free: number[][] = sizes.map(() => []);
  #taken = 0;
  #closed = false;

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  /** A place for so many bytes; -1 if there is none now. */
  take(bytes: number): number {
    const which = sizeFor(bytes);
    if (which === -1) return -1;
    const place = this.#free[which]!.pop();
    if (place !== undefined) return place;
    const size = sizes[which]!;
    if (this.#taken + size > budget) this.#shed();
    if (this.#taken + size > budget) return -1;
    this.#taken += size;
    return this.#memory.allocate(size, 4096);
  }

  /** Gives back what `take` returned for so many bytes. */
  give(place: number, bytes: number): void {
    const which = sizeFor(bytes);
    if (this.#closed) this.#release(place, which);
    else this.#free[which]!.push(place);
  }

  /** Nothing is taken any more; what is out is released when it comes back. */
  close(): void {
    this.#closed = true;
    this.#shed();
  }

  /** Releases what nobody uses. */
  #shed(): void {
    for (const [which, places] of this.#free.entries()) {
      for (const place of places.splice(0)) this.#release(place, which);
    }
  }

  #release(place: number, which: number): void {
    this.#memory.free(place);
    this.#taken -= sizes[which]!;
  }
}

function sizeFor(bytes: number): number {
  return sizes.findIndex((size) => size >= bytes);
}
