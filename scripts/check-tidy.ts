/** Habits that neither the compiler nor the linter knows: short files, nothing half-done, nothing of one machine. */
import { listFiles, readFiles, reportIfMain, type SourceFile } from './repository.ts';

const MAX_LINES = 500;
const CODE = /\.(ts|js|mjs)$|^\.ci\//;
const TEXT = /\.(ts|js|mjs|json|md|yaml|yml|sh|service|rules)$|^\.(ci\/|npmrc|gitignore)/;

/** Patterns are written so that they do not find themselves. */
const NEVER: { readonly pattern: RegExp; readonly files: RegExp; readonly because: string }[] = [
  {
    pattern: /(?<![\w.-])\/(?:work|home|farm|Users)\//,
    files: TEXT,
    because: 'a path of one machine',
  },
  {
    pattern: /\bregistry\.[a-z-]+\.(?:org|com|dev)\b/,
    files: /^\.npmrc$|\.(json|md|ts|mjs)$/,
    because: 'the host of a registry; users have their own',
  },
  {
    pattern: /\b[Ii]ssue #?\d+\b|\b[Cc]laude\b|\b[Ll]anguage model\b|\bsub-?agent/,
    files: TEXT,
    because: 'the repository speaks of itself, not of how it came about',
  },
  {
    pattern: /\b(?:TODO|FIXME|XXX|HACK)\b(?!: \S+ \S+)/,
    files: TEXT,
    because: 'what is left to do needs its reason after a colon, or is done now',
  },
  {
    pattern: /@ts-(?:ignore|nocheck)\b/,
    files: CODE,
    because: 'use @ts-expect-error, which says when it is no longer needed',
  },
  {
    pattern: /(?:oxlint|eslint)-disable(?!.* -- \S)/,
    files: CODE,
    because: 'a rule switched off needs its reason after " -- "',
  },
  {
    pattern: /\b(?:test|it|describe|suite)\.only\(|\bonly: true/,
    files: /\.test\.ts$/,
    because: 'it keeps the other tests from running',
  },
  {
    pattern: /\s$/,
    files: TEXT,
    because: 'space at the end of a line',
  },
];

function checkFile(file: SourceFile): string[] {
  const lines = file.text.split('\n');
  const rules = NEVER.filter((rule) => rule.files.test(file.path));
  const findings = lines.flatMap((line, index) =>
    rules
      .filter((rule) => rule.pattern.test(line))
      .map((rule) => `${file.path}:${index + 1}: ${rule.because}: ${line.trim().slice(0, 100)}`),
  );
  if (CODE.test(file.path) && lines.length > MAX_LINES) {
    findings.push(`${file.path}: has ${lines.length} lines; more than ${MAX_LINES} is more than one idea`);
  }
  return findings;
}

/** What is wrong with these files, one line each. This check and its test name what they forbid. */
export function checkTidy(files: readonly SourceFile[]): string[] {
  return files.filter((file) => !file.path.startsWith('scripts/check-tidy')).flatMap(checkFile);
}

reportIfMain(import.meta.url, () => checkTidy(readFiles(listFiles().filter((path) => TEXT.test(path)))));
