/**
 * A volatile write cache for each controller, as an array may have it: every controller reads what any of them wrote,
 * but what a controller acknowledged and nobody flushed is lost with that controller's cache.
 *
 * It is kept the other way round: the device holds the newest data, and this object what a dirty block held before,
 * that is, its durable content. `owners` names for each block the controller whose cache holds it, 0 for a block that is
 * durable. Losing a cache writes the old content back. When a controller writes to a block that another one holds, the
 * other's data counts as written out at that moment: the new write's old content is that data.
 *
 * Why the order is right: writes, zeroing, flushes and losses of one volume run one after another, so the old content
 * of a block is read and kept before any byte of the write that makes it dirty, and no write comes between a loss's
 * first and last block. Reads pass by, except during a loss, when they wait.
 */
import { assert } from '../base/assert.ts';
import type { BlockDevice } from '../block/device.ts';
import { type Completer, op, Request, requestFlag } from '../block/request.ts';
import { type Status, status } from '../block/status.ts';
import type { Io, Store } from '../io/contract.ts';

/** A request on its way through the cache; the link belongs to the cache until the request is finished. */
export interface CacheWork {
  readonly request: Request;
  /** Number of the controller it came through, 1 to 65535. */
  readonly cacheOwner: number;
  nextWork: CacheWork | null;
}

/** One byte of bookkeeping for each 256 of volume at 512-byte blocks: beyond this size that is too much. */
export const largestCachedBytes = 64 * 2 ** 30;

const scratchBytes = 1024 * 1024;

/** A loss on its way: whose cache, and who is told when it is done. */
interface Loss {
  readonly owner: number;
  readonly done: () => void;
}

export class WriteCache implements Completer {
  readonly #io: Io;
  readonly #device: BlockDevice;
  readonly #undo: Store;
  readonly #owners: Uint16Array;
  readonly #blockBytes: number;
  readonly #scratch: number;
  readonly #own: Request;
  #first: CacheWork | null = null;
  #last: CacheWork | null = null;
  /** The work whose turn it is, null when idle or during a loss. */
  #current: CacheWork | null = null;
  readonly #losses: Loss[] = [];
  /** The block up to which the loss under way has got, -1 when there is none. */
  #lossAt = -1;

  /** `capacityBytes` is how far the device may grow. @throws CausewayError `out-of-memory` */
  constructor(io: Io, device: BlockDevice, name: string, capacityBytes: number) {
    assert(capacityBytes <= largestCachedBytes, 'a volume with a write cache is too large');
    this.#io = io;
    this.#device = device;
    this.#blockBytes = device.geometry.blockBytes;
    this.#undo = io.openStore(`${name}.undo`, capacityBytes);
    this.#owners = new Uint16Array(Math.ceil(capacityBytes / this.#blockBytes));
    this.#scratch = io.memory.allocate(scratchBytes, 4096);
    this.#own = new Request(io, 0);
  }

  /** Control. How many bytes a controller's cache holds. */
  dirtyBytes(owner: number): number {
    let blocks = 0;
    for (const holder of this.#owners) if (holder === owner) blocks += 1;
    return blocks * this.#blockBytes;
  }

  /** Takes a checked request over until it is finished. */
  submit(work: CacheWork): void {
    if (work.request.op === op.read && this.#lossAt < 0 && this.#losses.length === 0) {
      this.#device.submit(work.request);
      return;
    }
    work.nextWork = null;
    if (this.#last === null) this.#first = work;
    else this.#last.nextWork = work;
    this.#last = work;
    this.#next();
  }

  /** Control. All caches at once, as when power fails. */
  async loseAll(): Promise<void> {
    // Asked for at once, so that no request comes between them.
    const owners = [...new Set(this.#owners)].filter((owner) => owner !== 0);
    await Promise.all(owners.map((owner) => this.lose(owner)));
  }

  /** Control. Forgets what `owner` wrote and nobody flushed; resolves when the old content is back. */
  lose(owner: number): Promise<void> {
    const done = this.#io.deferred<void>();
    this.#losses.push({ owner, done: () => done.resolve() });
    this.#next();
    return done.promise;
  }

  /** Gives its memory back. Nothing may be under way. */
  close(): void {
    assert(this.#current === null && this.#first === null && this.#lossAt < 0, 'a write cache is closed in use');
    this.#io.memory.free(this.#scratch);
  }

  /** Starts what comes next, if nothing is under way. Losses go before waiting requests: power fails when it fails. */
  #next(): void {
    if (this.#current !== null || this.#lossAt >= 0) return;
    if (this.#losses.length > 0) {
      this.#lossAt = 0;
      this.#continueLoss();
      return;
    }
    const work = this.#first;
    if (work === null) return;
    this.#first = work.nextWork;
    if (this.#first === null) this.#last = null;
    work.nextWork = null;
    this.#current = work;
    const request = work.request;
    if (request.op === op.write && (request.flags & requestFlag.fua) === 0) {
      // Old content first. A write is never longer than the scratch: both end at the largest transfer.
      assert(request.length <= scratchBytes, 'a write is longer than the scratch of its write cache');
      this.#own.begin(op.read, request.offset, request.length, this.#scratch, 0, this);
      this.#device.submit(this.#own);
      return;
    }
    if (request.op === op.flush) this.#forget(0, this.#owners.length, work.cacheOwner);
    request.push(this);
    this.#device.submit(request);
  }

  onRequest(request: Request): void {
    if (request === this.#own) this.#onOwn(request.status);
    else this.#onPassed(request);
  }

  /** The old content was read, or a piece of a loss was written. */
  #onOwn(outcome: Status): void {
    if (this.#lossAt >= 0) {
      this.#continueLoss();
      return;
    }
    const work = this.#current;
    assert(work !== null, 'old content was read for nobody');
    const request = work.request;
    if (outcome !== status.ok) {
      this.#current = null;
      request.finish(outcome);
      this.#next();
      return;
    }
    const first = request.offset / this.#blockBytes;
    const count = request.length / this.#blockBytes;
    for (let index = 0; index < count; index += 1) {
      if (this.#owners[first + index] === work.cacheOwner) continue;
      const at = index * this.#blockBytes;
      this.#undo.write(this.#scratch + at, request.offset + at, this.#blockBytes);
      this.#owners[first + index] = work.cacheOwner;
    }
    request.push(this);
    this.#device.submit(request);
  }

  /** A request of the queue came back from the device. */
  #onPassed(request: Request): void {
    assert(this.#current !== null && this.#current.request === request, 'a cached request came back out of turn');
    this.#current = null;
    // Written with FUA, zeroed or discarded: durable at once. A failed one may have got anywhere: its blocks stay as
    // they were, so a loss may still bring the old content back, which a failed write allows.
    if (request.op !== op.read && request.op !== op.flush && request.status === status.ok) {
      const plain = request.op === op.write && (request.flags & requestFlag.fua) === 0;
      if (!plain) {
        const first = request.offset / this.#blockBytes;
        this.#forget(first, first + request.length / this.#blockBytes, 0);
      }
    }
    request.finish(request.status);
    this.#next();
  }

  /** Blocks from `first` to before `end` are durable now: those of `owner`, or of anybody when that is 0. */
  #forget(first: number, end: number, owner: number): void {
    if (owner === 0) {
      this.#owners.fill(0, first, end);
      return;
    }
    for (let block = first; block < end; block += 1) if (this.#owners[block] === owner) this.#owners[block] = 0;
  }

  /** Writes the next run of a lost cache's old blocks back; ends the loss when none is left. */
  #continueLoss(): void {
    const loss = this.#losses[0];
    assert(loss !== undefined, 'a loss goes on that nobody asked for');
    const most = scratchBytes / this.#blockBytes;
    const end = this.#device.geometry.sizeBytes / this.#blockBytes;
    let first = this.#lossAt;
    while (first < end && this.#owners[first] !== loss.owner) first += 1;
    if (first >= end) {
      this.#lossAt = -1;
      this.#losses.shift();
      loss.done();
      this.#next();
      return;
    }
    let count = 0;
    while (count < most && first + count < end && this.#owners[first + count] === loss.owner) count += 1;
    this.#owners.fill(0, first, first + count);
    this.#lossAt = first + count;
    const offset = first * this.#blockBytes;
    const length = count * this.#blockBytes;
    this.#undo.read(this.#scratch, offset, length);
    this.#own.begin(op.write, offset, length, this.#scratch, 0, this);
    this.#device.submit(this.#own);
  }
}
