/**
 * What a test needs of the host it runs on. A test that cannot run here is skipped with the reason, and named again at
 * the end of the run; where everything is meant to run (CI=true) it fails instead.
 */
import { accessSync, constants, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { delimiter, join } from 'node:path';
import { storedKernel } from '../vm/harness/kernel-store.ts';
import { type KernelName, kernelNames } from '../vm/harness/kernels.ts';

interface Need {
  readonly met: () => boolean;
  /** What to do about it. */
  readonly mend: string;
}

/** What test/vm/harness/ starts on the host, and what its guests find there. */
const vmPrograms = ['qemu-system-x86_64', 'busybox', 'cpio', 'xz', 'setpriv', 'setsid', 'modprobe', 'fio', 'nvme'];

const NEEDS = {
  root: { met: isRoot, mend: 'run as root' },
  io_uring: {
    // 1 restricts it to privileged processes, 2 switches it off. The file came with Linux 6.6.
    met: () => kernelAtLeast(5, 19) && Number(textOf('/proc/sys/kernel/io_uring_disabled')) < (isRoot() ? 2 : 1),
    mend: 'sysctl kernel.io_uring_disabled=0',
  },
  fuse: { met: () => canOpen('/dev/fuse'), mend: 'modprobe fuse, as root' },
  'fuse-uring': {
    met: () => /^[Y1]/.test(textOf('/sys/module/fuse/parameters/enable_uring')),
    mend: 'Linux 6.14 or later, and: echo 1 > /sys/module/fuse/parameters/enable_uring',
  },
  loop: { met: () => canOpen('/dev/loop-control'), mend: 'modprobe loop, as root' },
  ext4: { met: () => /\bext4$/m.test(textOf('/proc/filesystems')), mend: 'modprobe ext4' },
  fio: program('fio', 'fio'),
  'mkfs.ext4': program('mkfs.ext4', 'e2fsprogs'),
  'fsck.ext4': program('fsck.ext4', 'e2fsprogs'),
  resize2fs: program('resize2fs', 'e2fsprogs'),
  xfs: { met: () => /\bxfs$/m.test(textOf('/proc/filesystems')), mend: 'modprobe xfs, as root' },
  'mkfs.xfs': program('mkfs.xfs', 'xfsprogs'),
  blkdiscard: program('blkdiscard', 'util-linux'),
  fstrim: program('fstrim', 'util-linux'),
  script: program('script', 'bsdutils'),
  setpriv: program('setpriv', 'util-linux'),
  vm: {
    met: () => process.arch === 'x64' && vmPrograms.every(isInstalled) && kernelNames.every(isStored),
    mend: `an x86-64 host with ${vmPrograms.join(', ')}, and: node dist/test/vm/run.js --fetch`,
  },
} as const satisfies Record<string, Need>;

export type Capability = keyof typeof NEEDS;

/** What of `needed` this host lacks, each with its mend; empty if the test can run. */
export function lacking(needed: readonly Capability[]): string[] {
  return needed.filter((name) => !NEEDS[name].met()).map((name) => `${name} (${NEEDS[name].mend})`);
}

/** All capabilities, for the list that a test run begins with. */
export const capabilities = Object.keys(NEEDS).filter((name): name is Capability => name in NEEDS);

/**
 * Options for `test` or `describe`: `test('survives fsck', requires('root', 'fuse', 'fsck.ext4'), …)`.
 */
export function requires(...needed: Capability[]): { skip?: string; signal?: AbortSignal } {
  const missing = lacking(needed);
  if (missing.length === 0) return {};
  const reason = `this host lacks ${missing.join(', ')}`;
  // A test whose signal is aborted before it begins fails with the signal's reason.
  if (process.env['CI'] === 'true') return { signal: AbortSignal.abort(new Error(`${reason}, and CI=true`)) };
  return { skip: reason };
}

function program(name: string, debianPackage: string): Need {
  return { met: () => isInstalled(name), mend: `apt-get install ${debianPackage}` };
}

function isInstalled(name: string): boolean {
  return searchPath().some((folder) => accessible(join(folder, name), constants.X_OK));
}

function isStored(kernel: KernelName): boolean {
  return storedKernel(kernel) !== null;
}

/** The folders of administrators' programs are not on everybody's PATH. */
function searchPath(): string[] {
  return [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function kernelAtLeast(major: number, minor: number): boolean {
  const [thisMajor = 0, thisMinor = 0] = release().split('.').map(Number);
  return thisMajor > major || (thisMajor === major && thisMinor >= minor);
}

function canOpen(path: string): boolean {
  return accessible(path, constants.R_OK | constants.W_OK);
}

function accessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** The file's content; empty if it cannot be read. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
