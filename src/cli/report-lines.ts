/** Lines for people where there is no screen: one when something changes, and statistics only while there is I/O. */
import { formatCount, formatDuration, formatSize } from '../base/units.ts';
import type { DeviceView } from '../host/view.ts';
import type { Context } from './context.ts';
import { errorLines } from './exit-text.ts';
import type { Instance } from './instance.ts';
import { isBusy, type Rates, ratesBetween, type Sample } from './rates.ts';
import { statsTime } from './report-json.ts';
import type { Reporter } from './reporter.ts';
import { suggestedCommands } from './screen-layout.ts';
import { clockTime, counted, printable, table } from './text.ts';

/** A step on the way to ready is worth a line only if it takes longer, milliseconds. */
const slowStep = 2_000;

/** What is said once it serves. */
export function readyLines(instance: Instance): string[] {
  const view = instance.attachment?.view();
  const array = instance.board?.view();
  const lines: string[] = [];
  if (view !== undefined) {
    const paths = counted(view.paths.length, 'path');
    lines.push(`${view.device} is ready: ${formatSize(view.sizeBytes)} over ${paths} (${printable(view.transport)})`);
    if (view.link !== '') lines.push(`its stable name is ${printable(view.link)}`);
    lines.push(...view.notes.map((note) => `note: ${printable(note)}`));
    const columns = [{ title: '#', right: true }, { title: 'PATH' }, { title: 'STATE' }];
    lines.push(
      ...table(
        columns,
        view.paths.map((path, index) => [String(index + 1), path.id, path.state]),
      ),
    );
    if (instance.kind === 'demo') {
      lines.push('try in another terminal:', ...suggestedCommands(view.device).map((words) => `  ${words.join(' ')}`));
      lines.push(`pull and restore a port of the array: causeway array fault ${view.name} port-close 1 (port-open 1)`);
    }
  } else if (array !== undefined) {
    lines.push(`the array ${instance.name} is ready: ${array.subsystem}`);
    const columns = [{ title: 'PORT', right: true }, { title: 'ADDRESS' }, { title: 'STATE' }];
    lines.push(
      ...table(
        columns,
        array.ports.map(({ number, address, port, state }) => [String(number), `${address}:${port}`, state]),
      ),
      `attach it with: causeway attach '${array.url}'`,
    );
  }
  return lines;
}

/** One line of statistics. */
export function statsText(view: DeviceView, rates: Rates): string {
  const { waiting, waitingFor, held, gated } = view.counters;
  const parts = [
    `${formatCount(rates.reads)} reads/s ${formatSize(rates.readBytes)}/s`,
    `${formatCount(rates.writes)} writes/s ${formatSize(rates.writtenBytes)}/s`,
  ];
  if (rates.latency > 0) parts.push(`mean ${formatDuration(rates.latency / 1000)}`);
  if (waiting > 0) parts.push(`${waiting} waiting for ${formatDuration(waitingFor)}`);
  if (held > 0) parts.push(`${counted(held, 'write')} held for a fence`);
  if (gated > 0) parts.push(`${counted(gated, 'write')} waiting for a quarantine`);
  return parts.join(', ');
}

/** @param onReady more to say then: what keys do */
export function reportLines(context: Context, onReady: readonly string[] = []): Reporter {
  let instance: Instance | null = null;
  let timer: NodeJS.Timeout | undefined;
  let last: Sample | null = null;
  let slow: NodeJS.Timeout | undefined;
  const say = (at: string, text: string, canBeMissed = false): void =>
    context.stdout.line(`${clockTime(at)}  ${printable(text)}`, canBeMissed);

  const tick = (): void => {
    timer = context.after(statsTime, tick);
    const view = instance?.attachment?.view();
    if (view === undefined) return;
    const sample = { time: context.now(), view };
    if (last !== null) {
      const rates = ratesBetween(last, sample);
      if (isBusy(rates, view)) say(new Date().toISOString(), statsText(view, rates), true);
    }
    last = sample;
  };

  return {
    starting: (message) => {
      clearTimeout(slow);
      slow = context.after(slowStep, () => context.stdout.line(message));
    },
    ready: (served) => {
      clearTimeout(slow);
      instance = served;
      for (const line of [...readyLines(served), ...onReady]) context.stdout.line(line);
      tick();
    },
    event: (event) => {
      if (instance !== null && event.event !== 'ready') say(event.at, event.message);
    },
    trouble: (error) => {
      for (const line of errorLines(error, false)) context.stderr.line(line);
    },
    close: () => {
      clearTimeout(slow);
      clearTimeout(timer);
    },
  };
}
