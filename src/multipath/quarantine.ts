/**
 * Ranges that a lost controller may still write to (ghosts), of all reactors of a device, in shared memory. An entry
 * stands from the moment a write of unknown outcome came back until the life of the controller that has it is fenced.
 *
 * An entry's tag is 0 when it is free, 1 while it is being written, else a number that no other entry ever had: who read
 * an entry under a tag and takes it away by that tag takes away what he read, whatever others did meanwhile. The
 * generation grows after every change, so whoever finds it unchanged may go by what he knows.
 */

/** Entries of one device. Where there is no room the write is held instead, as in `strict`. */
export const quarantineEntries = 2048;

/** Who has no entries: a write that was never lost. An entry of nobody is one that everybody waits for. */
export const nobody = 0;

const headWords = 4;
const head = { generation: 0, tags: 1, owners: 2, used: 3 } as const;
const wordsPerEntry = 4;
/** A tag: somebody is writing the entry. */
const claimed = 1;
const word = { tag: 0, controller: 1, epoch: 2, owner: 3 } as const;
const wordBytes = (headWords + quarantineEntries * wordsPerEntry) * 4;

export const quarantineBytes = wordBytes + quarantineEntries * 16;

/** One entry, for people and for what is no data path. */
export interface QuarantineEntry {
  readonly start: number;
  readonly length: number;
  readonly controller: number;
  readonly epoch: number;
  readonly owner: number;
}

export class Quarantine {
  readonly #words: Int32Array;
  /** Start and end of each entry's range. */
  readonly #ranges: Float64Array;
  /** Where a free entry is looked for first. */
  #next = 0;
  /** What this reactor knows, in the order of the starts, as of the generation `#known`. They grow as needed. */
  #starts = new Float64Array(16);
  #ends = new Float64Array(16);
  #owners = new Int32Array(16);
  #count = 0;
  #known = 0;
  /** No known entry is longer. */
  #longest = Number.NaN;

  /** On `quarantineBytes` of `buffer` from `at`, which is a multiple of 8. All zeroes means empty. */
  constructor(buffer: SharedArrayBuffer | ArrayBuffer = new ArrayBuffer(quarantineBytes), at = 0) {
    this.#ranges = new Float64Array(buffer, at, quarantineEntries * 2);
    this.#words = new Int32Array(buffer, at + quarantineEntries * 16, wordBytes / 4);
    this.#longest = 0;
  }

  /** A number for a request that has ghosts; unlike any other's, and not `nobody`. */
  newOwner(): number {
    return Atomics.add(this.#words, head.owners, 1) + 1;
  }

  /** Puts a range into quarantine; false if there is no room. It is seen by all when this returns. */
  put(start: number, length: number, controller: number, epoch: number, owner: number): boolean {
    const words = this.#words;
    for (let tries = 0; tries < quarantineEntries; tries += 1) {
      const index = (this.#next + tries) % quarantineEntries;
      const at = headWords + index * wordsPerEntry;
      if (words[at] !== 0 || Atomics.compareExchange(words, at, 0, claimed) !== 0) continue;
      this.#next = index + 1;
      this.#ranges[index * 2] = start;
      this.#ranges[index * 2 + 1] = start + length;
      words[at + word.controller] = controller;
      words[at + word.epoch] = epoch;
      words[at + word.owner] = owner;
      this.#use(index + 1);
      Atomics.store(words, at, Atomics.add(words, head.tags, 1) + claimed + 1);
      const before = Atomics.add(words, head.generation, 1);
      if (before === this.#known) {
        // Nobody else changed anything: a loss of many writes is not read anew for each of them.
        this.#learnOne(start, start + length, owner);
        this.#known = (before + 1) | 0;
      }
      return true;
    }
    return false;
  }

  /** That life of the controller can do nothing any more. Any reactor, any number of times. Returns how many went. */
  clear(controller: number, epoch: number): number {
    const words = this.#words;
    let cleared = 0;
    for (let index = this.#used - 1; index >= 0; index -= 1) {
      const at = headWords + index * wordsPerEntry;
      const tag = Atomics.load(words, at);
      if (tag === 0 || tag === claimed) continue;
      if (words[at + word.controller] !== controller || words[at + word.epoch] !== epoch) continue;
      if (Atomics.compareExchange(words, at, tag, 0) === tag) cleared += 1;
    }
    if (cleared > 0) Atomics.add(words, head.generation, 1);
    return cleared;
  }

  /** True if a ghost of somebody else than `owner` may still write to the range. */
  blocks(start: number, length: number, owner: number): boolean {
    if (Atomics.load(this.#words, head.generation) !== this.#known) this.#learn();
    const count = this.#count;
    const end = start + length;
    const longest = this.#longest;
    // From the first entry on that could reach into the range: none is longer than the longest.
    for (let at = this.#firstAfter(start - longest); at < count && this.#starts[at]! < end; at += 1) {
      if (this.#ends[at]! > start && (owner === nobody || this.#owners[at] !== owner)) return true;
    }
    return false;
  }

  /** True if some ghost of this owner may still be executed. */
  holds(owner: number): boolean {
    if (Atomics.load(this.#words, head.generation) !== this.#known) this.#learn();
    for (let at = 0; at < this.#count; at += 1) if (this.#owners[at] === owner) return true;
    return false;
  }

  /** All entries as of now. */
  entries(): QuarantineEntry[] {
    const found: QuarantineEntry[] = [];
    this.#visit((start, end, owner, controller, epoch) =>
      found.push({ start, length: end - start, controller, epoch, owner }),
    );
    return found;
  }

  /** The place of the first known entry that starts after `start`. */
  #firstAfter(start: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! <= start) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Entries from here on were never in use. */
  get #used(): number {
    return Atomics.load(this.#words, head.used);
  }

  #use(count: number): void {
    for (;;) {
      const seen = this.#used;
      if (seen >= count || Atomics.compareExchange(this.#words, head.used, seen, count) === seen) return;
    }
  }

  #visit(see: (start: number, end: number, owner: number, controller: number, epoch: number) => void): void {
    const words = this.#words;
    for (let index = 0; index < this.#used; index += 1) {
      const at = headWords + index * wordsPerEntry;
      for (;;) {
        const tag = Atomics.load(words, at);
        if (tag === 0 || tag === claimed) break;
        const start = this.#ranges[index * 2]!;
        const end = this.#ranges[index * 2 + 1]!;
        const owner = words[at + word.owner]!;
        const controller = words[at + word.controller]!;
        const epoch = words[at + word.epoch]!;
        // Replaced while it was read: what stands there now is looked at.
        if (Atomics.load(words, at) !== tag) continue;
        see(start, end, owner, controller, epoch);
        break;
      }
    }
  }

  /** Reads all entries. An event, not the data path: entries come and go with lost controllers. */
  #learn(): void {
    // Before the entries are read: what changes meanwhile is read the next time.
    this.#known = Atomics.load(this.#words, head.generation);
    const seen: { start: number; end: number; owner: number }[] = [];
    this.#visit((start, end, owner) => seen.push({ start, end, owner }));
    seen.sort((a, b) => a.start - b.start);
    this.#count = 0;
    this.#longest = 0;
    for (const { start, end, owner } of seen) this.#learnOne(start, end, owner);
  }

  #learnOne(start: number, end: number, owner: number): void {
    if (this.#count === this.#owners.length) this.#grow();
    const at = this.#firstAfter(start);
    this.#starts.copyWithin(at + 1, at, this.#count);
    this.#ends.copyWithin(at + 1, at, this.#count);
    this.#owners.copyWithin(at + 1, at, this.#count);
    this.#starts[at] = start;
    this.#ends[at] = end;
    this.#owners[at] = owner;
    this.#count += 1;
    this.#longest = Math.max(this.#longest, end - start);
  }

  #grow(): void {
    const size = this.#owners.length * 2;
    const [starts, ends, owners] = [new Float64Array(size), new Float64Array(size), new Int32Array(size)];
    starts.set(this.#starts);
    ends.set(this.#ends);
    owners.set(this.#owners);
    [this.#starts, this.#ends, this.#owners] = [starts, ends, owners];
  }
}
