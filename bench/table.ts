/** Tables for a terminal (aligned) and for a page (Markdown), and the numbers in them. */

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The first column stands left, numbers right. */
export function alignedLines(table: Table): string[] {
  const all = [table.head, ...table.rows];
  const widths = table.head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    widths
      .map((width, column) => (column === 0 ? (row[column] ?? '').padEnd(width) : (row[column] ?? '').padStart(width)))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('──');
  return [line(table.head), rule, ...table.rows.map(line)];
}

function markdownLine(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

export function markdownLines(table: Table): string[] {
  const rule = `|${table.head.map((_, column) => (column === 0 ? '---' : '--:')).join('|')}|`;
  return [markdownLine(table.head), rule, ...table.rows.map(markdownLine)];
}

/** Three digits that matter: 1234567 is `1.23M`, 12.345 is `12.3`. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return '–';
  for (const [unit, letter] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (Math.abs(value) >= unit * 0.9995) return `${threeDigits(value / unit)}${letter}`;
  }
  return threeDigits(value);
}

function threeDigits(value: number): string {
  const magnitude = Math.abs(value);
  return value.toFixed(magnitude >= 99.95 || value === 0 ? 0 : magnitude >= 9.995 ? 1 : 2);
}

export function percent(share: number): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(share < 0.0995 ? 1 : 0)} %` : '–';
}

export function times(factor: number): string {
  return Number.isFinite(factor) ? `${factor.toFixed(2)}×` : '–';
}
