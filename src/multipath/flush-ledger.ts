/**
 * Which controllers hold acknowledged writes that no flush has covered yet. Shared by all reactors of a device, because
 * a flush on one of them speaks for the writes of all. Used only where the array has a volatile cache per controller.
 *
 * Why nothing is missed:
 * - A write is entered before it is acknowledged, so a flush that follows the acknowledgement sees it.
 * - A flush notes `written` before it is sent and enters that number when it succeeded: writes acknowledged meanwhile
 *   stay uncovered.
 * - A controller that went away took its cache with it. What it held uncovered is counted as lost, and the next flush
 *   fails once. The order "enter the write, then look at the epoch" against "set the epoch, then settle" leaves no gap:
 *   whichever comes first, one of the two sides sees the other and counts the loss. Counting twice is harmless.
 * - A program that is killed loses all its controllers at once. Its successor finds its ledger (host/ghost-record.ts).
 * - A loss is told by every flush that was under way before the first one that failed was answered: each flush notes at
 *   its beginning how many losses had been told. And a write that was under way when something was lost may have been
 *   meant, in part, without anybody knowing yet: its acknowledgement counts a loss anew.
 */
import { maxPaths } from './statistics.ts';

/** Losses that ever were, and how many of them flushes have told of. */
const lostWord = 0;
const toldWord = 1;
const headWords = 2;
const words = { written: 0, flushed: 1, epoch: 2 } as const;
const wordsPerPath = 3;

export const flushLedgerBytes = (headWords + maxPaths * wordsPerPath) * 4;

export class FlushLedger {
  readonly #words: Int32Array;

  /** On `flushLedgerBytes` of `buffer` from `at`, which is a multiple of 4. All zeroes means that nothing was written. */
  constructor(buffer: SharedArrayBuffer | ArrayBuffer = new ArrayBuffer(flushLedgerBytes), at = 0) {
    this.#words = new Int32Array(buffer, at, flushLedgerBytes / 4);
  }

  #at(path: number, word: number): number {
    return headWords + path * wordsPerPath + word;
  }

  /** Before a write, discard or write-zeroes without FUA is acknowledged that `path` completed in its life `epoch`. */
  entered(path: number, epoch: number): void {
    Atomics.add(this.#words, this.#at(path, words.written), 1);
    if (Atomics.load(this.#words, this.#at(path, words.epoch)) !== epoch) Atomics.add(this.#words, lostWord, 1);
  }

  /** The controller behind `path` begins a new life: what the old one held is lost. Any reactor, any number of times. */
  began(path: number, epoch: number): void {
    const at = this.#at(path, words.epoch);
    for (;;) {
      const seen = Atomics.load(this.#words, at);
      // A life that is older than the one others have seen already has nothing to say.
      if (seen >= epoch) return;
      if (Atomics.compareExchange(this.#words, at, seen, epoch) === seen) break;
    }
    this.settleLost(path);
  }

  /** Something acknowledged through `path` is not covered by a flush. */
  isDirty(path: number): boolean {
    return this.#load(path, words.written) !== this.#load(path, words.flushed);
  }

  /** What a flush that is sent now will cover. */
  mark(path: number): number {
    return this.#load(path, words.written);
  }

  /** A flush that was sent after `mark` succeeded, in the life `epoch` of the controller. */
  flushed(path: number, mark: number, epoch: number): void {
    if (this.#load(path, words.epoch) !== epoch) return;
    const at = this.#at(path, words.flushed);
    for (;;) {
      const seen = Atomics.load(this.#words, at);
      if (((mark - seen) | 0) <= 0) return;
      if (Atomics.compareExchange(this.#words, at, seen, mark) === seen) return;
    }
  }

  /** The cache behind `path` can not be flushed any more. */
  settleLost(path: number): void {
    const at = this.#at(path, words.flushed);
    const seen = Atomics.load(this.#words, at);
    const written = this.#load(path, words.written);
    if (seen === written) return;
    if (Atomics.compareExchange(this.#words, at, seen, written) === seen) Atomics.add(this.#words, lostWord, 1);
  }

  /**
   * For a ledger that nobody writes to any more, because its program was killed, and with that all its controllers are
   * lost: something that was acknowledged may be lost with them, or was lost before, and no flush has told of it.
   */
  get isUncovered(): boolean {
    if (this.losses !== this.told) return true;
    for (let path = 0; path < maxPaths; path += 1) if (this.isDirty(path)) return true;
    return false;
  }

  /** No reactor has a path of this index: another one may have it from now on, with a controller of its own. */
  forget(path: number): void {
    for (const word of Object.values(words)) Atomics.store(this.#words, this.#at(path, word), 0);
  }

  /** An earlier program left something uncovered: the next flush tells of it. */
  inherit(): void {
    Atomics.add(this.#words, lostWord, 1);
  }

  /** Losses so far. A write notes them when it begins. */
  get losses(): number {
    return Atomics.load(this.#words, lostWord);
  }

  /** Losses that flushes have told of so far. A flush notes them when it begins. */
  get told(): number {
    return Atomics.load(this.#words, toldWord);
  }

  /**
   * Before a write is acknowledged that began when there were so many losses. A part of it may have been lost since, and
   * a flush have told of that already, before anybody could know that the write was meant: it has to be told again.
   */
  acknowledged(lossesBefore: number): void {
    if (Atomics.load(this.#words, lostWord) !== lossesBefore) Atomics.add(this.#words, lostWord, 1);
  }

  /** A flush told of so many losses: whoever begins another one from now on has heard of them. */
  tell(losses: number): void {
    for (;;) {
      const told = this.told;
      if (((losses - told) | 0) <= 0 || Atomics.compareExchange(this.#words, toldWord, told, losses) === told) return;
    }
  }

  #load(path: number, word: number): number {
    return Atomics.load(this.#words, this.#at(path, word));
  }
}
