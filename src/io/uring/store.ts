/** A store on anonymous memory: sparse, as large as the address space allows. */
import { assert } from '../../base/assert.ts';
import { adviseHugePages, dropPages, fillMemory, mapAnonymous, pageBytes, viewOf } from '../../native/mapping.ts';
import type { Store } from '../contract.ts';
import type { UringMemory } from './memory.ts';

/** Where a store stands; plain data, so that it can be handed to other threads of the process. */
export interface StorePlace {
  readonly address: number;
  readonly sizeBytes: number;
  /**
   * Address of one byte a page: 1 if it was written since it was last given back. The kernel cannot be asked, because
   * it counts pages that were only read.
   */
  readonly written: number;
}

/** Stores up to this size may be kept in large pages. */
const largePageLimit = 4 * 1024 ** 3;

/** Maps a store. It lives as long as the process. */
export function mapStore(sizeBytes: number): StorePlace {
  const bytes = Math.ceil(sizeBytes / pageBytes) * pageBytes;
  const address = mapAnonymous('a memory volume', bytes);
  // Large pages spare most address look-ups. A large store that is written here and there would take up to 512 times the
  // room with them, though; a small one at most its size.
  adviseHugePages(address, bytes, bytes <= largePageLimit);
  return { address, sizeBytes, written: mapAnonymous('a memory volume', bytes / pageBytes) };
}

/**
 * The stores that this thread knows, by name. Threads share no names: whoever starts them makes the stores that several
 * are to share (`mapStore`) and hands their places to each.
 */
export const knownStores = new Map<string, StorePlace>();

/** Where the store of this name stands; mapped now if nobody made it. */
export function storePlace(name: string, sizeBytes: number): StorePlace {
  let place = knownStores.get(name);
  if (place === undefined) {
    place = mapStore(sizeBytes);
    knownStores.set(name, place);
  }
  return place;
}

export class UringStore implements Store {
  readonly sizeBytes: number;
  readonly #memory: UringMemory;
  readonly #address: number;
  readonly #written: Uint8Array;

  constructor(memory: UringMemory, place: StorePlace) {
    this.#memory = memory;
    this.#address = place.address;
    this.sizeBytes = place.sizeBytes;
    this.#written = new Uint8Array(viewOf(place.written, Math.ceil(place.sizeBytes / pageBytes)));
  }

  #check(position: number, length: number): void {
    assert(position >= 0 && length >= 0 && position + length <= this.sizeBytes, 'outside of a store');
  }

  read(place: number, position: number, length: number): void {
    this.#check(position, length);
    this.#memory.copyIn(place, this.#address + position, length);
  }

  write(place: number, position: number, length: number): void {
    this.#check(position, length);
    this.#memory.copyOut(this.#address + position, place, length);
    const last = Math.floor((position + length - 1) / pageBytes);
    for (let page = Math.floor(position / pageBytes); page <= last; page += 1) this.#written[page] = 1;
  }

  zero(position: number, length: number): void {
    this.#check(position, length);
    const end = position + length;
    const from = Math.ceil(position / pageBytes) * pageBytes;
    const to = Math.floor(end / pageBytes) * pageBytes;
    if (from >= to) {
      fillMemory(this.#address + position, 0, length);
      return;
    }
    if (from > position) fillMemory(this.#address + position, 0, from - position);
    dropPages(this.#address + from, to - from);
    this.#written.fill(0, from / pageBytes, to / pageBytes);
    if (end > to) fillMemory(this.#address + to, 0, end - to);
  }

  allocatedBytes(): number {
    let pages = 0;
    for (const page of this.#written) pages += page;
    return pages * pageBytes;
  }
}
