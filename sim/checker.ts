/**
 * What every block may hold, as whoever issued the requests knows: a register for each block, with the intervals in
 * which its writes were under way. It answers for each block that was read: was that possible?
 *
 * What the host promises, and so what is checked. Every event has a number; "before" means a smaller one.
 * 1. A read returns a value that the block could hold at some moment between its issue and its end.
 * 2. A write that was acknowledged stays: of two writes, the one issued after the other's acknowledgement is the later
 *    one. Writes that were under way at the same time may have come in either order, until a read shows which.
 * 3. A write under way may show, be covered by another one that is under way too, and show again: what becomes of it
 *    on a lost path is not decided before it is answered. Once it is acknowledged it changes the block no more. So a
 *    value that a read has shown excludes every other write that was acknowledged before that read was issued.
 * 4. A write that was answered with an error may have happened, may not, or may happen later, until another write that
 *    was issued after that answer is acknowledged: the host orders overlapping writes behind what it left in doubt.
 *    Whether it does so is `strictErrors`; without it such a write is possible for ever. The same holds for a write that
 *    was under way when the host died and that nobody hands out again: it failed at that moment. One that is handed out
 *    again is the same write, under way all the time.
 * 5. Write-zeroes writes zeroes. A discard may write zeroes, or nothing; it covers nothing that was there before.
 * 6. Without a volatile cache an acknowledged write is durable. With one, what was covered stays possible, but only
 *    when a cache was really lost, until a flush that was issued after the acknowledgement of the covering write has
 *    succeeded. A flush that failed says that what was acknowledged before its end may be lost, then or later, whatever
 *    flushes say that end after it: only what is written after it counts again. With `strictFlushes` that holds for
 *    flushes that were issued after it had failed: one that was under way together with it has to fail as well, because
 *    whoever issued it hears of no other. A flush that is handed out again after the host died counts as issued only
 *    then: it may hear of nothing if another one told of the loss in between.
 *
 * Memory is fixed: a table of entries for each block, made once and used for any number of runs.
 */
import { EntryTable, never, state } from './entry-table.ts';

export interface CheckerOptions {
  readonly blocks: number;
  readonly volatileCache: boolean;
  readonly strictErrors: boolean;
  readonly strictFlushes: boolean;
}

export class Checker {
  /** Blocks that were held against what is possible. */
  checked = 0;
  readonly #table: EntryTable;
  #options: CheckerOptions;
  #now = 1;
  /** When the last loss of a cache was over. */
  #lossEnded = 0;
  /** When a flush failed last. */
  #flushFailed = 0;

  /** @param oldestRead the number of the oldest read under way, Infinity if there is none */
  constructor(mostBlocks: number, oldestRead: () => number) {
    this.#table = new EntryTable(mostBlocks, oldestRead);
    this.#options = { blocks: mostBlocks, volatileCache: false, strictErrors: true, strictFlushes: true };
  }

  /** Begins anew: every block holds zeroes. */
  begin(options: CheckerOptions): void {
    this.#options = options;
    this.#now = 1;
    this.#lossEnded = 0;
    this.#flushFailed = 0;
    this.checked = 0;
    this.#table.clear();
    for (let block = 0; block < options.blocks; block += 1) {
      const entry = this.#table.add(block, 0, false, 0);
      this.#table.states[entry] = state.acknowledged;
      this.#table.settled[entry] = 0;
    }
  }

  /** The number of an event that happens now. */
  tick(): number {
    this.#now += 1;
    return this.#now;
  }

  /** A write, write-zeroes (value 0) or discard (value 0, may do nothing) is issued. */
  issue(at: number, block: number, count: number, value: number, mayDoNothing: boolean): void {
    for (let each = block; each < block + count; each += 1) this.#table.add(each, value, mayDoNothing, at);
  }

  /** It was acknowledged, now. `durable`: it does not need a flush. */
  acknowledge(issuedAt: number, block: number, count: number, durable: boolean): void {
    const now = this.tick();
    const table = this.#table;
    for (let each = block; each < block + count; each += 1) {
      const mine = table.find(each, issuedAt);
      table.states[mine] = state.acknowledged;
      table.settled[mine] = now;
      if (table.mayDoNothing[mine] === 0) this.#cover(each, mine, durable);
    }
  }

  /** It was answered with an error, now. */
  fail(issuedAt: number, block: number, count: number): void {
    const now = this.tick();
    for (let each = block; each < block + count; each += 1) {
      const mine = this.#table.find(each, issuedAt);
      this.#table.states[mine] = state.failed;
      this.#table.settled[mine] = now;
    }
  }

  /** A flush that was issued at `issuedAt` was answered, now. */
  flushed(issuedAt: number, succeeded: boolean): void {
    const now = this.tick();
    if (!this.#options.volatileCache) return;
    if (!succeeded) this.#flushFailed = now;
    const { covered, doubted, removed, shadow } = this.#table;
    this.#each((entry) => {
      if (!succeeded) {
        this.#doubt(entry, now);
      } else if (covered[entry]! < issuedAt && doubted[entry]! > issuedAt) {
        shadow[entry] = 0;
        if (removed[entry] === never) removed[entry] = now;
      }
    });
  }

  #doubt(entry: number, now: number): void {
    const { covered, doubted } = this.#table;
    if (!this.#options.strictFlushes) covered[entry] = never;
    else if (covered[entry] !== never && doubted[entry] === never) doubted[entry] = now;
  }

  /** Some controller loses its cache, from now on: whatever no flush has covered may be back. */
  lossBegins(): void {
    this.tick();
    this.#lossEnded = never;
    const { removed, settled, shadow } = this.#table;
    this.#each((entry) => {
      if (shadow[entry] === 0) return;
      shadow[entry] = 0;
      removed[entry] = never;
      // It changes the block, so reads exclude it only when the loss is over.
      settled[entry] = never;
    });
  }

  /** The old content is back where it comes back. */
  lossEnds(): void {
    const now = this.tick();
    this.#lossEnded = now;
    const { settled, states } = this.#table;
    this.#each((entry) => {
      if (states[entry] !== state.pending && settled[entry] === never) settled[entry] = now;
    });
  }

  /** A read that was issued at `issuedAt` ends now and shows `value`; false if that is not possible. */
  read(issuedAt: number, block: number, value: number): boolean {
    const now = this.tick();
    this.checked += 1;
    const { values, states, settled, removed } = this.#table;
    const first = this.#table.first(block);
    const end = this.#table.end(block);
    let shown = -1;
    let several = false;
    for (let entry = first; entry < end; entry += 1) {
      if (values[entry] !== value || removed[entry]! < issuedAt) continue;
      if (shown !== -1) several = true;
      shown = entry;
    }
    if (shown === -1) return false;
    // It may have seen what was lost since.
    if (issuedAt < this.#lossEnded) return true;
    // It is known what covers the others, and when that counts as durable, only if one write can be meant, and if no
    // flush that failed has put that very write in doubt.
    const isKnown = !several && states[shown] === state.acknowledged && settled[shown]! > this.#flushFailed;
    const coveredAt = isKnown ? settled[shown]! : never;
    for (let entry = first; entry < end; entry += 1) {
      if (values[entry] === value || removed[entry] !== never) continue;
      if (states[entry] === state.acknowledged && settled[entry]! < issuedAt) this.#remove(entry, now, coveredAt);
    }
    return true;
  }

  /** No further write should be issued to these blocks before some of them are decided, or made durable by a flush. */
  isCrowded(block: number, count: number): boolean {
    for (let each = block; each < block + count; each += 1) if (this.#table.isCrowded(each)) return true;
    return false;
  }

  /** What the block may hold now, for people. */
  possible(block: number): string {
    const { values, states, removed } = this.#table;
    const texts: string[] = [];
    for (let entry = this.#table.first(block); entry < this.#table.end(block); entry += 1) {
      if (removed[entry] !== never) continue;
      const value = values[entry]!;
      const what = value === 0 ? 'zeroes' : `write ${value}`;
      texts.push(`${what} (${['under way', 'acknowledged', 'failed'][states[entry]!]})`);
    }
    return texts.join(', ');
  }

  #each(act: (entry: number) => void): void {
    for (let block = 0; block < this.#options.blocks; block += 1) {
      const end = this.#table.end(block);
      for (let entry = this.#table.first(block); entry < end; entry += 1) act(entry);
    }
  }

  /** `mine` was acknowledged: it is later than all that were answered before it was issued. */
  #cover(block: number, mine: number, durable: boolean): void {
    const { issued, settled, states, removed, shadow } = this.#table;
    const issuedAt = issued[mine]!;
    const now = settled[mine]!;
    // It was executed before or after the loss, nobody knows: what it covers may be back already.
    const mayBeLost = issuedAt < this.#lossEnded && this.#options.volatileCache && !durable;
    const end = this.#table.end(block);
    for (let entry = this.#table.first(block); entry < end; entry += 1) {
      if (entry === mine || settled[entry]! >= issuedAt) continue;
      if (states[entry] === state.failed && !this.#options.strictErrors) continue;
      if (removed[entry] !== never) {
        this.#coverBy(entry, now);
      } else if (mayBeLost) {
        this.#coverBy(entry, now);
        settled[entry] = now;
      } else {
        this.#remove(entry, now, now);
      }
      if (durable) shadow[entry] = 0;
    }
  }

  #remove(entry: number, now: number, coveredAt: number): void {
    this.#table.removed[entry] = now;
    if (!this.#options.volatileCache) return;
    this.#table.shadow[entry] = 1;
    this.#coverBy(entry, coveredAt);
  }

  /** The first cover counts, unless a flush failed since. */
  #coverBy(entry: number, acknowledgedAt: number): void {
    const { covered, doubted } = this.#table;
    if (covered[entry] !== never && doubted[entry] === never) return;
    covered[entry] = acknowledgedAt;
    doubted[entry] = never;
  }
}
