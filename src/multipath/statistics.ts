/**
 * Counters of a device on one reactor, in shared memory of fixed size: that reactor alone writes them, anyone may read.
 * A reader may see one counter a moment before another; none is ever torn or lost.
 */
import { op, type Request } from '../block/request.ts';
import { status } from '../block/status.ts';
import type { Part } from '../fabric/contract.ts';

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
  /** Sum of the latencies of all finished reads and writes, milliseconds. */
  latencySum: 13,
  /** Longest latency of a read or write, milliseconds. */
  latencyMax: 14,
  /** Writes that wait now because a ghost may still write to their range, or because they wait to be sent again there. */
  gated: 15,
  everGated: 16,
  /** Ranges that were ever put into quarantine. */
  everQuarantined: 17,
  /** Reads that were sent on a second path besides, because the first one was slow: hedges. */
  hedges: 18,
  /** Of those: the hedge answered first; the first path did. */
  hedgesWon: 19,
  hedgesLost: 20,
  /** Reads that were due for a hedge and got none, because the budget was spent. */
  hedgesRefused: 21,
} as const;
export const deviceCounters = 24;

/** Places in the counters of a path. */
export const pathCounter = {
  reads: 0,
  writes: 1,
  others: 2,
  bytes: 3,
  errors: 4,
  inFlight: 5,
  latencySum: 6,
  latencyMax: 7,
  /** Index into `pathStateNames`. */
  state: 8,
  /** Smoothed latency of reads and writes as of the last answer, milliseconds; see selectors/smoothed-latency.ts. */
  latencyNow: 9,
  /** Hedges that were sent over it, those of them that answered first, and those that did not. */
  hedges: 10,
  hedgesWon: 11,
  hedgesLost: 12,
} as const;
export const pathCounters = 16;

/** The most paths of one device. */
export const maxPaths = 64;

export const statisticsBytes = (deviceCounters + maxPaths * pathCounters) * 8;

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
    const which =
      part.op === op.read ? pathCounter.reads : part.op === op.write ? pathCounter.writes : pathCounter.others;
    this.add(base + which, 1);
    this.add(base + pathCounter.bytes, part.length);
    this.add(base + pathCounter.latencySum, took);
    if (took > this.get(base + pathCounter.latencyMax)) counters[base + pathCounter.latencyMax] = took;
    counters[base + pathCounter.inFlight] = inFlight;
  }

  /** A request ended `took` milliseconds after it came through the door. */
  countRequest(request: Request, outcome: number, took: number): void {
    // The first counters stand in the order of the operations.
    this.add(request.op, 1);
    if (outcome !== status.ok) this.add(deviceCounter.errors, 1);
    if (request.op !== op.read && request.op !== op.write) return;
    this.add(request.op === op.read ? deviceCounter.readBytes : deviceCounter.writtenBytes, request.length);
    this.add(deviceCounter.latencySum, took);
    if (took > this.get(deviceCounter.latencyMax)) this.counters[deviceCounter.latencyMax] = took;
  }

  /** Where the counters of the path with this index begin. */
  static pathBase(index: number): number {
    return deviceCounters + index * pathCounters;
  }
}
