/** What a device and its paths did per second, from two views of them. */
import type { DeviceView, PathCounters } from '../host/view.ts';

export interface Rates {
  readonly reads: number;
  readonly writes: number;
  /** Flushes, discards and write zeroes. */
  readonly others: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  /** Mean latency of the reads and writes that ended meanwhile, microseconds; 0 if there were none. */
  readonly latency: number;
  /** Of each path, in the order of the view. */
  readonly paths: readonly PathRates[];
}

export interface PathRates {
  readonly id: string;
  readonly operations: number;
  readonly bytes: number;
}

export interface Sample {
  /** Milliseconds of any monotonic clock. */
  readonly time: number;
  readonly view: DeviceView;
}

/** Rates of nothing. */
export const noRates: Rates = { reads: 0, writes: 0, others: 0, readBytes: 0, writtenBytes: 0, latency: 0, paths: [] };

function operationsOf(counters: PathCounters): number {
  return counters.reads + counters.writes + counters.others;
}

/** Counters only grow; one that does not (a path that was made anew) counts from zero. */
function grown(before: number, now: number): number {
  return now >= before ? now - before : now;
}

export function ratesBetween(before: Sample, now: Sample): Rates {
  const seconds = (now.time - before.time) / 1000;
  if (!(seconds > 0)) return noRates;
  const old = before.view.counters;
  const counters = now.view.counters;
  const reads = grown(old.reads, counters.reads);
  const writes = grown(old.writes, counters.writes);
  const othersOf = (of: typeof counters): number => of.flushes + of.discards + of.writeZeroes;
  const ended = reads + writes;
  return {
    reads: reads / seconds,
    writes: writes / seconds,
    others: grown(othersOf(old), othersOf(counters)) / seconds,
    readBytes: grown(old.readBytes, counters.readBytes) / seconds,
    writtenBytes: grown(old.writtenBytes, counters.writtenBytes) / seconds,
    latency: ended === 0 ? 0 : grown(old.latencySum, counters.latencySum) / ended,
    paths: now.view.paths.map((path) => {
      const was = before.view.paths.find((one) => one.id === path.id)?.counters;
      const operations = grown(was === undefined ? 0 : operationsOf(was), operationsOf(path.counters));
      return {
        id: path.id,
        operations: operations / seconds,
        bytes: grown(was?.bytes ?? 0, path.counters.bytes) / seconds,
      };
    }),
  };
}

/** Something was done, or is to be done. */
export function isBusy(rates: Rates, view: DeviceView): boolean {
  const { waiting, held, gated } = view.counters;
  return rates.reads + rates.writes + rates.others > 0 || waiting + held + gated > 0;
}
