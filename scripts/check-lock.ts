/**
 * `npm ci` refuses a lock file that lacks one of the packages made for other platforms, and npm leaves those out when
 * the registry it asked did not have them. This finds what is missing; `--write` adds it, without a checksum, because
 * only the package itself could give one. It also finds addresses, which would name one user's registry.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reportIfMain, root } from './repository.ts';

interface Entry {
  readonly version?: string;
  readonly resolved?: string;
  readonly dev?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface Lock {
  packages: Record<string, Entry>;
}

const OSES = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const CPUS = ['arm', 'arm64', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64'];

/** The entries that `lock` lacks, by their key. Platform packages carry their platform in their name. */
export function missingEntries(lock: Lock): Map<string, object> {
  const missing = new Map<string, object>();
  for (const parent of Object.values(lock.packages)) {
    for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
      const key = `node_modules/${name}`;
      if (key in lock.packages) continue;
      const words = name.split(/[-/]/);
      const libc = words.some((word) => word.startsWith('musl')) ? 'musl' : 'glibc';
      missing.set(key, {
        version,
        cpu: CPUS.filter((cpu) => words.includes(cpu)),
        ...(parent.dev === true ? { dev: true } : {}),
        ...(/musl|gnu/.test(name) ? { libc: [libc] } : {}),
        optional: true,
        os: OSES.filter((os) => words.includes(os)),
      });
    }
  }
  return missing;
}

export function checkLock(lock: Lock): string[] {
  const resolved = Object.entries(lock.packages).filter(([, entry]) => entry.resolved?.startsWith('http') ?? false);
  return [
    ...[...missingEntries(lock).keys()].map((key) => `package-lock.json: lacks ${key}; npm run lock:complete`),
    ...resolved.map(
      ([key]) => `package-lock.json: ${key} names a registry; npm config set omit-lockfile-registry-resolved`,
    ),
  ];
}

reportIfMain(import.meta.url, () => {
  const path = join(root, 'package-lock.json');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- npm writes it in this form
  const lock = JSON.parse(readFileSync(path, 'utf8')) as Lock;
  if (process.argv.includes('--write')) {
    const entries = Object.entries({ ...lock.packages, ...Object.fromEntries(missingEntries(lock)) });
    lock.packages = Object.fromEntries(entries.toSorted(([a], [b]) => a.localeCompare(b, 'en')));
    writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
  }
  return checkLock(lock);
});
