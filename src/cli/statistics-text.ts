/** Statistics of a device for people: latencies, what came back over each path, and how paths came and went. */
import { formatCount, formatDuration, formatSize } from '../base/units.ts';
import type { PathStatisticsView, StatisticsView, WaitView } from '../host/statistics-view.ts';
import type { PathView } from '../host/view.ts';
import { counted, printable, table } from './text.ts';

/** Microseconds for people; nothing has happened where it is 0. */
export function latencyText(microseconds: number): string {
  return microseconds > 0 ? formatDuration(microseconds / 1000) : '–';
}

/** `2 medium-error, 1 timed-out`. */
function kinds(counts: readonly (readonly [kind: string, count: number])[]): string {
  return counts.map(([kind, count]) => `${formatCount(count)} ${kind}`).join(', ');
}

/** The failed requests by status, in parentheses; empty if there is none. */
export function errorKinds({ errors }: StatisticsView): string {
  return errors.length === 0 ? '' : ` (${kinds(errors.map(({ status, count }) => [status, count]))})`;
}

/** How long those waited that no longer do; empty if there is none. */
export function waitText({ now, ever, total, longest }: WaitView): string {
  if (ever === now) return '';
  return `; waited ${formatDuration(total)} in all, ${formatDuration(longest)} at most`;
}

/** A row for the reads and one for the writes of the device, then those of each path, where there were some. */
export function latencyTable({ latency, paths }: StatisticsView): string[] {
  const columns = [
    { title: 'LATENCY OF' },
    { title: 'I/O' },
    ...['COUNT', 'MEAN', 'P50', 'P90', 'P99', 'P99.9', 'MAX'].map((title) => ({ title, right: true })),
  ];
  const all = [{ id: 'device', latency }, ...paths].flatMap(({ id, latency: { reads, writes } }) => [
    { id, what: 'reads', view: reads },
    { id, what: 'writes', view: writes },
  ]);
  const rows = all
    .filter(({ view }) => view.count > 0)
    .map(({ id, what, view: { count, mean, p50, p90, p99, p999, max } }) =>
      [id, what, formatCount(count)].concat([mean, p50, p90, p99, p999, max].map(latencyText)),
    );
  return rows.length === 0 ? [] : table(columns, rows);
}

/** What was carried over each path, and how it failed there. */
export function trafficTable(paths: readonly PathView[], statistics: StatisticsView): string[] {
  const columns = [
    { title: '#', right: true },
    { title: 'PATH' },
    { title: 'READ', right: true },
    { title: 'WRITTEN', right: true },
    { title: 'SENT AGAIN', right: true },
    { title: 'HEDGES', right: true },
    { title: 'WON', right: true },
    { title: 'FAILURES' },
  ];
  return table(
    columns,
    paths.map(({ id, counters }, index) => [
      String(index + 1),
      id,
      formatSize(counters.readBytes),
      formatSize(counters.writtenBytes),
      formatCount(counters.retries),
      formatCount(counters.hedges),
      formatCount(counters.hedgesWon),
      kinds((statistics.paths[index]?.outcomes ?? []).map(({ outcome, count }) => [outcome, count])),
    ]),
  );
}

/** The last states of a path, the newest at the end, and how long it has been in each of all. */
export function historyText({ id, history }: PathStatisticsView): string[] {
  const { changes, last, losses, time } = history;
  const times = Object.entries(time)
    .toSorted((a, b) => b[1] - a[1])
    .map(([state, milliseconds]) => `${state} ${formatDuration(milliseconds)}`);
  const heading = `${id}: lost ${counted(losses, 'time')}, ${counted(changes, 'change')} of state; ${times.join(', ')}`;
  const columns = [{ title: 'SINCE' }, { title: 'STATE' }, { title: 'FOR', right: true }, { title: 'REASON' }];
  const rows = last.map(({ at, state, lasted, reason }) => [at, state, formatDuration(lasted), reason]);
  return [printable(heading), ...table(columns, rows).map((line) => `  ${line}`)];
}
