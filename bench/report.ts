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

/** What speaks against trusting the figures. */
export function doubts(series: readonly Series[]): string[] {
  const found: string[] = [];
  for (const { workload, contestant, samples, disturbed } of series) {
    const { spread } = summarize(samples.map((sample) => sample.iops));
    const name = `${workload.name}, ${contestant}`;
    if (spread > spreadLimit) found.push(`${name}: the samples lie ${percent(spread)} apart`);
    const foreign = summarize(samples.map((sample) => sample.foreign)).median;
    if (foreign > foreignLimit) found.push(`${name}: others took ${percent(foreign)} of a CPU meanwhile`);
    if (disturbed > 0) found.push(`${name}: ${disturbed} samples were disturbed by others and taken again`);
  }
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
