/** The screen: draws what layoutScreen makes of the latest view, again and again, and turns keys into deeds. */
import type { CausewayError } from '../base/errors.ts';
import { layoutArray } from './array-layout.ts';
import type { Context } from './context.ts';
import { errorLines } from './exit-text.ts';
import type { Instance } from './instance.ts';
import { type KeyDeeds, watchKeys } from './key-deeds.ts';
import { noRates, type Rates, ratesBetween, type Sample } from './rates.ts';
import type { ReportedEvent, Reporter } from './reporter.ts';
import { layoutScreen, type ScreenState } from './screen-layout.ts';
import { fit, type Line, plain } from './style.ts';
import type { Terminal } from './terminal.ts';
import { printable } from './text.ts';

/** Between two frames, milliseconds; rates are of the last few of them. */
const frameTime = 500;
const samplesKept = 5;
const eventsKept = 100;

export function reportScreen(context: Context, terminal: Terminal, end: () => void): Reporter {
  const begun = context.now();
  const events: { at: string; message: string }[] = [];
  const samples: Sample[] = [];
  let instance: Instance | null = null;
  let starting = '';
  let alert = '';
  let keys: KeyDeeds | null = null;
  let readyAt = begun;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  /** The device is gone: the last picture of it stays until the terminal is given back. */
  let frozen = false;

  const note = (at: string, message: string): void => {
    events.push({ at, message });
    if (events.length > eventsKept) events.shift();
  };
  const layout = (columns: number, rows: number): readonly Line[] => {
    const help = keys?.help ?? 'Ctrl-C ends it';
    const view = instance?.attachment?.view();
    if (instance !== null && view !== undefined) {
      const { board, name } = instance;
      const state: ScreenState = {
        title: `causeway ${name}`,
        view,
        rates: ratesOf(samples),
        ports: view.paths.map((path) => board?.stateOf(path.id) ?? null),
        events,
        keys: help,
        alert,
        uptime: context.now() - readyAt,
      };
      return layoutScreen(state, columns, rows);
    }
    const array = instance?.board?.view();
    if (array === undefined) return [plain(''), plain(`  ${printable(starting)}`)].map((line) => fit(line, columns));
    return layoutArray({ title: `array ${instance?.name ?? ''}`, view: array, events, keys: help }, columns, rows);
  };
  const draw = (): void => {
    if (!closed && !frozen) terminal.draw(layout(terminal.columns, terminal.rows));
  };
  const tick = (): void => {
    timer = context.after(frameTime, tick);
    const view = instance?.attachment?.view();
    if (view !== undefined) {
      samples.push({ time: context.now(), view });
      if (samples.length > samplesKept) samples.shift();
    }
    draw();
  };
  const trouble = (error: CausewayError): void => {
    note(new Date().toISOString(), errorLines(error, false)[0] ?? '');
    draw();
  };
  terminal.onResize(draw);

  return {
    starting: (message) => {
      starting = message;
      draw();
    },
    ready: (served) => {
      instance = served;
      readyAt = context.now();
      for (const message of served.attachment?.view().notes ?? []) note(new Date().toISOString(), message);
      keys = watchKeys(terminal, served, { end, changed: draw, trouble });
      tick();
    },
    event: (event: ReportedEvent) => {
      if (event.event === 'ready') return;
      if (event.event === 'in-use') alert = event.message;
      if (event.event === 'detached') frozen = true;
      note(event.at, event.message);
      draw();
    },
    trouble,
    close: () => {
      if (closed) return;
      closed = true;
      clearTimeout(timer);
      terminal.close();
      // What was seen last on the screen is gone with it: the end is told on the terminal as it was before.
      for (const event of events.slice(-3)) context.stdout.line(printable(event.message));
    },
  };
}

function ratesOf(samples: readonly Sample[]): Rates {
  const [first] = samples;
  const last = samples.at(-1);
  return first === undefined || last === undefined || first === last ? noRates : ratesBetween(first, last);
}
