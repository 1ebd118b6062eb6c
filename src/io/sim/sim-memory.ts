/**
 * The memory of one simulated reactor, and the proof that nobody breaks the rule of the contract: a place that was
 * given to an operation belongs to it until its owner has been told. Every operation *claims* its range; a claim outside
 * of what was allocated, two claims of which one is written to, and freeing what is claimed are errors at once. What is
 * freed is filled with 0xdd, so that whoever still looks at it notices.
 */
import { assert } from '../../base/assert.ts';
import { CausewayError } from '../../base/errors.ts';
import { Allocator } from '../allocator.ts';
import type { Memory } from '../contract.ts';

const FREED = 0xdd;

/**
 * Memory of worlds that are over, by size, for the next ones: making it anew is what many short runs would spend most of
 * their time on. What stands in it is of no matter, because what is allocated is filled with zeroes.
 */
const left = new Map<number, ArrayBuffer[]>();
/** Of each size. */
const MOST_LEFT = 8;

interface Block {
  readonly place: number;
  readonly end: number;
}

/** A range that an operation under way refers to. Kept and used again by whoever made it. */
export class Claim {
  start = 0;
  end = 0;
  /** The operation writes to the range. */
  writes = false;
  what = '';
  /** Where it stands among the active ones; -1 when it is not active. */
  index = -1;
}

export class SimMemory implements Memory {
  readonly size: number;
  readonly u8: Uint8Array;
  readonly u32: Uint32Array;
  readonly view: DataView;
  readonly #allocator: Allocator;
  /** Allocated blocks by place. */
  readonly #blocks: Block[] = [];
  readonly #claims: Claim[] = [];

  constructor(size: number) {
    assert(Number.isInteger(size) && size >= 4096 && size < 2 ** 31 && size % 8 === 0, 'a memory has 4 KiB to 2 GiB');
    const buffer = left.get(size)?.pop() ?? new ArrayBuffer(size);
    this.size = size;
    this.u8 = new Uint8Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.view = new DataView(buffer);
    this.#allocator = new Allocator(size);
  }

  /** Nobody will touch it any more. */
  giveBack(): void {
    const others = left.get(this.size) ?? [];
    left.set(this.size, others);
    const { buffer } = this.u8;
    if (others.length < MOST_LEFT && buffer instanceof ArrayBuffer) others.push(buffer);
  }

  get takenBytes(): number {
    return this.#allocator.takenBytes;
  }

  /** How many ranges operations refer to now. */
  get claimed(): number {
    return this.#claims.length;
  }

  allocate(bytes: number, alignment = 64): number {
    const place = this.#allocator.allocate(bytes, alignment);
    this.u8.fill(0, place, place + bytes);
    this.#blocks.splice(this.#blockAfter(place), 0, { place, end: place + bytes });
    return place;
  }

  /** @throws CausewayError `assertion` if it was not allocated or an operation still refers to it */
  free(place: number): void {
    const at = this.#blockAfter(place) - 1;
    const block = this.#blocks[at];
    assert(block !== undefined && block.place === place, 'memory is given back that was not taken');
    for (const claim of this.#claims) {
      if (claim.start < block.end && block.place < claim.end) {
        throw new CausewayError('assertion', `memory is freed while a ${claim.what} refers to it: ${text(claim)}`);
      }
    }
    this.#blocks.splice(at, 1);
    const bytes = this.#allocator.free(place);
    this.u8.fill(FREED, place, place + bytes);
  }

  copy(to: number, from: number, length: number): void {
    this.u8.copyWithin(to, from, from + length);
  }

  fill(to: number, byte: number, length: number): void {
    this.u8.fill(byte, to, to + length);
  }

  /** An operation begins to refer to a range. @throws CausewayError `assertion` if it may not */
  claim(claim: Claim, what: string, place: number, length: number, writes: boolean): void {
    assert(claim.index === -1, 'a claim is used twice at once');
    assert(Number.isInteger(place) && Number.isInteger(length) && length >= 0, 'a range is made of whole numbers');
    claim.start = place;
    claim.end = place + length;
    claim.what = what;
    claim.writes = writes;
    const block = this.#blocks[this.#blockAfter(place) - 1];
    if (block === undefined || claim.end > block.end) {
      throw new CausewayError('assertion', `a ${what} refers to memory that nobody allocated: ${text(claim)}`);
    }
    for (const other of this.#claims) {
      if (!(writes || other.writes) || other.start >= claim.end || claim.start >= other.end) continue;
      const ranges = `${text(claim)} and ${text(other)}`;
      throw new CausewayError('assertion', `a ${what} and a ${other.what} under way overlap: ${ranges}`);
    }
    claim.index = this.#claims.length;
    this.#claims.push(claim);
  }

  /** The operation refers to its range no more. Harmless when repeated. */
  release(claim: Claim): void {
    if (claim.index === -1) return;
    const last = this.#claims.pop()!;
    if (last !== claim) {
      this.#claims[claim.index] = last;
      last.index = claim.index;
    }
    claim.index = -1;
  }

  /** The place in `#blocks` of the first block that begins after `place`. */
  #blockAfter(place: number): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#blocks[middle]!.place <= place) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function text(claim: Claim): string {
  return `${claim.start}..${claim.end}`;
}
