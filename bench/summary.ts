/** Many samples as few numbers: median, spread, ratio. */

export interface Summary {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  /** Distance between the extremes, as a part of the median: 0.1 is 10 %. */
  readonly spread: number;
  readonly count: number;
}

/** The middle value; the mean of the two middle ones of an even number; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

export function summarize(values: readonly number[]): Summary {
  const middle = median(values);
  const least = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const most = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return { median: middle, least, most, spread: middle > 0 ? (most - least) / middle : 0, count: values.length };
}

/** The medians of several series, by name: of each only what every sample has. */
export function mediansOf(samples: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const names = new Set(samples.flatMap((sample) => Object.keys(sample)));
  return Object.fromEntries([...names].map((name) => [name, median(samples.map((sample) => sample[name] ?? 0))]));
}

/** How `value` stands to `reference`; NaN without a reference. */
export function ratio(value: number, reference: number): number {
  return reference > 0 ? value / reference : Number.NaN;
}

/** What two stages make together that work one after the other on the same means, from what each makes alone. */
export function inSeries(a: number, b: number): number {
  return 1 / (1 / a + 1 / b);
}
