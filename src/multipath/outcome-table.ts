/**
 * How often commands of a path failed, by outcome: a few rows in the counters of the path, filled in the order in which
 * outcomes occur. An outcome is a row of the table of the path's protocol; here it is a number. One path meets few of
 * them; when the rows are used up, the last one counts all others.
 *
 * A row is the outcome plus 1 (0: free) and its count.
 */
const rows = 12;

/** How many doubles a table takes. */
export const outcomeWords = rows * 2;

/** The outcome that stands for all that found no row. */
export const otherOutcomes = -1;

/** Counts one in the table that begins at `at`. Not for what succeeds. */
export function countOutcome(words: Float64Array, at: number, outcome: number): void {
  const last = at + outcomeWords - 2;
  let row = at;
  while (row < last && words[row] !== 0 && words[row] !== outcome + 1) row += 2;
  words[row + 1] = words[row + 1]! + 1;
  words[row] = row === last ? otherOutcomes : outcome + 1;
}

/** Adds what the table counted to `into`. Control. */
export function addOutcomes(words: Float64Array, at: number, into: Map<number, number>): void {
  for (let row = at; row < at + outcomeWords; row += 2) {
    const [key, count] = [words[row]!, words[row + 1]!];
    if (key === 0) continue;
    const outcome = key === otherOutcomes ? otherOutcomes : key - 1;
    into.set(outcome, (into.get(outcome) ?? 0) + count);
  }
}
