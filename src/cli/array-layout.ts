/** The screen of an array on its own: its ports, and what happened to them. Draws nothing. */
import type { ArrayView } from './port-board.ts';
import { fit, type Line, plain, span } from './style.ts';
import { clockTime, printable } from './text.ts';

export interface ArrayScreenState {
  readonly title: string;
  readonly view: ArrayView;
  readonly events: readonly { readonly at: string; readonly message: string }[];
  readonly keys: string;
}

export function layoutArray(state: ArrayScreenState, columns: number, rows: number): Line[] {
  const { view } = state;
  const head: Line[] = [[span(state.title, 'bold'), span(`  ${view.subsystem}`)], plain('')];
  const ports = view.ports.map(({ number, address, port, state: now }) => [
    span(String(number).padStart(2), 'bold'),
    span(`  ${`${address}:${port}`.padEnd(24)}  `),
    span(now, now === 'open' ? 'green' : 'red'),
  ]);
  const command = `causeway attach '${view.url}'`;
  // Not cut off: it is there to be copied, and a terminal copies lines that go on as one.
  const pieces = Array.from({ length: Math.ceil(command.length / columns) }, (_, index) =>
    command.slice(index * columns, (index + 1) * columns),
  );
  const attach: Line[] = [plain(''), ...(pieces.length < rows / 3 ? pieces : pieces.slice(0, 1)).map(plain)];
  const keys: Line[] = [plain(''), [span(state.keys, 'dim')]];
  const room = rows - head.length - attach.length - keys.length;
  const shown = ports.slice(0, Math.max(1, room));
  const eventRoom = room - shown.length - 1;
  const events =
    eventRoom > 0
      ? [
          plain(''),
          ...state.events
            .slice(-eventRoom)
            .map((event) => [span(`${clockTime(event.at)}  `, 'dim'), span(printable(event.message))]),
        ]
      : [];
  const filler = Array.from({ length: Math.max(0, room - shown.length - events.length) }, () => plain(''));
  const lines = [...head, ...shown, ...events, ...filler, ...attach, ...keys];
  return lines.slice(0, Math.max(1, rows)).map((line) => fit(line, columns));
}
