/** The reactor's memory as one mapping: the kernel writes to it, so it must never move. */
import {
  adviseHugePages,
  copyMemory,
  dropPages,
  fillMemory,
  mapAnonymous,
  pageBytes,
  unmap,
  viewOf,
} from '../../native/mapping.ts';
import { Allocator } from '../allocator.ts';
import type { Memory } from '../contract.ts';

/** Below 2^31, so that places stay small integers. Address space only: pages are taken when touched. */
export const defaultMemoryBytes = 1024 * 1024 * 1024;

export class UringMemory implements Memory {
  readonly size: number;
  /** Address of place 0. */
  readonly base: number;
  readonly u8: Uint8Array;
  readonly u32: Uint32Array;
  readonly view: DataView;
  readonly #allocator: Allocator;

  constructor(size = defaultMemoryBytes) {
    this.size = size;
    this.base = mapAnonymous('a reactor', size);
    adviseHugePages(this.base, size, true);
    const buffer = viewOf(this.base, size);
    this.u8 = new Uint8Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.view = new DataView(buffer);
    this.#allocator = new Allocator(size);
  }

  get takenBytes(): number {
    return this.#allocator.takenBytes;
  }

  allocate(bytes: number, alignment = 64): number {
    return this.#allocator.allocate(bytes, alignment);
  }

  free(place: number): void {
    const bytes = this.#allocator.free(place);
    // What is handed out must read as zeroes, and what is free should take no room: whole pages go back.
    const from = Math.ceil(place / pageBytes) * pageBytes;
    const to = Math.floor((place + bytes) / pageBytes) * pageBytes;
    if (to > from) {
      fillMemory(this.base + place, 0, from - place);
      dropPages(this.base + from, to - from);
      fillMemory(this.base + to, 0, place + bytes - to);
    } else {
      fillMemory(this.base + place, 0, bytes);
    }
  }

  copy(to: number, from: number, length: number): void {
    this.u8.copyWithin(to, from, from + length);
  }

  fill(to: number, byte: number, length: number): void {
    this.u8.fill(byte, to, to + length);
  }

  /** Copies between this memory and any mapped address. */
  copyIn(to: number, address: number, length: number): void {
    copyMemory(this.base + to, address, length);
  }

  copyOut(address: number, from: number, length: number): void {
    copyMemory(address, this.base + from, length);
  }

  unmap(): void {
    unmap(this.base, this.size);
  }
}
