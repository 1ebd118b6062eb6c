/** docs/benchmarks.md: what stands between the marks of a part is written by a run, the rest by hand. */

function marks(part: string): { readonly from: string; readonly to: string } {
  return { from: `<!-- measured: ${part} -->`, to: `<!-- end of measured: ${part} -->` };
}

/** The page with this part replaced. @throws Error if the page has no place for it */
export function replacePart(page: string, part: string, lines: readonly string[]): string {
  const { from, to } = marks(part);
  const start = page.indexOf(from);
  const end = page.indexOf(to);
  if (start === -1 || end < start) throw new Error(`docs/benchmarks.md has no place for ${part}: ${from} … ${to}`);
  return `${page.slice(0, start)}${from}\n\n${lines.join('\n')}\n\n${page.slice(end)}`;
}
