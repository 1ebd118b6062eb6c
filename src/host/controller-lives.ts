/**
 * Which controllers may hold writes of a volume, in memory that all its reactors share and that outlives the program: each
 * life of a controller from before the first I/O that a reactor sends to it until its fence. Whoever attaches the volume
 * after a kill can have just these reset by their successors, instead of waiting until the array has noticed.
 *
 * Each reactor enters a life before it uses it, and each takes it out when it hears of its fence. So a life may stand here
 * twice, and once a reactor has heard of the fence it does not enter that life again: none stays for ever, and none is
 * missing while it may hold something.
 */
import type { ControllerInstance } from '../fabric/nvme-tcp/messages.ts';

/** Lives at once: 64 paths, each of which was lost and is not fenced yet a few times. */
const maxLives = 256;
/** More than that were there at some time: who reads does not know all. */
const overflowWord = 0;
/** The longest time that any life that ever stood here may need after its loss, whole milliseconds. */
const longestWord = 1;
const headWords = 2;
const word = { tag: 0, controller: 1, epoch: 2, cntlid: 3, ciu: 4, cirnLow: 5, cirnHigh: 6 } as const;
const wordsPerLife = 8;
const tag = { free: 0, claimed: 1, taken: 2 } as const;

/** In place of a controller id: who inherited something does not know of which controllers. */
const unknownController = -1;

export const controllerLivesBytes = (headWords + maxLives * wordsPerLife) * 4;

export class ControllerLives {
  readonly #words: Int32Array;

  /** On `controllerLivesBytes` of `buffer` from `at`, a multiple of 4. All zeroes means that there is none. */
  constructor(buffer: ArrayBuffer | SharedArrayBuffer = new ArrayBuffer(controllerLivesBytes), at = 0) {
    this.#words = new Int32Array(buffer, at, controllerLivesBytes / 4);
  }

  /**
   * Before anything is sent to that life of the controller. Any number of times.
   * @param fenceMs how long after its loss it may still execute something: perhaps longer than any controller that was
   * there when the volume was attached
   */
  began(controller: number, epoch: number, instance: ControllerInstance, fenceMs: number): void {
    this.#needs(Math.ceil(fenceMs));
    for (let at = headWords; at < this.#words.length; at += wordsPerLife) {
      if (this.#is(at, controller, epoch)) return;
    }
    this.#enter(controller, epoch, instance);
  }

  /** Those that an earlier program left, under one name for all; null: not all of them are known, until they are fenced. */
  inherit(controller: number, epoch: number, instances: readonly ControllerInstance[] | null): void {
    const known = instances ?? [{ cntlid: unknownController, ciu: 0, cirn: 0n }];
    for (const instance of known) this.#enter(controller, epoch, instance);
  }

  /** As long as that any life may need: those that an earlier program left are not counted. Milliseconds. */
  get longestMs(): number {
    return Atomics.load(this.#words, longestWord);
  }

  #needs(milliseconds: number): void {
    for (;;) {
      const before = Atomics.load(this.#words, longestWord);
      if (before >= milliseconds) return;
      if (Atomics.compareExchange(this.#words, longestWord, before, milliseconds) === before) return;
    }
  }

  #enter(controller: number, epoch: number, { cntlid, ciu, cirn }: ControllerInstance): void {
    const words = this.#words;
    for (let at = headWords; at < words.length; at += wordsPerLife) {
      if (Atomics.compareExchange(words, at, tag.free, tag.claimed) !== tag.free) continue;
      words[at + word.controller] = controller;
      words[at + word.epoch] = epoch;
      words[at + word.cntlid] = cntlid;
      words[at + word.ciu] = ciu;
      words[at + word.cirnLow] = Number(BigInt.asIntN(32, cirn));
      words[at + word.cirnHigh] = Number(BigInt.asIntN(32, cirn >> 32n));
      Atomics.store(words, at, tag.taken);
      return;
    }
    Atomics.store(words, overflowWord, 1);
  }

  /** It can execute nothing any more. */
  ended(controller: number, epoch: number): void {
    const words = this.#words;
    for (let at = headWords; at < words.length; at += wordsPerLife) {
      if (this.#is(at, controller, epoch)) Atomics.store(words, at, tag.free);
    }
  }

  #is(at: number, controller: number, epoch: number): boolean {
    const words = this.#words;
    if (Atomics.load(words, at) !== tag.taken) return false;
    return words[at + word.controller] === controller && words[at + word.epoch] === epoch;
  }

  /** All that may hold something; null if not all are known. For a table that nobody writes to any more. */
  instances(): readonly ControllerInstance[] | null {
    const words = this.#words;
    if (words[overflowWord] !== 0) return null;
    const found = new Map<string, ControllerInstance>();
    for (let at = headWords; at < words.length; at += wordsPerLife) {
      // One that was being entered: nothing had been sent to it by who did so.
      if (words[at] !== tag.taken) continue;
      const cntlid = words[at + word.cntlid]!;
      if (cntlid === unknownController) return null;
      const ciu = words[at + word.ciu]!;
      const low = BigInt.asUintN(32, BigInt(words[at + word.cirnLow]!));
      const high = BigInt.asUintN(32, BigInt(words[at + word.cirnHigh]!));
      const cirn = (high << 32n) | low;
      found.set(`${cntlid}.${ciu}.${cirn}`, { cntlid, ciu, cirn });
    }
    return [...found.values()];
  }
}
