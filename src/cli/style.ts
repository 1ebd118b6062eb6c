/** Lines made of styled pieces: measured and cut as text, coloured last. */

export type Style = 'plain' | 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan';

export interface Span {
  readonly text: string;
  readonly style: Style;
}

export type Line = readonly Span[];

/** SGR parameters of ECMA-48. */
const codes: Readonly<Record<Style, string>> = {
  plain: '',
  bold: '1',
  dim: '2',
  green: '32',
  yellow: '33',
  red: '31',
  cyan: '36',
};

export function span(text: string, style: Style = 'plain'): Span {
  return { text, style };
}

export function plain(text: string): Line {
  return [span(text)];
}

export function textOf(line: Line): string {
  return line.map((piece) => piece.text).join('');
}

/** The line in at most `width` columns, without space at its end. */
export function fit(line: Line, width: number): Line {
  const length = textOf(line).trimEnd().length;
  const tooLong = length > width;
  let room = tooLong ? width - 1 : length;
  const pieces: Span[] = [];
  for (const piece of line) {
    if (room <= 0) break;
    const text = piece.text.slice(0, room);
    room -= text.length;
    pieces.push(span(text, piece.style));
  }
  return tooLong && width > 0 ? [...pieces, span('…')] : pieces;
}

/** With escape sequences if `color`; every line ends in the plain style. */
export function render(line: Line, color: boolean): string {
  if (!color) return textOf(line);
  return line
    .map(({ text, style }) => (codes[style] === '' || text === '' ? text : `\u001b[${codes[style]}m${text}\u001b[0m`))
    .join('');
}
