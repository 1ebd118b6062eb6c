/** The kernels that tests boot, and how the Debian packages of each are told among all package names. */

/**
 * Names of kernels for people and tests. They stand for "the newest of this line", because versions move: a mirror
 * keeps old ones only for a while.
 */
export const kernelNames = ['6.1', '6.12', '7'] as const;

export type KernelName = (typeof kernelNames)[number];

/** No cloud build matches: those lack 9P, over which the guest gets its root. */
const PACKAGE_NAMES: Readonly<Record<KernelName, RegExp>> = {
  '6.1': /^linux-image-(6\.1\.0-\d+-amd64)$/,
  '6.12': /^linux-image-(6\.12\.\d+\+deb12-amd64)$/,
  '7': /^linux-image-(7\.\d+\.\d+\+deb\d+-amd64)$/,
};

/** Where the kernels are published: the archive, as Debian's mirrors lay it out, and the suite in it. */
export const SUITES = [
  { archive: 'main', suite: 'bookworm' },
  { archive: 'security', suite: 'bookworm-security' },
  { archive: 'main', suite: 'trixie-backports' },
] as const;

/** What begins the name of a package that holds a part of a kernel: one package, or since Linux 7.2 several. */
const PARTS = ['linux-image-', 'linux-base-', 'linux-binary-', 'linux-modules-'];

export interface Choice {
  /** As uname -r says it. */
  readonly release: string;
  readonly packages: readonly string[];
}

export function isKernelName(text: string): text is KernelName {
  return Object.hasOwn(PACKAGE_NAMES, text);
}

/** The newest kernel of this name among `packageNames`, with all its packages; null if there is none. */
export function choosePackages(kernel: KernelName, packageNames: readonly string[]): Choice | null {
  const releases = packageNames
    .map((name) => PACKAGE_NAMES[kernel].exec(name)?.[1])
    .filter((release) => release !== undefined)
    .toSorted(byNumbers);
  const release = releases.at(-1);
  if (release === undefined) return null;
  return { release, packages: PARTS.map((part) => part + release).filter((name) => packageNames.includes(name)) };
}

/** Orders texts that differ in their numbers only: 6.12.9 before 6.12.10. */
function byNumbers(a: string, b: string): number {
  const left = numbersOf(a);
  const right = numbersOf(b);
  const place = left.findIndex((number, index) => number !== right[index]);
  return place < 0 ? 0 : (left[place] ?? 0) - (right[place] ?? -1);
}

function numbersOf(text: string): number[] {
  return (text.match(/\d+/g) ?? []).map(Number);
}
