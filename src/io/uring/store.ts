/** A store on anonymous memory: sparse, as large as the address space allows. */
import { assert } from '../../base/assert.ts';
import {
  adviseHugePages,
  dropPages,
  fillMemory,
  mapAnonymous,
  pageBytes,
  residentBytes,
} from '../../native/mapping.ts';
import type { Store } from '../contract.ts';
import type { UringMemory } from './memory.ts';

/** Where a store stands; plain data, so that it can be handed to other threads of the process. */
export interface StorePlace {
  readonly address: number;
  readonly sizeBytes: number;
}

/** Maps a store. It lives as long as the process. */
export function mapStore(sizeBytes: number): StorePlace {
  const bytes = Math.ceil(sizeBytes / pageBytes) * pageBytes;
  const address = mapAnonymous('a memory volume', bytes);
  // Large pages would make a store that was written here and there look, and be, fuller than it is.
  adviseHugePages(address, bytes, false);
  return { address, sizeBytes };
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

  constructor(memory: UringMemory, place: StorePlace) {
    this.#memory = memory;
    this.#address = place.address;
    this.sizeBytes = place.sizeBytes;
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
    if (end > to) fillMemory(this.#address + to, 0, end - to);
  }

  allocatedBytes(): number {
    return residentBytes(this.#address, Math.ceil(this.sizeBytes / pageBytes) * pageBytes);
  }
}
