/**
 * Hedged reads. A read that is not answered in time is sent a second time, over a path of another controller, and the first
 * answer wins. Both are reads, so whichever is executed when, and however often, changes nothing; and both were begun while
 * the request was under way, so either answer shows what the block held at some moment of it.
 *
 * The first copy receives into the request's own payload, the hedge into a buffer of ours. If the hedge wins, the request may
 * be answered only when nothing can write to its payload any more: whoever issued it uses that memory for something else at
 * once. So the first copy is *detached* first (`NativePath.detach`), which may take a moment if a receive is under way; then
 * the data is copied, and the first copy's command goes on as a *stray* that nobody waits for, until it is answered or its
 * path is given up: it keeps its part, as a part is free only when its path gave it back.
 *
 * Each read under way has a role:
 *
 *     alone ──sent a second time──► hedged, with its hedge
 *     hedged is answered first, or fails for good  ► decides; the hedge becomes a stray
 *     hedged fails and would be sent again         ► goes; the hedge becomes its heir and decides, or is sent again itself
 *     hedge is answered first                      ► hedged is detached, at once or as `leaving`; then the hedge decides
 *     hedge fails                                  ► goes; hedged is alone again
 *
 * Hedges are bounded: a credit grows by a share with every read that is sent, and each hedge costs one. Reads of a suspect
 * path are free, as they are retries rather than bets: nothing comes back over it.
 */
import { assert } from '../base/assert.ts';
import { op } from '../block/request.ts';
import { type NativePath, type Part, verdict } from '../fabric/contract.ts';
import type { Io } from '../io/contract.ts';
import { HedgeBuffers } from './hedge-buffers.ts';
import { HedgeDelay } from './hedge-delay.ts';
import { partLength } from './part-length.ts';
import type { PathSet } from './path-set.ts';
import { deviceCounter, DeviceStatistics, pathCounter } from './statistics.ts';

export interface HedgeOptions {
  /** Of 100 reads, how many may be sent a second time at most; 0: none (5). */
  readonly hedgeShare?: number;
  /** Milliseconds after which a read is; 0: follows what reads take (default). */
  readonly hedgeAfter?: number;
}

export const defaultHedgeShare = 5;

/** Credit that can be saved: what lies on one path when it dies is covered, whatever the load was. */
const mostCredit = 64;
/** Hedges, and strays of them, at once. */
const mostHedges = 128;
/** Between two looks, milliseconds, at least. */
const leastPause = 1;

const role = {
  none: 0,
  alone: 1,
  hedged: 2,
  hedge: 3,
  heir: 4,
  leaving: 5,
  winner: 6,
  strayRead: 7,
  strayHedge: 8,
} as const;

/** The device, as far as hedging needs it. */
export interface HedgeHost {
  readonly paths: PathSet;
  /** A part for a second copy of this one; null if there is none. */
  copyOf(part: Part): Part | null;
  send(part: Part, path: NativePath, index: number): void;
  /** The part is nobody's any more. */
  recycle(part: Part): void;
  /** The part's read was answered well. */
  succeeded(part: Part): void;
}

export class Hedger {
  readonly #io: Io;
  readonly #host: HedgeHost;
  readonly #statistics: DeviceStatistics;
  readonly #buffers: HedgeBuffers;
  readonly #delay = new HedgeDelay();
  #share = Number.NaN; // starts as a double, so that the field's representation never changes
  #credit = Number.NaN;
  /** By the part's index. */
  readonly #roles: Uint8Array;
  /** Since when it counts as waiting, milliseconds of the reactor's clock. */
  readonly #since: Float64Array;
  /** The other one of the two. */
  readonly #partners: (Part | null)[];
  /** Of a hedge: the payload of its read. */
  readonly #payloads: Int32Array;
  readonly #parts: readonly Part[];
  /** Reads under way, copies and strays included. */
  #reads = 0;
  #hedges = 0;
  /** When the next look is due; 0: nothing is under way that would need one. */
  #nextAt = Number.NaN;
  /** Waiting counts from here at the earliest: moved by our own stalls. */
  #judgeFrom = Number.NaN;

  /** @param parts all parts of the device, by their index */
  constructor(io: Io, host: HedgeHost, options: HedgeOptions, parts: readonly Part[], statistics: DeviceStatistics) {
    this.#io = io;
    this.#host = host;
    this.#statistics = statistics;
    this.#parts = parts;
    this.#buffers = new HedgeBuffers(io.memory);
    this.#roles = new Uint8Array(parts.length);
    this.#since = new Float64Array(parts.length);
    this.#partners = new Array<Part | null>(parts.length).fill(null);
    this.#payloads = new Int32Array(parts.length);
    this.#nextAt = 0;
    this.#judgeFrom = 0;
    this.#credit = mostCredit;
    this.#share = 0;
    this.options = options;
  }

  /** At any time; what is under way goes on. */
  set options({ hedgeShare, hedgeAfter }: HedgeOptions) {
    this.#share = (hedgeShare ?? defaultHedgeShare) / 100;
    this.#delay.fixed = hedgeAfter ?? 0;
  }

  /** After how long a read is sent a second time now, milliseconds; 0: none is. */
  get delay(): number {
    return this.#isOn ? this.#delay.now : 0;
  }

  get #isOn(): boolean {
    return this.#share > 0 && this.#host.paths.mayHedge;
  }

  // --- The data path ------------------------------------------------------------------------------------------------

  /**
   * A read was given to its path. Returns when `look` has to be called because of that, 0 if it is called anyway or need
   * not be.
   */
  sent(part: Part): number {
    const { index, startedAt } = part;
    this.#roles[index] = role.alone;
    this.#since[index] = startedAt;
    this.#reads += 1;
    const credit = this.#credit + this.#share;
    this.#credit = credit < mostCredit ? credit : mostCredit;
    if (this.#nextAt !== 0 || !this.#isOn) return 0;
    this.#nextAt = startedAt + this.#delay.now;
    return this.#nextAt;
  }

  /** A read came back. False: there is nothing more to be done about it; true: it is to be decided by its outcome. */
  returned(part: Part): boolean {
    const { index } = part;
    const was = this.#roles[index]!;
    this.#roles[index] = role.none;
    this.#reads -= 1;
    if (was !== role.alone) return this.#returned(part, was);
    if (part.verdict === verdict.ok) this.#delay.heard(this.#io.clock.now() - part.startedAt);
    return true;
  }

  // --- Control ------------------------------------------------------------------------------------------------------

  #returned(part: Part, was: number): boolean {
    switch (was) {
      case role.hedged:
        return this.#readCameFirst(part);
      case role.hedge:
        return this.#hedgeCameFirst(part);
      case role.heir:
        if (part.verdict === verdict.ok) {
          this.#count(part, deviceCounter.hedgesWon, pathCounter.hedgesWon);
          this.#deliver(part);
        } else {
          part.buffer = this.#takeBufferFrom(part);
        }
        return true;
      default:
        assert(was === role.strayRead || was === role.strayHedge, 'a read came back before it was detached');
        if (was === role.strayHedge) this.#takeBufferFrom(part);
        this.#host.recycle(part);
        return false;
    }
  }

  #readCameFirst(part: Part): boolean {
    const hedge = this.#partner(part);
    this.#partners[hedge.index] = null;
    if ((part.verdict & (verdict.retryElsewhere | verdict.retryHere)) !== 0) {
      // It would be sent again; it was already.
      this.#roles[hedge.index] = role.heir;
      this.#host.recycle(part);
      return false;
    }
    this.#count(hedge, deviceCounter.hedgesLost, pathCounter.hedgesLost);
    if (part.verdict === verdict.ok) this.#delay.heard(this.#io.clock.now() - part.startedAt);
    this.#roles[hedge.index] = role.strayHedge;
    return true;
  }

  #hedgeCameFirst(hedge: Part): boolean {
    const part = this.#partner(hedge);
    if (hedge.verdict !== verdict.ok) {
      this.#partners[part.index] = null;
      this.#roles[part.index] = role.alone;
      this.#since[part.index] = this.#io.clock.now();
      this.#takeBufferFrom(hedge);
      this.#host.recycle(hedge);
      return false;
    }
    this.#count(hedge, deviceCounter.hedgesWon, pathCounter.hedgesWon);
    this.#delay.heard(this.#io.clock.now() - part.startedAt);
    if (part.path!.detach(part)) {
      this.#letStray(part);
      this.#deliver(hedge);
      return true;
    }
    this.#roles[part.index] = role.leaving;
    this.#roles[hedge.index] = role.winner;
    return false;
  }

  /** Nothing refers to the payload of this read any more. */
  onDetached(part: Part): void {
    assert(this.#roles[part.index] === role.leaving, 'a read was detached that nobody wanted to be');
    const hedge = this.#partner(part);
    this.#letStray(part);
    this.#roles[hedge.index] = role.none;
    this.#deliver(hedge);
    this.#host.succeeded(hedge);
  }

  #letStray(part: Part): void {
    this.#roles[part.index] = role.strayRead;
    this.#partners[part.index] = null;
    part.request = null;
  }

  /** Gives the hedge's data to the request. */
  #deliver(hedge: Part): void {
    this.#io.memory.copy(this.#payloads[hedge.index]!, hedge.buffer, hedge.length);
    this.#takeBufferFrom(hedge);
  }

  /** The hedge needs its buffer no more; returns the payload of its read. */
  #takeBufferFrom(hedge: Part): number {
    this.#hedges -= 1;
    this.#partners[hedge.index] = null;
    this.#buffers.give(hedge.buffer, hedge.length);
    return this.#payloads[hedge.index]!;
  }

  #partner(part: Part): Part {
    const partner = this.#partners[part.index];
    assert(partner !== null && partner !== undefined, 'one of two copies has lost the other');
    return partner;
  }

  #count(hedge: Part, device: number, path: number): void {
    this.#statistics.add(device, 1);
    this.#statistics.add(DeviceStatistics.pathBase(hedge.pathIndex) + path, 1);
  }

  /** Sends what waited too long a second time; returns when to look again, Infinity if nothing needs it. */
  look(now: number): number {
    if (this.#nextAt === 0) return Number.POSITIVE_INFINITY;
    if (now < this.#nextAt) return this.#nextAt;
    const delay = this.#delay.now;
    // We ourselves stood still: answers may be here that nobody has looked at.
    if (now - this.#nextAt > delay) this.#judgeFrom = now;
    this.#nextAt = 0;
    if (this.#reads === 0 || !this.#isOn) return Number.POSITIVE_INFINITY;
    let oldest = now;
    for (let index = 0; index < this.#roles.length; index += 1) {
      if (this.#roles[index] !== role.alone) continue;
      const since = Math.max(this.#since[index]!, this.#judgeFrom);
      if (now - since >= delay) this.#hedge(this.#parts[index]!, now);
      else if (since < oldest) oldest = since;
    }
    this.#nextAt = Math.max(oldest + delay, now + leastPause);
    return this.#nextAt;
  }

  #hedge(part: Part, now: number): void {
    // If it comes to nothing it has to wait as long again.
    this.#since[part.index] = now;
    const { paths } = this.#host;
    const index = paths.other(part.pathIndex);
    if (index === -1) return;
    const { path } = paths.member(index);
    if (partLength(path, op.read, part.offset, part.length) < part.length) return;
    const isFree = paths.member(part.pathIndex).suspect;
    const hedge = (isFree || this.#credit >= 1) && this.#hedges < mostHedges ? this.#make(part) : null;
    if (hedge === null) {
      this.#statistics.add(deviceCounter.hedgesRefused, 1);
      return;
    }
    if (!isFree) this.#credit -= 1;
    this.#hedges += 1;
    this.#host.send(hedge, path, index);
    this.#roles[part.index] = role.hedged;
    this.#roles[hedge.index] = role.hedge;
    this.#partners[part.index] = hedge;
    this.#partners[hedge.index] = part;
    this.#count(hedge, deviceCounter.hedges, pathCounter.hedges);
  }

  /** A second copy of the part with a buffer of its own; null if there is no room. */
  #make(part: Part): Part | null {
    const buffer = this.#buffers.take(part.length);
    if (buffer === -1) return null;
    const hedge = this.#host.copyOf(part);
    if (hedge === null) {
      this.#buffers.give(buffer, part.length);
      return null;
    }
    hedge.offset = part.offset;
    hedge.length = part.length;
    hedge.buffer = buffer;
    this.#payloads[hedge.index] = part.buffer;
    return hedge;
  }

  /** The device is closed; what is still under way comes back to it all the same. */
  close(): void {
    this.#buffers.close();
  }
}
