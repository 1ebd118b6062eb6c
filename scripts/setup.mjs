/**
 * Brings a fresh clone to the point where it runs: dependencies, build, and, as root, the Debian or Ubuntu packages
 * and kernel features that tests and benchmarks need. Says on stderr what it does; says nothing if nothing is to be
 * done. Runs on bare Node, without dependencies:  node scripts/setup.mjs [demo|test|bench]
 */
import { spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const BUILT = join(root, 'dist/.built');
const SOURCES = ['src', 'test', 'bench', 'examples', 'sim', 'scripts', 'tsconfig.json', 'package-lock.json'];

/** Programs that a purpose needs beyond Node and the kernel, with the Debian package of each. */
const FIO = ['fio', 'fio'];
const MODPROBE = ['modprobe', 'kmod'];
/** For guests with Debian's kernels, which run only where these can be fetched and node runs on x86. */
const GUESTS = [
  ['qemu-system-x86_64', 'qemu-system-x86'],
  ['busybox', 'busybox-static'],
  ['cpio', 'cpio'],
  ['xz', 'xz-utils'],
  ['depmod', 'kmod'],
  ['setpriv', 'util-linux'],
  ['setsid', 'util-linux'],
  ['nvme', 'nvme-cli'],
];
const PROGRAMS = {
  demo: [],
  test: [
    FIO,
    MODPROBE,
    ['mkfs.ext4', 'e2fsprogs'],
    ['fsck.ext4', 'e2fsprogs'],
    ['resize2fs', 'e2fsprogs'],
    ['mkfs.xfs', 'xfsprogs'],
    ['blkdiscard', 'util-linux'],
    ['fstrim', 'util-linux'],
    ['sfdisk', 'fdisk'],
    ...GUESTS,
  ],
  bench: [FIO, MODPROBE, ['qemu-storage-daemon', 'qemu-system-common'], ['qemu-nbd', 'qemu-utils'], ...GUESTS],
};

/** Kernel modules that tests and benchmarks need, with what is there once they are loaded. */
const MODULES = { fuse: '/dev/fuse', loop: '/dev/loop-control', ext4: '/sys/fs/ext4' };
const FUSE_URING = '/sys/module/fuse/parameters/enable_uring';

/** Does what is missing for `purpose`; false, after a message, if that failed. */
export function setUp(purpose) {
  if (!checkNode() || !installDependencies() || !build()) return false;
  // What fails from here on is no failure: the tests that need it are named as not run.
  installPackages(PROGRAMS[purpose]);
  if (purpose !== 'demo') prepareKernel();
  if (purpose === 'test') fetchKernels();
  return true;
}

function say(text) {
  console.error(`setup: ${text}`);
}

/** Runs a command with its output on stderr, so that stdout stays the caller's. */
function run(command, args, env = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    env: { ...process.env, ...env },
  });
  return result.status === 0;
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return true;
  say(`Node ${process.versions.node} is too old: install Node 20.19 or later.`);
  return false;
}

function installDependencies() {
  if (modified('node_modules/.package-lock.json') >= modified('package-lock.json')) return true;
  say('installing the dependencies (npm ci)');
  if (run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'])) return true;
  say(
    'npm ci failed, see above. It needs to reach a package registry: check the network and `npm config get registry`.',
  );
  return false;
}

function build() {
  if (modified(BUILT) > Math.max(...SOURCES.map(newest))) return true;
  say('building (tsc -b)');
  const startedAt = new Date();
  if (!run(process.execPath, ['node_modules/typescript/bin/tsc', '-b'])) {
    say('the build failed, see above.');
    return false;
  }
  writeFileSync(BUILT, '');
  // What was changed while the build ran is built next time.
  utimesSync(BUILT, startedAt, startedAt);
  return true;
}

function installPackages(programs) {
  const missing = programs.filter(([program]) => !isInstalled(program));
  const packages = [...new Set(missing.map(([, name]) => name))];
  if (packages.length === 0) return;
  const install = ['install', '-y', '--no-install-recommends', ...packages];
  const byHand = `on Debian or Ubuntu, as root: apt-get update && apt-get ${install.join(' ')}`;
  if (!isInstalled('apt-get') || process.getuid() !== 0) {
    say(`missing: ${packages.join(', ')}; ${byHand}`);
    return;
  }
  say(`installing Debian packages: ${packages.join(', ')}`);
  const quiet = { DEBIAN_FRONTEND: 'noninteractive' };
  if (run('apt-get', ['update', '-q'], quiet) && run('apt-get', ['-q', ...install], quiet)) return;
  say(`that failed, see above; by hand ${byHand}`);
}

function prepareKernel() {
  if (process.getuid() !== 0) return;
  for (const [module, proof] of Object.entries(MODULES)) {
    if (existsSync(proof)) continue;
    say(`loading the kernel module ${module}`);
    run('modprobe', [module]);
  }
  if (!existsSync(FUSE_URING) || !readFileSync(FUSE_URING, 'utf8').startsWith('N')) return;
  say(`switching FUSE over io_uring on until the next boot (${FUSE_URING})`);
  try {
    writeFileSync(FUSE_URING, 'Y');
  } catch (error) {
    say(`that failed: ${error.message}`);
  }
}

/** The Debian kernels that test/vm/ boots; says nothing if they are there. */
function fetchKernels() {
  if (process.arch !== 'x64' || !isInstalled('apt-get')) return;
  run(process.execPath, [join(root, 'dist/test/vm/run.js'), '--fetch']);
}

function isInstalled(program) {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** When a file was last changed, in milliseconds; 0 if it does not exist. */
function modified(path) {
  return statSync(path.startsWith('/') ? path : join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** When anything in a folder, or the folder itself (a file was removed), was last changed. */
function newest(path) {
  const status = statSync(join(root, path), { throwIfNoEntry: false });
  if (status === undefined) return 0;
  if (!status.isDirectory()) return status.mtimeMs;
  return Math.max(status.mtimeMs, ...readdirSync(join(root, path)).map((name) => newest(join(path, name))));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const purpose = process.argv[2] ?? 'demo';
  if (!Object.hasOwn(PROGRAMS, purpose)) {
    say(`unknown purpose "${purpose}": one of ${Object.keys(PROGRAMS).join(', ')}`);
    process.exitCode = 2;
  } else if (!setUp(purpose)) process.exitCode = 1;
}
