/** What `causeway doctor` makes of the facts of a host: a list of findings, each with its mend. Looks at nothing itself. */
import { formatSize } from '../base/units.ts';
import { counted } from './text.ts';

/** What is known of a host. */
export interface HostFacts {
  readonly nodeVersion: string;
  /** CAP_SYS_ADMIN. */
  readonly mayMakeDevices: boolean;
  readonly uring: {
    /** null = it can be used. */ readonly refusal: { message: string; hint: string } | null;
    readonly missing: readonly string[];
  };
  /** In the order in which `auto` takes them. */
  readonly kernelDevices: readonly {
    readonly kind: string;
    readonly available: boolean;
    /** The module that attaching would load, and that is all it lacks; null if it is something else. */
    readonly loadable: string | null;
    /** Why not, or a remark; may be empty. */
    readonly reason: string;
    /** What mends it; may be empty. */
    readonly mend: string;
  }[];
  /** Why there are no companion nodes; null = there are. */
  readonly companionProblem: { readonly reason: string; readonly mend: string } | null;
  readonly fuseUring: { readonly available: boolean; readonly note: string };
  /** Bytes; null where the kernel does not say. */
  readonly memoryAvailable: number | null;
  readonly memoryLimit: number | null;
  readonly lockedMemoryLimit: number | null;
  readonly swaps: readonly string[];
  readonly openFilesLimit: number | null;
  /** Names of what dead processes left behind. */
  readonly stale: readonly string[];
  /** Of these, the devices that wait to be served again, with the node of each: `db (/dev/ublkb0)`. */
  readonly waiting: readonly string[];
  /** Programs that are of use with devices, and whether they are here. */
  readonly programs: readonly { readonly name: string; readonly found: boolean; readonly debianPackage: string }[];
}

/** `bad` keeps devices from being made; `warning` does not. */
export type Verdict = 'good' | 'warning' | 'bad';

export interface Finding {
  readonly check: string;
  readonly verdict: Verdict;
  readonly message: string;
  /** What to do about it; empty where nothing is to be done. */
  readonly mend: string;
}

const oldestNode = [20, 19] as const;
/** Payload memory of a host and what the program itself takes. */
const memoryNeeded = 512 * 1024 ** 2;
/** Rings count as locked memory before Linux 5.12. */
const lockedNeeded = 8 * 1024 ** 2;
/** Every path takes a socket on every reactor, beside files, rings and channels. */
const filesNeeded = 1024;

export function examine(facts: HostFacts): Finding[] {
  return [
    node(facts),
    rights(facts),
    uring(facts),
    ...kernelDevices(facts),
    companion(facts),
    fuseUring(facts),
    memory(facts),
    lockedMemory(facts),
    swap(facts),
    openFiles(facts),
    stale(facts),
    programs(facts),
  ];
}

/** A device can be made here. */
export function isFit(findings: readonly Finding[]): boolean {
  return findings.every((finding) => finding.verdict !== 'bad');
}

function good(check: string, message: string): Finding {
  return { check, verdict: 'good', message, mend: '' };
}

function node({ nodeVersion }: HostFacts): Finding {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number);
  const isNew = major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]);
  if (isNew) return good('node', `Node ${nodeVersion}`);
  const mend = `Install Node ${oldestNode.join('.')} or later.`;
  return { check: 'node', verdict: 'bad', message: `Node ${nodeVersion} is too old`, mend };
}

function rights({ mayMakeDevices }: HostFacts): Finding {
  if (mayMakeDevices) return good('rights', 'devices may be made (CAP_SYS_ADMIN)');
  const message = 'this user may not make devices (no CAP_SYS_ADMIN)';
  return { check: 'rights', verdict: 'bad', message, mend: 'Run it as root, for example with sudo.' };
}

function uring({ uring: { refusal, missing } }: HostFacts): Finding {
  if (refusal !== null) return { check: 'io_uring', verdict: 'bad', message: refusal.message, mend: refusal.hint };
  if (missing.length === 0) return good('io_uring', 'io_uring offers all that is needed');
  const message = `this kernel's io_uring lacks ${missing.join(', ')}`;
  return { check: 'io_uring', verdict: 'bad', message, mend: 'Use a newer kernel: Linux 5.19 has all that is needed.' };
}

/** Any one of them is enough: only if there is none is that bad. */
function kernelDevices({ mayMakeDevices, kernelDevices: kinds }: HostFacts): Finding[] {
  const isUsable = ({ available, loadable }: (typeof kinds)[number]): boolean =>
    available || (loadable !== null && mayMakeDevices);
  const taken = kinds.find(isUsable);
  return kinds.map((device) => {
    const { kind, available, loadable, reason, mend } = device;
    const check = `kernel device ${kind}`;
    if (isUsable(device)) {
      const there = available ? 'available' : `the module ${loadable} is loaded when it is wanted`;
      const used = kind === taken?.kind ? `${there}; \`auto\` takes it` : there;
      return good(check, reason === '' || !available ? used : `${used}; ${reason}`);
    }
    const verdict: Verdict = taken === undefined ? 'bad' : 'warning';
    return { check, verdict, message: `not available: ${reason}`, mend };
  });
}

function companion({ companionProblem: problem }: HostFacts): Finding {
  const check = 'companion node';
  if (problem === null) return good(check, 'available: NVMe ioctls find /dev/causeway/NAME-nvme');
  const message = `not available: ${problem.reason}; \`causeway nvme\` does the same without it`;
  return { check, verdict: 'warning', message, mend: problem.mend };
}

function fuseUring({ fuseUring: { available, note } }: HostFacts): Finding {
  const check = 'FUSE over io_uring';
  if (available) return good(check, note === '' ? 'switched on' : note);
  return {
    check,
    verdict: 'warning',
    message: `${note}; FUSE devices use the classic transport, which is slower, also with --fast`,
    mend: '',
  };
}

function memory({ memoryAvailable, memoryLimit }: HostFacts): Finding {
  const known = [memoryAvailable, memoryLimit].filter((bytes) => bytes !== null);
  if (known.length === 0) return good('memory', 'this kernel does not say how much there is');
  const least = Math.min(...known);
  const limited = memoryLimit !== null && memoryLimit === least ? ' (the limit of its cgroup)' : '';
  if (least >= memoryNeeded) return good('memory', `${formatSize(least)} available${limited}`);
  const message = `only ${formatSize(least)} available${limited}, ${formatSize(memoryNeeded)} are taken by a host with its devices`;
  return { check: 'memory', verdict: 'warning', message, mend: 'Free memory, or raise the limit.' };
}

function lockedMemory({ lockedMemoryLimit }: HostFacts): Finding {
  if (lockedMemoryLimit === null || lockedMemoryLimit >= lockedNeeded)
    return good('locked memory', 'the limit is high enough');
  const message = `the limit of locked memory is ${formatSize(lockedMemoryLimit)}: on older kernels rings count against it`;
  return { check: 'locked memory', verdict: 'warning', message, mend: 'Raise it: `ulimit -l unlimited`.' };
}

function swap({ swaps }: HostFacts): Finding {
  const ours = swaps.filter((file) => /^\/dev\/(?:loop|ublkb|nbd|causeway\/)/.test(file));
  if (ours.length > 0) {
    const message = `swap on ${ours.join(', ')}: a device of Causeway must not be swap, its own memory could be in it`;
    return {
      check: 'swap',
      verdict: 'warning',
      message,
      mend: `Run \`swapoff ${ours.join(' ')}\` if it is one of ours.`,
    };
  }
  if (swaps.length === 0) return good('swap', 'none');
  const message = `there is swap (${swaps.join(', ')}): what serves a device may be slow while it is swapped in`;
  return { check: 'swap', verdict: 'warning', message, mend: 'On hosts that do not need it: `swapoff -a`.' };
}

function openFiles({ openFilesLimit }: HostFacts): Finding {
  if (openFilesLimit === null || openFilesLimit >= filesNeeded) {
    return good('open files', openFilesLimit === null ? 'no limit' : `up to ${openFilesLimit}`);
  }
  const message = `only ${openFilesLimit} open files are allowed, and every path takes some`;
  return {
    check: 'open files',
    verdict: 'warning',
    message,
    mend: `Raise the limit: \`ulimit -n ${filesNeeded * 4}\`.`,
  };
}

function stale({ stale: names, waiting }: HostFacts): Finding {
  if (names.length === 0) return good('left behind', 'nothing');
  if (waiting.length > 0) {
    const message = `I/O waits for ${counted(waiting.length, 'device')} whose process died: ${waiting.join(', ')}`;
    const mend = 'Attach the volume under the same name: I/O goes on. `causeway detach NAME --force` gives it up.';
    return { check: 'left behind', verdict: 'warning', message, mend };
  }
  const message = `${counted(names.length, 'instance')} ended without clearing up: ${names.join(', ')}`;
  return {
    check: 'left behind',
    verdict: 'warning',
    message,
    mend: 'Start one under the same name: it clears up first.',
  };
}

function programs({ programs: all }: HostFacts): Finding {
  const missing = all.filter((program) => !program.found);
  if (missing.length === 0) return good('programs', all.map((program) => program.name).join(', '));
  const packages = [...new Set(missing.map((program) => program.debianPackage))].join(' ');
  const message = `not here, and of use with devices: ${missing.map((program) => program.name).join(', ')}`;
  return {
    check: 'programs',
    verdict: 'warning',
    message,
    mend: `On Debian or Ubuntu: \`apt-get install ${packages}\`.`,
  };
}

const marks: Readonly<Record<Verdict, string>> = { good: '✓', warning: '!', bad: '✗' };

export function doctorText(findings: readonly Finding[]): string[] {
  const lines = findings.flatMap(({ check, verdict, message, mend }) => [
    `${marks[verdict]} ${check}: ${message}`,
    ...(mend === '' ? [] : [`    ${mend}`]),
  ]);
  const end = isFit(findings) ? 'A device can be made on this host.' : 'No device can be made on this host as it is.';
  return [...lines, '', end];
}
