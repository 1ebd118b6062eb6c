/** Statistics of all reactors as one: for people and programs. */
import { Latencies } from '../base/latencies.ts';
import { statusName } from '../block/status.ts';
import { outcomeName } from '../fabric/nvme-tcp/status.ts';
import { addOutcomes, otherOutcomes } from '../multipath/outcome-table.ts';
import {
  deviceCounter,
  deviceLatencies,
  DeviceStatistics,
  pathLatencies,
  pathOutcomes,
} from '../multipath/statistics.ts';
import type { Moment, PathHistory } from './path-history.ts';
import type { LatenciesView, LatencyView, StatisticsView } from './statistics-view.ts';
import { total } from './volume-counters.ts';

type Reactors = readonly DeviceStatistics[];

export function viewStatistics(
  reactors: Reactors,
  paths: readonly { readonly index: number; readonly id: string; readonly history: PathHistory }[],
  now: Moment,
): StatisticsView {
  const { held, everHeld, heldSum, heldMax, gated, everGated, gatedSum, gatedMax } = deviceCounter;
  return {
    latency: latencies(reactors, deviceLatencies.reads, deviceLatencies.writes),
    errors: statusName
      .map((name, index) => ({ status: name, count: total(reactors, deviceCounter.errorsByStatus + index) }))
      .filter(({ count }) => count > 0)
      .toSorted((a, b) => b.count - a.count),
    waits: {
      quarantine: wait(reactors, gated, everGated, gatedSum, gatedMax),
      held: wait(reactors, held, everHeld, heldSum, heldMax),
    },
    paths: paths.map(({ id, index, history }) => {
      const base = DeviceStatistics.pathBase(index);
      return {
        id,
        latency: latencies(reactors, base + pathLatencies.reads, base + pathLatencies.writes),
        outcomes: outcomes(reactors, base + pathOutcomes),
        history: history.view(now),
      };
    }),
  };
}

function wait(
  reactors: Reactors,
  now: number,
  ever: number,
  sum: number,
  longest: number,
): StatisticsView['waits']['held'] {
  return {
    now: total(reactors, now),
    ever: total(reactors, ever),
    total: total(reactors, sum),
    longest: Math.max(0, ...reactors.map((each) => each.get(longest))),
  };
}

function latencies(reactors: Reactors, reads: number, writes: number): LatenciesView {
  return { reads: latency(reactors, reads), writes: latency(reactors, writes) };
}

function latency(reactors: Reactors, at: number): LatencyView {
  const all = new Latencies();
  for (const { counters } of reactors) all.add(counters, at);
  const { count, sum, max, buckets } = all;
  return {
    count,
    sum,
    mean: count === 0 ? 0 : sum / count,
    p50: all.percentile(50),
    p90: all.percentile(90),
    p99: all.percentile(99),
    p999: all.percentile(99.9),
    max,
    buckets,
  };
}

function outcomes(reactors: Reactors, at: number): { outcome: string; count: number }[] {
  const counts = new Map<number, number>();
  for (const { counters } of reactors) addOutcomes(counters, at, counts);
  return [...counts]
    .map(([outcome, count]) => ({ outcome: outcome === otherOutcomes ? 'others' : outcomeName(outcome), count }))
    .toSorted((a, b) => b.count - a.count);
}
