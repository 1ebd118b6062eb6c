/**
 * The record of the long tests: which of them passed, and at which commit. A run that was broken off goes on where it
 * stood, because a test is not repeated while nothing but documents has changed since it passed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { basename } from 'node:path';
import { root } from './repository.ts';

const HEAD = `# Long tests

What \`npm run test:long\` ran, written by it. A test that passed is run again once anything but a document has changed.

| test | commit | passed on | seconds | kernel | Node |
|---|---|---|---|---|---|
`;
const ROW = /^\| ([\w.-]+) \| ([0-9a-f]{12}) \|.*$/gm;

export class LongTestRecord {
  readonly #path: string;
  /** The table's line of each test, by the name of its file. */
  readonly #rows = new Map<string, { readonly commit: string; readonly line: string }>();

  constructor(path: string) {
    this.#path = path;
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    for (const [line, name = '', commit = ''] of text.matchAll(ROW)) this.#rows.set(name, { commit, line });
  }

  /** The commit at which this test passed, if what it tested is still the same; else null. */
  stillValid(file: string): string | null {
    const row = this.#rows.get(nameOf(file));
    return row !== undefined && unchangedSince(row.commit) ? row.commit : null;
  }

  /** Writes down that a test passed just now. Says so, and writes nothing, if the tree has uncommitted changes. */
  passed(file: string, seconds: number): void {
    const commit = git('rev-parse', '--short=12', 'HEAD').output;
    if (!unchangedSince(commit)) {
      console.log('Not recorded: there are changes that are not committed.');
      return;
    }
    const day = new Date().toISOString().slice(0, 10);
    const cells = [nameOf(file), commit, day, Math.round(seconds), release(), process.versions.node];
    this.#rows.set(nameOf(file), { commit, line: `| ${cells.join(' | ')} |` });
    const lines = [...this.#rows.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => `${row.line}\n`);
    writeFileSync(this.#path, HEAD + lines.join(''));
  }
}

function nameOf(file: string): string {
  return basename(file).replace(/\.test\.[jt]s$/, '');
}

/** True if the files on disk are those of this commit, documents aside, and none is new. */
function unchangedSince(commit: string): boolean {
  const code = ['--', '.', ':!docs', ':!*.md'];
  const same = git('diff', '--quiet', commit, ...code);
  const added = git('ls-files', '--others', '--exclude-standard', ...code);
  return same.ok && added.ok && added.output === '';
}

function git(...args: string[]): { readonly ok: boolean; readonly output: string } {
  const result = spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  return { ok: result.status === 0, output: (result.stdout ?? '').trim() };
}
