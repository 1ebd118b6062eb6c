/**
 * Debian packages without installing them, from the mirror that this host uses already, with lists and a cache of our
 * own: what the host's apt knows stays as it is.
 */
import fs from 'node:fs';
import path from 'node:path';
import { attempt } from '../../support/commands.ts';
import { SUITES } from './kernels.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const UPDATE_SECONDS = 300;
const DOWNLOAD_SECONDS = 1800;

/** The fields of an index of apt that name its mirror, one index a line: `apt-get indextargets --format …`. */
const INDEX_FORMAT = '$(RELEASE) $(REPO_URI)';

const CODENAME = /^(?:bookworm|trixie|forky|oldstable|stable|testing|sid)(-security)?$/;

/** The URIs of Debian's main and security archives among this host's own; null if it does not use Debian's. */
export function mirrorsOf(indexTargets: string): { main: string; security: string } | null {
  const found = { main: '', security: '' };
  for (const line of indexTargets.split('\n')) {
    const [release = '', uri = ''] = line.trim().split(/\s+/);
    const match = CODENAME.exec(release);
    if (match === null || uri === '') continue;
    found[match[1] === undefined ? 'main' : 'security'] ||= uri;
  }
  return found.main === '' || found.security === '' ? null : found;
}

/** Text of a source list for the suites that hold the kernels. */
export function sourceList(mirrors: { readonly main: string; readonly security: string }): string {
  return SUITES.map(({ archive, suite }) => `deb [signed-by=${KEYRING}] ${mirrors[archive]} ${suite} main\n`).join('');
}

export class Apt {
  readonly #folder: string;
  readonly #options: readonly string[];

  /** Works in `folder`, which is the caller's to remove. */
  constructor(folder: string) {
    this.#folder = folder;
    const settings = {
      'Dir::Etc::sourcelist': path.join(folder, 'sources.list'),
      'Dir::Etc::sourceparts': '/dev/null',
      'Dir::State::lists': path.join(folder, 'lists'),
      'Dir::Cache': path.join(folder, 'cache'),
      // Packages that are installed here are of no interest, and may be in no archive any more.
      'Dir::State::status': path.join(folder, 'status'),
      'Acquire::Languages': 'none',
      'Acquire::Retries': '3',
      // apt's own user could not write into a folder of root's.
      'APT::Sandbox::User': process.getuid?.() === 0 ? 'root' : '',
    };
    this.#options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  }

  /** Fetches the lists of the suites; afterwards `packageNames` answers. */
  async update(): Promise<void> {
    const targets = await must('apt-get', ['indextargets', '--format', INDEX_FORMAT, 'Created-By: Packages'], 60);
    const mirrors = mirrorsOf(targets);
    if (mirrors === null) {
      throw new Error("this host's apt sources name no Debian mirror with its security archive: add both to them");
    }
    for (const name of ['lists', 'cache']) fs.mkdirSync(path.join(this.#folder, name), { recursive: true });
    fs.writeFileSync(path.join(this.#folder, 'status'), '');
    fs.writeFileSync(path.join(this.#folder, 'sources.list'), sourceList(mirrors));
    await must('apt-get', [...this.#options, '-q', 'update'], UPDATE_SECONDS);
  }

  async packageNames(prefix: string): Promise<string[]> {
    return (await must('apt-cache', [...this.#options, 'pkgnames', prefix], 60)).split('\n');
  }

  /** Fetches packages, checks them, and unpacks them into a folder without installing them. */
  async unpack(packages: readonly string[], into: string): Promise<void> {
    const folder = fs.mkdtempSync(path.join(this.#folder, 'debs-'));
    await must('apt-get', [...this.#options, '-q', 'download', ...packages], DOWNLOAD_SECONDS, folder);
    for (const name of fs.readdirSync(folder)) await must('dpkg', ['-x', path.join(folder, name), into], 300);
  }
}

async function must(program: string, args: readonly string[], seconds: number, cwd?: string): Promise<string> {
  const { code, stdout, stderr } = await attempt(program, args, seconds, cwd);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`);
  return stdout;
}
