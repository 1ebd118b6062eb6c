/** Text for terminals: safe, aligned, cut to a width. One character is one column: nothing wider is printed. */

const control = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Text from outside (an array's model, a mount point) without what could steer a terminal or break a line. */
export function printable(text: string): string {
  return text.replace(control, '?');
}

/** Cut to `width` columns, with an ellipsis where something is missing. */
export function cut(text: string, width: number): string {
  if (text.length <= width) return text;
  return width <= 0 ? '' : `${text.slice(0, width - 1)}…`;
}

export interface Column {
  readonly title: string;
  /** Numbers stand at the right. */
  readonly right?: boolean;
}

/** The rows under their titles, every column as wide as it needs to be, without space at the ends of lines. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const clean = rows.map((row) => row.map(printable));
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...clean.map((row) => (row[index] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map((column, index) => {
        const width = widths[index] ?? 0;
        const cell = cells[index] ?? '';
        return column.right === true ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [line(columns.map((column) => column.title)), ...clean.map(line)];
}

/** Words joined to lines of at most `width` columns, to be pasted as one command: lines end in a backslash. */
export function wrapCommand(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    const longer = line === '' ? word : `${line} ${word}`;
    // Two columns are kept for the backslash.
    if (line !== '' && longer.length > width - 2) {
      lines.push(`${line} \\`);
      line = `  ${word}`;
    } else line = longer;
  }
  return line === '' ? lines : [...lines, line];
}

/** `1 path`, `4 paths`. */
export function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

/** The time of day of an ISO 8601 time, in this host's time zone. */
export function clockTime(iso: string): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return '--:--:--';
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}
