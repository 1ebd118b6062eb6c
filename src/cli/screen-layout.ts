/** The screen of a served device: from what is known to lines of text, for any size of terminal. Draws nothing. */
import { formatCount, formatDuration, formatSize } from '../base/units.ts';
import type { PortState } from '../demo/array-thread.ts';
import type { DeviceView, PathView } from '../host/view.ts';
import { pathRank, type PathState } from '../multipath/state.ts';
import type { PathRates, Rates } from './rates.ts';
import { fit, type Line, plain, type Span, span, type Style } from './style.ts';
import { clockTime, counted, printable, wrapCommand } from './text.ts';

export interface ScreenState {
  readonly title: string;
  readonly view: DeviceView;
  readonly rates: Rates;
  /** Of the path with the same index; null where the array is not ours. */
  readonly ports: readonly (PortState | null)[];
  /** Oldest first. */
  readonly events: readonly { readonly at: string; readonly message: string }[];
  /** What the keys do now. */
  readonly keys: string;
  /** Something that is to be seen above all else: an end that waits for holders. Empty for nothing. */
  readonly alert: string;
  /** Milliseconds since it serves. */
  readonly uptime: number;
}

/** Below this width some columns are left out, and below `narrow` most. */
const medium = 76;
const narrow = 56;
/** From here on there is room for reasons. */
const wide = 96;

export function layoutScreen(state: ScreenState, columns: number, rows: number): Line[] {
  const head = [...heading(state, columns), plain('')];
  const alert = state.alert === '' ? [] : [[span(printable(state.alert), 'yellow')], plain('')];
  const paths = pathTable(state, columns);
  const keys = [[span(state.keys, 'dim')]];
  const tries = [plain(''), ...suggestions(state.view, columns)];
  const events = eventLines(state, Number.POSITIVE_INFINITY);

  // What matters least gives way first: commands to try, then older events, then paths beyond the screen.
  const fixed = head.length + alert.length + keys.length + 1;
  const pathLines = limited(paths, Math.max(2, rows - fixed));
  let room = rows - fixed - pathLines.length;
  const tryLines = room - tries.length >= Math.min(events.length, 4) + 1 ? tries : [];
  room -= tryLines.length;
  const eventPart = room >= 2 ? [plain(''), ...eventLines(state, room - 1)] : [];
  const used = fixed + pathLines.length + eventPart.length + tryLines.length;
  const filler = Array.from({ length: Math.max(0, rows - used) }, () => plain(''));
  const lines = [...head, ...alert, ...pathLines, ...eventPart, ...filler, ...tryLines, plain(''), ...keys];
  return lines.slice(0, Math.max(1, rows)).map((line) => fit(line, columns));
}

function heading(state: ScreenState, columns: number): Line[] {
  const { view, rates, uptime } = state;
  const live = view.paths.filter((path) => pathRank(path.state) > 0).length;
  const health: Style = live === 0 ? 'red' : live < view.paths.length ? 'yellow' : 'green';
  const total = rates.reads + rates.writes;
  const { waiting, waitingFor, held, gated } = view.counters;
  const inFlight = view.paths.reduce((sum, path) => sum + path.counters.inFlight, 0);
  const latency = rates.latency > 0 ? formatDuration(rates.latency / 1000) : '–';
  const isWide = columns >= medium;
  const split = (reads: string, writes: string): string => (isWide ? `  (read ${reads}, write ${writes})` : '');
  const first: Span[] = [
    span(state.title, 'bold'),
    span('  '),
    span(view.device === '' ? view.state : view.device, 'cyan'),
    span(columns >= narrow ? `  ${formatSize(view.sizeBytes)}  ` : '  '),
    span(`${live} of ${columns >= narrow ? counted(view.paths.length, 'path') : view.paths.length} live`, health),
  ];
  if (isWide)
    first.push(span(`  up ${uptime < 60_000 ? `${Math.floor(uptime / 1000)} s` : formatDuration(uptime)}`, 'dim'));
  return [
    first,
    ...(isWide ? [[span(`${printable(view.transport)}  ${view.selector}  ${printable(view.model)}`, 'dim')]] : []),
    plain(''),
    [
      span('I/O per second  ', 'dim'),
      span(formatCount(total).padEnd(10), 'bold'),
      span(split(formatCount(rates.reads), formatCount(rates.writes))),
    ],
    [
      span('throughput      ', 'dim'),
      span(`${formatSize(rates.readBytes + rates.writtenBytes)}/s`.padEnd(10), 'bold'),
      span(split(`${formatSize(rates.readBytes)}/s`, `${formatSize(rates.writtenBytes)}/s`)),
    ],
    [span('mean latency    ', 'dim'), span(latency.padEnd(10), 'bold')],
    [
      span('in flight       ', 'dim'),
      span(String(inFlight).padEnd(10), 'bold'),
      span(waiting > 0 ? `  ${waiting} waiting for ${formatDuration(waitingFor)}` : '', 'yellow'),
      span(held > 0 ? `  ${counted(held, 'write')} held for a fence` : '', 'yellow'),
      span(gated > 0 ? `  ${counted(gated, 'write')} waiting for a quarantine` : '', 'yellow'),
    ],
  ];
}

const stateStyle: Readonly<Record<PathState, Style>> = {
  'live-optimized': 'green',
  'live-non-optimized': 'yellow',
  connecting: 'yellow',
  probation: 'yellow',
  suspect: 'yellow',
  inaccessible: 'red',
  down: 'red',
  disabled: 'dim',
  removed: 'dim',
};

interface PathColumn {
  readonly title: string;
  readonly right: boolean;
  /** The least width of a screen that shows it. */
  readonly from: number;
  readonly cell: (path: PathView, index: number, rates: PathRates | undefined, port: PortState | null) => Span;
}

const pathColumns: readonly PathColumn[] = [
  { title: '#', right: true, from: 0, cell: (_path, index) => span(String(index + 1), 'bold') },
  { title: 'path', right: false, from: 0, cell: (path) => span(printable(path.id)) },
  { title: 'state', right: false, from: 0, cell: (path) => span(path.state, stateStyle[path.state]) },
  {
    title: 'IOPS',
    right: true,
    from: narrow,
    cell: (_path, _index, rates) => span(formatCount(rates?.operations ?? 0)),
  },
  {
    title: 'rate',
    right: true,
    from: medium,
    cell: (_path, _index, rates) => span(`${formatSize(rates?.bytes ?? 0)}/s`),
  },
  { title: 'in flight', right: true, from: medium, cell: (path) => span(String(path.counters.inFlight)) },
  { title: 'lost', right: true, from: narrow, cell: (path) => span(String(path.losses)) },
  {
    title: 'port',
    right: false,
    from: medium,
    cell: (_path, _index, _rates, port) => span(port ?? '', port === 'open' ? 'plain' : 'yellow'),
  },
  { title: '', right: false, from: wide, cell: (path) => span(printable(path.reason), 'dim') },
];

function pathTable(state: ScreenState, columns: number): Line[] {
  const ours = state.ports.some((port) => port !== null);
  const shown = pathColumns.filter((column) => columns >= column.from && (ours || column.title !== 'port'));
  const rows = state.view.paths.map((path, index) =>
    shown.map((column) =>
      column.cell(
        path,
        index,
        state.rates.paths.find((one) => one.id === path.id),
        state.ports[index] ?? null,
      ),
    ),
  );
  const widths = shown.map((column, index) =>
    Math.max(column.title.length, ...rows.map((row) => row[index]?.text.length ?? 0)),
  );
  const pad = (text: string, index: number): string => {
    const width = widths[index] ?? 0;
    return shown[index]?.right === true ? text.padStart(width) : text.padEnd(width);
  };
  const join = (cells: readonly Span[]): Line =>
    cells.flatMap((cell, index) => [span(index === 0 ? '' : '  '), span(pad(cell.text, index), cell.style)]);
  return [join(shown.map((column) => span(column.title, 'dim'))), ...rows.map(join)];
}

/** At most `most` lines; the last one then tells how many are missing. */
function limited(lines: readonly Line[], most: number): readonly Line[] {
  if (lines.length <= most) return lines;
  return [...lines.slice(0, most - 1), [span(`… and ${lines.length - most + 1} more`, 'dim')]];
}

/** The newest events that have room. */
function eventLines(state: ScreenState, room: number): Line[] {
  const newest = room === Number.POSITIVE_INFINITY ? state.events : state.events.slice(-Math.max(0, room));
  return newest.map((event) => [span(`${clockTime(event.at)}  `, 'dim'), span(printable(event.message))]);
}

/** Commands with the device's real name, to be copied. */
export function suggestedCommands(device: string): string[][] {
  return [
    [
      'fio',
      '--name=try',
      `--filename=${device}`,
      '--rw=randrw',
      '--bs=4k',
      '--iodepth=32',
      '--ioengine=io_uring',
      '--direct=1',
      '--size=256m',
      '--verify=crc32c',
      '--time_based',
      '--runtime=60',
    ],
    ['mkfs.ext4', device, '&&', 'mount', device, '/mnt'],
  ];
}

function suggestions(view: DeviceView, columns: number): Line[] {
  if (view.device === '') return [];
  const commands = suggestedCommands(view.device).flatMap((words) => wrapCommand(words, columns - 2));
  return [
    [span('try in another terminal, and pull paths meanwhile:', 'dim')],
    ...commands.map((text) => plain(`  ${text}`)),
  ];
}
