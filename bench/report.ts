/** What a case found, as text: for the terminal and for docs/benchmarks.md. */
import { type CaseReport, type Goal, isReached } from './case.ts';
import { foreignLimit, type Series } from './rounds.ts';
import { summarize } from './summary.ts';
import { alignedLines, markdownLines, percent, shortNumber, times } from './table.ts';

/** From here on the medians are to be taken with care. */
const spreadLimit = 0.15;

function amount(goal: Goal, value: number): string {
  if (goal.unit === 'times') return times(value);
  return goal.unit === 'share' ? percent(value) : shortNumber(value);
}

function goalLine(goal: Goal): string {
  const verdict = isReached(goal) ? 'reached' : 'missed';
  const bound = goal.atMost === true ? 'at most' : 'at least';
  return `${verdict}: ${goal.what}: ${amount(goal, goal.reached)} (goal: ${bound} ${amount(goal, goal.wanted)})`;
}

/** What speaks against trusting the figures; a sentence each. */
export function doubts(series: readonly Series[]): string[] {
  const found: string[] = [];
  const apart = series
    .map((one) => ({ one, spread: summarize(one.samples.map((sample) => sample.iops)).spread }))
    .filter(({ spread }) => spread > spreadLimit)
    .map(({ one, spread }) => `${one.workload.name} of ${one.contestant} (${percent(spread)})`);
  if (apart.length > 0) found.push(`samples lie more than ${percent(spreadLimit)} apart: ${apart.join('; ')}`);
  const foreign = series.flatMap(({ samples }) => samples.map((sample) => sample.foreign));
  const many = foreign.filter((share) => share > foreignLimit);
  if (many.length > 0) {
    const { median, most } = summarize(many);
    const amounts = `${percent(median)} of a CPU in the median and ${percent(most)} at most`;
    found.push(`others used the machine during ${many.length} of ${foreign.length} samples: ${amounts}`);
  }
  const again = series.reduce((sum, { disturbed }) => sum + disturbed, 0);
  if (again > 0) found.push(`${again} samples were taken again, because others used the machine meanwhile`);
  return found;
}

export function terminalLines(title: string, report: CaseReport): string[] {
  const lines = ['', title, '═'.repeat(title.length)];
  for (const table of report.tables) lines.push('', table.title, '', ...alignedLines(table));
  if (report.goals.length > 0) lines.push('', ...report.goals.map(goalLine));
  const noise = doubts(report.series);
  if (noise.length > 0) lines.push('', 'Noise:', ...noise.map((line) => `  ${line}`));
  return lines;
}

/** @param machine where and when it was measured */
export function pageLines(title: string, report: CaseReport, machine: readonly string[]): string[] {
  const lines = [`## ${title}`];
  for (const table of report.tables) lines.push('', `${table.title}:`, '', ...markdownLines(table));
  if (report.goals.length > 0) lines.push('', ...report.goals.map((goal) => `- ${goalLine(goal)}`));
  const noise = doubts(report.series);
  if (noise.length > 0) lines.push('', 'Noise:', '', ...noise.map((line) => `- ${line}`));
  lines.push('', 'Measured on:', '', ...machine);
  return lines;
}
