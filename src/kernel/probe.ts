/** Which kernel devices this host can offer, why not the others, and what would mend it. Looks; changes nothing. */
import fs from 'node:fs';
import os from 'node:os';
import { closeDescriptor, openFlag, openPath } from '../native/descriptors.ts';
import { errno, errnoName } from '../native/errno.ts';
import { probeUring } from '../uring/probe.ts';
import { type KernelDeviceKind, kernelDeviceKinds } from './contract.ts';
import { switchUringOn } from './fuse/transport.ts';

export interface KernelDeviceProbe {
  readonly kind: KernelDeviceKind;
  readonly available: boolean;
  /** Why it is not available, as one sentence without a full stop; null if it is. */
  readonly reason: string | null;
  /** The command, or what else, mends that; null if nothing is to be mended or nothing can. */
  readonly mend: string | null;
  /** What else is worth knowing. */
  readonly detail: string | null;
}

/** Bit of CAP_SYS_ADMIN in the masks of /proc/self/status. */
const capSysAdmin = 21n;

function readText(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

export type ModuleState = 'loaded' | 'loadable' | 'missing';

/** Whether the kernel has a module: in use or built in, on disk for this very kernel, or not at all. */
export function moduleState(name: string, root = '/'): ModuleState {
  if (fs.existsSync(`${root}sys/module/${name}`)) return 'loaded';
  const directory = `${root}lib/modules/${os.release()}`;
  const file = new RegExp(`(?:^|/)${name.replaceAll('_', '[-_]')}\\.ko`, 'm');
  if (file.test(readText(`${directory}/modules.builtin`))) return 'loaded';
  return file.test(readText(`${directory}/modules.dep`)) ? 'loadable' : 'missing';
}

function mayAdministrate(): boolean {
  const mask = /^CapEff:\s*([0-9a-f]+)/m.exec(readText('/proc/self/status'))?.[1];
  return mask !== undefined && ((BigInt(`0x${mask}`) >> capSysAdmin) & 1n) === 1n;
}

function notBuiltIn(kind: KernelDeviceKind, module: string): KernelDeviceProbe {
  const state = moduleState(module);
  const detail =
    state === 'missing'
      ? `this kernel has no module ${module} either`
      : `this kernel has the module ${module}${state === 'loadable' ? ', not loaded' : ''}`;
  return { kind, available: false, reason: `${kind} is not built into Causeway yet`, mend: null, detail };
}

/** A device node that has to be there: why it cannot be opened and what mends it; null if it can. */
function openProblem(node: string, module: string): { reason: string; mend: string } | null {
  const fd = openPath(node, openFlag.readWrite);
  if (fd >= 0) {
    closeDescriptor(fd);
    return null;
  }
  if (fd === -errno.EACCES || fd === -errno.EPERM) {
    return { reason: `${node} may not be opened`, mend: 'Run as root; in a container, allow the device.' };
  }
  switch (moduleState(module)) {
    case 'loadable':
      return { reason: `the module ${module} is not loaded`, mend: `modprobe ${module}` };
    case 'loaded':
      return { reason: `${node} cannot be opened (${errnoName(fd)})`, mend: `Pass ${node} into the container.` };
    case 'missing':
      return { reason: `this kernel has no ${module}`, mend: `Use a kernel with the module ${module}.` };
  }
}

function noFuse(reason: string, mend: string | null): KernelDeviceProbe {
  return { kind: 'fuse', available: false, reason, mend, detail: null };
}

function probeFuse(): KernelDeviceProbe {
  const { refusal } = probeUring();
  if (refusal !== null) return noFuse(refusal.message, refusal.hint);
  const problem = openProblem('/dev/fuse', 'fuse') ?? openProblem('/dev/loop-control', 'loop');
  if (problem !== null) return noFuse(problem.reason, problem.mend);
  if (!mayAdministrate()) return noFuse('this process may not mount (no CAP_SYS_ADMIN)', 'Run as root.');
  const uring = switchUringOn(false);
  const detail = uring.note === null ? 'over io_uring' : `the classic way: ${uring.note}`;
  return { kind: 'fuse', available: true, reason: null, mend: null, detail };
}

/** One row for each kind, in the order in which `auto` would take them. */
export function probeKernelDevices(): KernelDeviceProbe[] {
  const probes: Readonly<Record<KernelDeviceKind, () => KernelDeviceProbe>> = {
    ublk: () => notBuiltIn('ublk', 'ublk_drv'),
    nbd: () => notBuiltIn('nbd', 'nbd'),
    fuse: probeFuse,
  };
  return kernelDeviceKinds.map((kind) => probes[kind]());
}
