/**
 * The writes that are under way now, of all reactors of a device, in shared memory: who has to send a lost write again
 * sees here whether another one that overlaps it is still on its way, or was lost and is held until its fence. One slot
 * for each part of each reactor; only that reactor writes it.
 *
 * A slot's word counts: odd while a write is under way, even while there is none. Its range is written before the word
 * becomes odd and read between two looks at the word, so what is read belongs together if both looks see the same.
 */

/** Parts of one reactor. */
export const slotsPerReactor = 1024;

/** Room for the word, padded, and the two ends of the range. */
const slotBytes = 4 + 8 + 8;

export function writeTableBytes(reactors: number): number {
  return reactors * slotsPerReactor * slotBytes;
}

export class WriteTable {
  readonly #words: Int32Array;
  readonly #starts: Float64Array;
  readonly #ends: Float64Array;
  readonly #mine: number;

  /** On `writeTableBytes(reactors)` bytes of `buffer` from `at`, which is a multiple of 8, as seen by one reactor. */
  constructor(buffer: SharedArrayBuffer | ArrayBuffer, at: number, reactors: number, reactor: number) {
    const slots = reactors * slotsPerReactor;
    this.#starts = new Float64Array(buffer, at, slots);
    this.#ends = new Float64Array(buffer, at + slots * 8, slots);
    this.#words = new Int32Array(buffer, at + slots * 16, slots);
    this.#mine = reactor * slotsPerReactor;
  }

  /** Before the first byte of the write is sent. */
  enter(slot: number, start: number, length: number): void {
    const at = this.#mine + slot;
    this.#starts[at] = start;
    this.#ends[at] = start + length;
    Atomics.store(this.#words, at, this.#words[at]! | 1);
  }

  /** It has ended, is fenced, or is quarantined. Nothing happens if it was not under way. */
  leave(slot: number): void {
    const at = this.#mine + slot;
    const word = this.#words[at]!;
    if ((word & 1) !== 0) Atomics.store(this.#words, at, (word + 1) | 0);
  }

  /** All that are under way, of all reactors; for a table that nobody writes to any more. */
  ranges(): { start: number; length: number }[] {
    const found: { start: number; length: number }[] = [];
    for (const [at, word] of this.#words.entries()) {
      const start = this.#starts[at]!;
      if ((word & 1) !== 0) found.push({ start, length: this.#ends[at]! - start });
    }
    return found;
  }

  /**
   * True if a write that overlaps the range is under way on any reactor. One that changes while it is looked at counts:
   * who asks, asks again.
   */
  overlaps(start: number, length: number): boolean {
    const words = this.#words;
    const end = start + length;
    for (let at = 0; at < words.length; at += 1) {
      const word = Atomics.load(words, at);
      if ((word & 1) === 0) continue;
      const apart = this.#starts[at]! >= end || this.#ends[at]! <= start;
      if (!apart || Atomics.load(words, at) !== word) return true;
    }
    return false;
  }
}
