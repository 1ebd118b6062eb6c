/** One JSON object a line: `ready` first, then what happens, and now and then what is done. */
import { codedError } from './exit-text.ts';
import type { Context } from './context.ts';
import type { Instance } from './instance.ts';
import { isBusy, noRates, type Rates, type Sample, ratesBetween } from './rates.ts';
import type { ReportedEvent, Reporter } from './reporter.ts';

/** Between two lines of statistics, milliseconds. */
export const statsTime = 5_000;

/** What `ready` says of an instance. For a device these keys and no others: scripts are written against them. */
export function readyLine(instance: Instance): string {
  const { name, attachment, board } = instance;
  if (attachment !== null) {
    const { device, paths } = attachment.view();
    return JSON.stringify({ event: 'ready', name, device, paths: paths.map(({ id, state }) => ({ id, state })) });
  }
  return JSON.stringify({ event: 'ready', name, ...board?.view() });
}

/** The line of statistics: per second, since the last one. */
export function statsLine(sample: Sample, rates: Rates, at: string): string {
  const { name, counters, paths } = sample.view;
  return JSON.stringify({
    event: 'stats',
    at,
    device: name,
    reads: round(rates.reads),
    writes: round(rates.writes),
    others: round(rates.others),
    readBytes: round(rates.readBytes),
    writtenBytes: round(rates.writtenBytes),
    latency: round(rates.latency),
    inFlight: paths.reduce((sum, path) => sum + path.counters.inFlight, 0),
    waiting: counters.waiting,
    held: counters.held,
    gated: counters.gated,
    quarantined: counters.quarantined,
    errors: counters.errors,
    paths: paths.map(({ id, state }, index) => ({ id, state, iops: round(rates.paths[index]?.operations ?? 0) })),
  });
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

export function reportJson(context: Context): Reporter {
  let instance: Instance | null = null;
  let timer: NodeJS.Timeout | undefined;
  let last: Sample | null = null;

  const tick = (): void => {
    timer = context.after(statsTime, tick);
    const view = instance?.attachment?.view();
    if (view === undefined) return;
    const sample = { time: context.now(), view };
    const rates = last === null ? noRates : ratesBetween(last, sample);
    last = sample;
    if (isBusy(rates, view)) context.stdout.line(statsLine(sample, rates, new Date().toISOString()), true);
  };

  return {
    // Nothing comes before `ready`.
    starting: () => undefined,
    ready: (served) => {
      instance = served;
      context.stdout.line(readyLine(served));
      tick();
    },
    event: (event: ReportedEvent) => {
      if (instance !== null && event.event !== 'ready') context.stdout.line(JSON.stringify(event));
    },
    trouble: (error) => {
      const { code, message, hint } = codedError(error);
      context.stdout.line(JSON.stringify({ event: 'trouble', code, message, hint }));
    },
    close: () => clearTimeout(timer),
  };
}
