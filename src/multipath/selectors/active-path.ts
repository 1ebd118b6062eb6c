/**
 * The one path of `failover-only`, on which all reactors of a device agree. In shared memory stand the index of that path
 * and, for each reactor, the set of paths that it could use: those of its best rank that live, as it knows them. Reactors
 * learn of losses and returns at different moments, so the active path is one that all of them could use:
 *
 * - as long as the present one is in every reactor's set, it stays: an earlier path that comes back does not take over;
 * - otherwise it becomes the first that is in every set;
 * - if no path is, the reactors know different things just now. Each then goes by its own set until they agree again.
 *
 * A reactor whose set is empty has no say: it has no path, serves nothing, or chooses in another way.
 *
 * Each reactor stores its own set and then settles, by what it reads of the others: the last of those who change something
 * at the same time sees all of it. What somebody settled by an older set may come behind that, once: then the reactors
 * see that the active path changed, at their next command, and settle again. With sets that rest, the result rests.
 */
import { maxPaths } from '../statistics.ts';

/** The active path's index and 1; 0: none. */
const activeWord = 0;
const headWords = 1;
/** The set of one reactor: bits of the paths' indexes. */
const setWords = maxPaths / 32;

export function activePathBytes(reactors: number): number {
  return (headWords + reactors * setWords) * 4;
}

export class ActivePath {
  readonly #words: Int32Array;
  readonly #reactors: number;
  readonly #mine: number;

  /** On `activePathBytes(reactors)` of memory, all zeroes at first, which the reactors of one device share. */
  constructor(
    buffer: SharedArrayBuffer | ArrayBuffer = new ArrayBuffer(activePathBytes(1)),
    reactors = 1,
    reactor = 0,
  ) {
    this.#words = new Int32Array(buffer);
    this.#reactors = reactors;
    this.#mine = headWords + reactor * setWords;
  }

  /** Of the active path; -1: there is none. One load: asked for every command. */
  get index(): number {
    return Atomics.load(this.#words, activeWord) - 1;
  }

  /** The paths that this reactor could use from now on. @param carries by index, 1 for each of them */
  publish(carries: Uint8Array): void {
    const { isFirst } = this;
    for (let word = 0; word < setWords; word += 1) {
      let bits = 0;
      for (let bit = 0; bit < 32; bit += 1) if (carries[word * 32 + bit] === 1) bits |= 1 << bit;
      Atomics.store(this.#words, this.#mine + word, bits);
    }
    // What was active before anybody could use anything says nothing any more.
    if (isFirst) Atomics.store(this.#words, activeWord, 0);
    this.settle();
  }

  /** No reactor had any path until now. */
  get isFirst(): boolean {
    for (let at = headWords; at < this.#words.length; at += 1) if (Atomics.load(this.#words, at) !== 0) return false;
    return true;
  }

  /** Sees to it that the active path is one that all could use. */
  settle(): void {
    for (;;) {
      const word = Atomics.load(this.#words, activeWord);
      const next = this.#next(word - 1) + 1;
      if (next === word || Atomics.compareExchange(this.#words, activeWord, word, next) === word) return;
    }
  }

  /** Makes this path the active one, if all could use it. */
  use(index: number): void {
    if (this.#next(index) === index) Atomics.store(this.#words, activeWord, index + 1);
  }

  /** What follows the path of this index as the active one; itself if it may stay. */
  #next(index: number): number {
    let first = -1;
    for (let word = 0; word < setWords; word += 1) {
      const bits = this.#common(word);
      if (index >= word * 32 && index < (word + 1) * 32 && (bits & (1 << (index % 32))) !== 0) return index;
      if (first === -1 && bits !== 0) first = word * 32 + 31 - Math.clz32(bits & -bits);
    }
    // They do not agree on any, or there is none: nobody needs another word for that.
    return first === -1 ? index : first;
  }

  /** One word of what is in the sets of all reactors that have any path. */
  #common(word: number): number {
    let common = -1;
    let isEmpty = true;
    for (let reactor = 0; reactor < this.#reactors; reactor += 1) {
      const at = headWords + reactor * setWords;
      let any = 0;
      for (let each = 0; each < setWords; each += 1) any |= Atomics.load(this.#words, at + each);
      if (any === 0) continue;
      isEmpty = false;
      common &= Atomics.load(this.#words, at + word);
    }
    return isEmpty ? 0 : common;
  }
}
