import { assert } from '../../base/assert.ts';
import type { Memory, Store } from '../contract.ts';
import { SparseBytes } from './sparse-bytes.ts';

/** What the stores of one name have in common. */
export class StoreContent {
  readonly sizeBytes: number;
  readonly bytes = new SparseBytes();

  constructor(sizeBytes: number) {
    assert(Number.isSafeInteger(sizeBytes) && sizeBytes > 0, 'a store has a size of at least one byte');
    this.sizeBytes = sizeBytes;
  }
}

/** A store as one reactor sees it. */
export class SimStore implements Store {
  readonly #memory: Memory;
  readonly #content: StoreContent;

  constructor(memory: Memory, content: StoreContent) {
    this.#memory = memory;
    this.#content = content;
  }

  get sizeBytes(): number {
    return this.#content.sizeBytes;
  }

  read(place: number, position: number, length: number): void {
    this.#check(place, position, length);
    this.#content.bytes.read(this.#memory.u8, place, position, length);
  }

  write(place: number, position: number, length: number): void {
    this.#check(place, position, length);
    this.#content.bytes.write(this.#memory.u8, place, position, length);
  }

  zero(position: number, length: number): void {
    this.#check(0, position, length);
    this.#content.bytes.zero(position, length, true);
  }

  allocatedBytes(): number {
    return this.#content.bytes.allocatedBytes;
  }

  #check(place: number, position: number, length: number): void {
    assert(position >= 0 && length >= 0 && position + length <= this.sizeBytes, 'outside of a store');
    assert(place >= 0 && place <= this.#memory.size, 'outside of memory');
  }
}
