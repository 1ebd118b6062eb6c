/**
 * What a verifying load writes: every block says which block it is and which write it comes from, and the rest of it
 * follows from these, so that a reader can tell an older write, another block, a mixture and plain damage apart.
 */

const words = { magic: 0, blockLow: 1, blockHigh: 2, generation: 3, filling: 4 } as const;
const magic = 0xca05e3a7;
const two32 = 2 ** 32;

/** What `generationIn` says of a block that comes from no write of this pattern. */
export const noGeneration = {
  /** All bytes are zero. */
  zeroes: 0,
  /** It is whole, but another block's. */
  misplaced: -1,
  /** It begins like one of ours, and goes on differently. */
  torn: -2,
  /** Anything else. */
  foreign: -3,
} as const;

function fillingOf(seed: number, block: number, generation: number): number {
  return (Math.imul(seed ^ generation, 0x9e37_79b1) ^ Math.imul(block | 0, 0x85eb_ca77)) >>> 0;
}

/** Writes block number `block` of write `generation` (1 to 2^32 - 1) at word `at` of `memory`. */
export function putBlock(
  memory: Uint32Array,
  at: number,
  blockBytes: number,
  seed: number,
  block: number,
  generation: number,
): void {
  memory[at + words.magic] = magic ^ seed;
  memory[at + words.blockLow] = block;
  memory[at + words.blockHigh] = block / two32;
  memory[at + words.generation] = generation;
  let filling = fillingOf(seed, block, generation);
  const end = at + blockBytes / 4;
  for (let word = at + words.filling; word < end; word += 1) {
    filling = (filling + 0x6d2b_79f5) | 0;
    memory[word] = filling;
  }
}

/** Which write the block at word `at` comes from; one of `noGeneration` if it is no whole write of this block. */
export function generationIn(memory: Uint32Array, at: number, blockBytes: number, seed: number, block: number): number {
  const end = at + blockBytes / 4;
  if (memory[at + words.magic] !== (magic ^ seed) >>> 0) {
    for (let word = at; word < end; word += 1) if (memory[word] !== 0) return noGeneration.foreign;
    return noGeneration.zeroes;
  }
  const low = memory[at + words.blockLow]!;
  const high = memory[at + words.blockHigh]!;
  const generation = memory[at + words.generation]!;
  const found = high * two32 + low;
  let filling = fillingOf(seed, found, generation);
  for (let word = at + words.filling; word < end; word += 1) {
    filling = (filling + 0x6d2b_79f5) | 0;
    if (memory[word] !== filling >>> 0) return noGeneration.torn;
  }
  return found === block ? generation : noGeneration.misplaced;
}

/** What `generationIn` found, for people. */
export function foundText(found: number): string {
  switch (found) {
    case noGeneration.zeroes:
      return 'zeroes';
    case noGeneration.misplaced:
      return "another block's data";
    case noGeneration.torn:
      return 'a mixture of two writes';
    case noGeneration.foreign:
      return "nobody's data";
    default:
      return `write ${found}`;
  }
}
