/** What every block of a stretch may hold, as whoever writes it knows: for verifying loads. */
import { foundText, generationIn, noGeneration, putBlock } from './block-pattern.ts';

/** What is known of a block besides the write that it comes from. */
const state = {
  /** Nothing: not written yet, or its last write failed. */
  unknown: 0,
  /** It comes from the write that is noted. */
  written: 1,
  /** It reads as zeroes. */
  zero: 2,
  /** It was discarded: as before, or zeroes, each time anew. */
  either: 3,
} as const;

export class BlockHistory {
  /** The first block of the stretch on its device, and how many there are. */
  readonly first: number;
  readonly count: number;
  readonly blockBytes: number;
  /** How many blocks held something they may not hold, and the first such finding in words. */
  wrong = 0;
  firstWrong = '';
  readonly #seed: number;
  readonly #generations: Uint32Array;
  readonly #states: Uint8Array;
  /** A request is under way there: nothing else may be. */
  readonly #taken: Uint8Array;
  #next = 0;

  constructor(seed: number, blockBytes: number, first: number, count: number) {
    this.#seed = seed;
    this.blockBytes = blockBytes;
    this.first = first;
    this.count = count;
    this.#generations = new Uint32Array(count);
    this.#states = new Uint8Array(count);
    this.#taken = new Uint8Array(count);
  }

  /** Takes `length` blocks from `at` (counted in the stretch); false if a request is under way in any of them. */
  take(at: number, length: number): boolean {
    for (let block = at; block < at + length; block += 1) if (this.#taken[block] !== 0) return false;
    this.#taken.fill(1, at, at + length);
    return true;
  }

  give(at: number, length: number): void {
    this.#taken.fill(0, at, at + length);
  }

  /** Puts the blocks of a new write into `memory` from word `word` on. Returns the write's generation. */
  fill(memory: Uint32Array, word: number, at: number, length: number): number {
    this.#next += 1;
    const step = this.blockBytes / 4;
    for (let i = 0; i < length; i += 1) {
      putBlock(memory, word + i * step, this.blockBytes, this.#seed, this.first + at + i, this.#next);
    }
    return this.#next;
  }

  written(at: number, length: number, generation: number): void {
    this.#generations.fill(generation, at, at + length);
    this.#states.fill(state.written, at, at + length);
  }

  zeroed(at: number, length: number): void {
    this.#states.fill(state.zero, at, at + length);
  }

  discarded(at: number, length: number): void {
    for (let block = at; block < at + length; block += 1) {
      if (this.#states[block] === state.written) this.#states[block] = state.either;
    }
  }

  /** Something that would have changed the blocks failed. */
  doubted(at: number, length: number): void {
    this.#states.fill(state.unknown, at, at + length);
  }

  /** Holds what was read against what may be there. */
  check(memory: Uint32Array, word: number, at: number, length: number): void {
    const step = this.blockBytes / 4;
    for (let i = 0; i < length; i += 1) {
      const block = at + i;
      if (this.#states[block] === state.unknown) continue;
      const found = generationIn(memory, word + i * step, this.blockBytes, this.#seed, this.first + block);
      if (!this.#mayHold(block, found)) this.#note(block, found);
    }
  }

  #mayHold(block: number, found: number): boolean {
    const known = this.#states[block];
    if (known === state.zero) return found === noGeneration.zeroes;
    if (known === state.either && found === noGeneration.zeroes) return true;
    return found === this.#generations[block];
  }

  #note(block: number, found: number): void {
    this.wrong += 1;
    if (this.wrong > 1) return;
    const expected = this.#states[block] === state.zero ? 'zeroes' : `write ${this.#generations[block]}`;
    this.firstWrong = `block ${this.first + block} holds ${foundText(found)} instead of ${expected} (now at write ${this.#next})`;
  }
}
