/**
 * What a program in a guest says of its checks, as lines among what else it prints. The mark at the beginning keeps
 * them apart from anything that a program writes for people.
 */
const MARK = '\u0001check ';

export type CheckLine =
  | { readonly begun: string }
  | { readonly ended: string; readonly milliseconds: number; readonly failure: string | null };

export function formatCheckLine(line: CheckLine): string {
  return MARK + JSON.stringify(line);
}

/** Null for a line of any other kind. */
export function parseCheckLine(text: string): CheckLine | null {
  if (!text.startsWith(MARK)) return null;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- formatCheckLine wrote what begins with the mark
  return JSON.parse(text.slice(MARK.length)) as CheckLine;
}
