/**
 * What people and programs see of the statistics of a device, beside its counters (view.ts): plain data. Names and
 * meanings are stable; fields are only ever added.
 */
import type { LatencyBucket } from '../base/latencies.ts';
import type { PathHistoryView } from './path-history.ts';

/** Latencies of finished reads or writes since attach, failed ones included; microseconds. */
export interface LatencyView {
  readonly count: number;
  readonly sum: number;
  readonly mean: number;
  /** Half of them, 90 %, 99 %, 99.9 % took no longer; at most a quarter too large. */
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** Those that are not empty, from short to long; `count` of all buckets adds up to `count` above. */
  readonly buckets: readonly LatencyBucket[];
}

export interface LatenciesView {
  readonly reads: LatencyView;
  readonly writes: LatencyView;
}

/** How long writes waited that no longer do, milliseconds. */
export interface WaitView {
  /** Writes that wait now, and that ever waited. */
  readonly now: number;
  readonly ever: number;
  readonly total: number;
  readonly longest: number;
}

export interface PathStatisticsView {
  readonly id: string;
  /** From sending a command to its answer. */
  readonly latency: LatenciesView;
  /** Commands that failed, by how they ended, most frequent first; `others` stands for those beyond the first eleven. */
  readonly outcomes: readonly { readonly outcome: string; readonly count: number }[];
  readonly history: PathHistoryView;
}

export interface StatisticsView {
  /** From the kernel device's request to its answer, with all waiting and sending again. */
  readonly latency: LatenciesView;
  /** Requests that failed, by block status, most frequent first. */
  readonly errors: readonly { readonly status: string; readonly count: number }[];
  readonly waits: {
    /** Writes kept from a range in quarantine. */
    readonly quarantine: WaitView;
    /** Writes of unknown outcome, held until the lost controller is fenced. */
    readonly held: WaitView;
  };
  /** In the order of the device's paths. */
  readonly paths: readonly PathStatisticsView[];
}
