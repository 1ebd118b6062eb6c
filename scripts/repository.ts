/** What the checks and the test runner know of the repository: where it is and which files it holds. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** This module runs from dist/scripts/. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

const NOT_OURS = new Set(['.git', 'node_modules', 'dist', 'package-lock.json']);

export interface SourceFile {
  /** Relative to the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** Paths of all files of ours below `folder`, relative to the root, sorted; none if there is no such folder. */
export function listFiles(folder = '.', base = root): string[] {
  const found: string[] = [];
  const visit = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (NOT_OURS.has(entry.name)) continue;
      const path = join(directory, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (entry.isFile()) found.push(relative(base, path));
    }
  };
  try {
    visit(join(base, folder));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  return found.toSorted();
}

export function readFiles(paths: readonly string[]): SourceFile[] {
  return paths.map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

/** Prints what a check found and ends the process with the matching exit code, if `moduleUrl` is the program run. */
export function reportIfMain(moduleUrl: string, find: () => string[]): void {
  if (process.argv[1] !== fileURLToPath(moduleUrl)) return;
  const findings = find();
  for (const finding of findings) console.error(finding);
  process.exitCode = findings.length === 0 ? 0 : 1;
}
