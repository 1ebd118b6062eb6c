/**
 * Counters of a device on one reactor, in shared memory of fixed size: that reactor alone writes them, anyone may read.
 * A reader may see one counter a moment before another; none is ever torn or lost.
 *
 * The device has 2 KiB and each path has 2 KiB, of which 848 bytes are the latencies of its reads and as many those of its
 * writes. With room for 64 paths that is 130 KiB a device and reactor, of which what is never touched takes no memory:
 * the kernel gives a page when the first path in it comes. 1024 devices with 4 paths each on two reactors take 24 MiB;
 * with 64 paths each they take 260 MiB. To count costs about 12 ns a part and 7 ns a request (bench/statistics-cost.ts).
 */
import { assert } from '../base/assert.ts';
import { latencyWords, recordLatency } from '../base/latencies.ts';
import { op, type Request } from '../block/request.ts';
import { status, statusName } from '../block/status.ts';
import { type Part, verdict } from '../fabric/contract.ts';
import { countOutcome, outcomeWords } from './outcome-table.ts';

/** Places in the counters of a device. */
export const deviceCounter = {
  reads: 0,
  writes: 1,
  flushes: 2,
  discards: 3,
  writeZeroes: 4,
  readBytes: 5,
  writtenBytes: 6,
  errors: 7,
  /** Parts sent again on another path (or the same one, later). */
  retries: 8,
  /** Requests that wait now because no path lives, or none has room. */
  waiting: 9,
  /** Since when (reactor clock, ms) requests have been waiting for a path; 0 = nobody waits. */
  waitingSince: 10,
  /** Writes of unknown outcome that are held now until their controller is fenced. */
  held: 11,
  /** Writes that were ever held. */
  everHeld: 12,
  /** How long those were held that are no longer, milliseconds: all together, and the longest. */
  heldSum: 13,
  heldMax: 14,
  /** Writes that wait now because a ghost may still write to their range, or because they wait to be sent again there. */
  gated: 15,
  everGated: 16,
  /** How long those waited that no longer do, milliseconds: all together, and the longest. */
  gatedSum: 17,
  gatedMax: 18,
  /** Ranges that were ever put into quarantine. */
  everQuarantined: 19,
  /** Reads that were sent on a second path besides, because the first one was slow: hedges. */
  hedges: 20,
  /** Of those: the hedge answered first; the first path did. */
  hedgesWon: 21,
  hedgesLost: 22,
  /** Reads that were due for a hedge and got none, because the budget was spent. */
  hedgesRefused: 23,
  /** Requests that failed, by block status: this place and those that follow, in the order of the statuses. */
  errorsByStatus: 24,
} as const;
const deviceCounters = 44;

/** Places in the counters of a path. */
export const pathCounter = {
  /** Parts that came back over it, those that failed included, and the bytes that they were for. */
  reads: 0,
  writes: 1,
  others: 2,
  readBytes: 3,
  writtenBytes: 4,
  otherBytes: 5,
  errors: 6,
  /** Parts that came back over it and had to be sent again, there or elsewhere. */
  retries: 7,
  inFlight: 8,
  /** Of the parts that neither read nor wrote, milliseconds: all together, and the longest. */
  otherLatencySum: 9,
  otherLatencyMax: 10,
  /** Index into `pathStateNames`. */
  state: 11,
  /** Smoothed latency of reads and writes as of the last answer, milliseconds; see selectors/smoothed-latency.ts. */
  latencyNow: 12,
  /** Hedges that were sent over it, those of them that answered first, and those that did not. */
  hedges: 13,
  hedgesWon: 14,
  hedgesLost: 15,
} as const;
const pathCounters = 20;

/** What stands behind the counters of a device, and of a path: latencies of reads, then of writes; outcomes. */
export const deviceLatencies = { reads: deviceCounters, writes: deviceCounters + latencyWords } as const;
export const pathLatencies = { reads: pathCounters, writes: pathCounters + latencyWords } as const;
export const pathOutcomes = pathCounters + latencyWords * 2;

const deviceWords = deviceCounters + latencyWords * 2;
const pathWords = pathOutcomes + outcomeWords;
assert(deviceWords === 256 && pathWords === 256, 'device and path have 2 KiB each');
assert(deviceCounter.errorsByStatus + statusName.length <= deviceCounters, 'each status has a counter');

/** The most paths of one device. */
export const maxPaths = 64;

export const statisticsBytes = (deviceWords + maxPaths * pathWords) * 8;

/** Reads and writes are counted apart from each other, the rest together: by place in counters and latencies. */
const others = 2;
assert(op.read === 0 && op.write === 1, 'reads are counted in the first place, writes in the second');

/** The counters of one device on one reactor. */
export class DeviceStatistics {
  readonly counters: Float64Array;

  /** On shared memory of `statisticsBytes`, or on memory of its own. */
  constructor(buffer: SharedArrayBuffer | ArrayBuffer = new ArrayBuffer(statisticsBytes)) {
    this.counters = new Float64Array(buffer);
  }

  add(counter: number, amount: number): void {
    this.counters[counter] = this.counters[counter]! + amount;
  }

  set(counter: number, value: number): void {
    this.counters[counter] = value;
  }

  get(counter: number): number {
    return this.counters[counter]!;
  }

  /** A part came back after `took` milliseconds over the path whose counters begin at `base`. */
  countPart(part: Part, base: number, took: number, inFlight: number): void {
    const { counters } = this;
    const kind = part.op < others ? part.op : others;
    this.add(base + pathCounter.reads + kind, 1);
    this.add(base + pathCounter.readBytes + kind, part.length);
    if (kind === others) this.#addTime(base + pathCounter.otherLatencySum, took);
    else recordLatency(counters, base + pathLatencies.reads + kind * latencyWords, took);
    counters[base + pathCounter.inFlight] = inFlight;
    if (part.verdict === verdict.ok) return;
    this.add(base + pathCounter.errors, 1);
    countOutcome(counters, base + pathOutcomes, part.outcome);
  }

  /** A part that failed there has to be sent again. */
  countRetry(base: number): void {
    this.add(base + pathCounter.retries, 1);
    this.add(deviceCounter.retries, 1);
  }

  /** A write of unknown outcome is held until a fence, from `now` on. */
  beginHold(part: Part, now: number): void {
    part.waitsSince = now;
    this.add(deviceCounter.held, 1);
    this.add(deviceCounter.everHeld, 1);
  }

  endHold(part: Part, now: number): void {
    this.add(deviceCounter.held, -1);
    this.#endWait(part, deviceCounter.heldSum, now);
  }

  /** A write may not be sent because of a ghost. It may be told so again and again; that is one wait. */
  beginGated(part: Part, now: number): void {
    if (part.waitsSince >= 0) return;
    part.waitsSince = now;
    this.add(deviceCounter.everGated, 1);
  }

  /** It is sent, or ended. */
  endGated(part: Part, now: number): void {
    if (part.waitsSince >= 0) this.#endWait(part, deviceCounter.gatedSum, now);
  }

  #endWait(part: Part, sum: number, now: number): void {
    this.#addTime(sum, now - part.waitsSince);
    part.waitsSince = -1;
  }

  /** A request ended `took` milliseconds after it came through the door. */
  countRequest(request: Request, outcome: number, took: number): void {
    // The first counters stand in the order of the operations.
    this.add(request.op, 1);
    if (outcome !== status.ok) {
      this.add(deviceCounter.errors, 1);
      this.add(deviceCounter.errorsByStatus + outcome, 1);
    }
    if (request.op >= others) return;
    this.add(deviceCounter.readBytes + request.op, request.length);
    recordLatency(this.counters, deviceLatencies.reads + request.op * latencyWords, took);
  }

  /** To a sum of times and to the longest of them, which stands behind it. */
  #addTime(sum: number, milliseconds: number): void {
    this.add(sum, milliseconds);
    if (milliseconds > this.get(sum + 1)) this.set(sum + 1, milliseconds);
  }

  /** Nothing is known of the path with this index. */
  forgetPath(index: number): void {
    const base = DeviceStatistics.pathBase(index);
    this.counters.fill(0, base, base + pathCounters);
  }

  /** Where the counters of the path with this index begin. */
  static pathBase(index: number): number {
    return deviceWords + index * pathWords;
  }
}
