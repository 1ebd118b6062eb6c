/**
 * Payload buffers of the array: a bounded budget in a few sizes. A command that finds none free waits in line; it never
 * fails for want of memory. Nobody holds one buffer while waiting for a second one, so the line always moves on.
 */
import { assert } from '../base/assert.ts';
import type { Io, Task } from '../io/contract.ts';

/** Whoever waits for a buffer. The link belongs to the pool while it waits. */
export interface BufferWaiter {
  nextWaiter: BufferWaiter | null;
  /** The buffer that was waited for is now the waiter's. Never called from inside `take` or `wait`. */
  onBuffer(place: number): void;
}

export interface BufferClass {
  /** Size of one buffer of this class, bytes. */
  readonly bytes: number;
  readonly count: number;
}

/** 24 MiB: many small ones for the usual 4 KiB commands, few large ones. */
export const defaultBufferClasses: readonly BufferClass[] = [
  { bytes: 8 * 1024, count: 1024 },
  { bytes: 128 * 1024, count: 64 },
  { bytes: 1024 * 1024, count: 8 },
];

class SizeClass {
  readonly bytes: number;
  readonly count: number;
  readonly base: number;
  readonly free: Int32Array;
  freeCount: number;
  firstWaiter: BufferWaiter | null = null;
  lastWaiter: BufferWaiter | null = null;

  constructor(bytes: number, count: number, base: number) {
    this.bytes = bytes;
    this.count = count;
    this.base = base;
    // The one given back last is taken first: it is warm in the cache. Place `base` lies on top at the start.
    this.free = Int32Array.from({ length: count }, (_, index) => base + (count - 1 - index) * bytes);
    this.freeCount = count;
  }
}

export class BufferPool implements Task {
  readonly #io: Io;
  readonly #classes: SizeClass[] = [];
  #scheduled = false;

  /** Classes in ascending order of size. @throws CausewayError `out-of-memory` */
  constructor(io: Io, classes: readonly BufferClass[] = defaultBufferClasses) {
    this.#io = io;
    let before = 0;
    for (const { bytes, count } of classes) {
      assert(bytes > before && bytes % 4096 === 0 && count > 0, 'buffer classes are whole pages in ascending order');
      this.#classes.push(new SizeClass(bytes, count, io.memory.allocate(bytes * count, 4096)));
      before = bytes;
    }
  }

  /** The largest buffer there is, bytes. */
  get largest(): number {
    return this.#classes[this.#classes.length - 1]!.bytes;
  }

  /** How many buffers are handed out now. */
  get inUse(): number {
    let sum = 0;
    for (const size of this.#classes) sum += size.count - size.freeCount;
    return sum;
  }

  /** A buffer of at least `bytes`, or -1: then `wait`. */
  take(bytes: number): number {
    const size = this.#fitting(bytes);
    // Those who wait come first, else large bursts could starve them.
    if (size.freeCount === 0 || size.firstWaiter !== null) return -1;
    size.freeCount -= 1;
    return size.free[size.freeCount]!;
  }

  /** Puts `waiter` at the end of the line for a buffer of at least `bytes`. */
  wait(bytes: number, waiter: BufferWaiter): void {
    const size = this.#fitting(bytes);
    waiter.nextWaiter = null;
    if (size.lastWaiter === null) size.firstWaiter = waiter;
    else size.lastWaiter.nextWaiter = waiter;
    size.lastWaiter = waiter;
  }

  /** Gives a buffer back; nothing may refer to it any more. */
  give(place: number): void {
    for (const size of this.#classes) {
      const offset = place - size.base;
      if (offset >= 0 && offset < size.bytes * size.count) {
        assert(offset % size.bytes === 0 && size.freeCount < size.count, 'a buffer is given back that was not taken');
        size.free[size.freeCount] = place;
        size.freeCount += 1;
        if (size.firstWaiter !== null && !this.#scheduled) {
          this.#scheduled = true;
          this.#io.later(this);
        }
        return;
      }
    }
    assert(false, 'a place is given back that is no buffer of this pool');
  }

  /** Serves the lines. A task of its own, so that `give` never calls into whoever waits. */
  run(): void {
    this.#scheduled = false;
    for (const size of this.#classes) {
      while (size.firstWaiter !== null && size.freeCount > 0) {
        const waiter: BufferWaiter = size.firstWaiter;
        size.firstWaiter = waiter.nextWaiter;
        if (size.firstWaiter === null) size.lastWaiter = null;
        waiter.nextWaiter = null;
        size.freeCount -= 1;
        waiter.onBuffer(size.free[size.freeCount]!);
      }
    }
  }

  /** Gives all memory back. Nothing may be in use. */
  close(): void {
    for (const size of this.#classes) this.#io.memory.free(size.base);
    this.#classes.length = 0;
  }

  #fitting(bytes: number): SizeClass {
    let at = 0;
    while (at < this.#classes.length && bytes > this.#classes[at]!.bytes) at += 1;
    assert(at < this.#classes.length, 'no buffer is as large as that');
    return this.#classes[at]!;
  }
}
