/** What a probe looks at: modules, rights, device nodes. Looks; changes nothing. */
import fs from 'node:fs';
import os from 'node:os';
import { closeDescriptor, openFlag, openPath } from '../native/descriptors.ts';
import { errno, errnoName } from '../native/errno.ts';
import type { KernelDeviceKind } from './contract.ts';

export interface KernelDeviceProbe {
  readonly kind: KernelDeviceKind;
  readonly available: boolean;
  /** Why it is not available, as one sentence without a full stop; null if it is. */
  readonly reason: string | null;
  /** The command, or what else, mends that; null if nothing is to be mended or nothing can. */
  readonly mend: string | null;
  /** The module that has only to be loaded, for there to be more to see; null if it is something else. */
  readonly loadable: string | null;
  /** What else is worth knowing. */
  readonly detail: string | null;
}

export interface Problem {
  readonly reason: string;
  readonly mend: string;
  readonly loadable: string | null;
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

export function mayAdministrate(): boolean {
  const mask = /^CapEff:\s*([0-9a-f]+)/m.exec(readText('/proc/self/status'))?.[1];
  return mask !== undefined && ((BigInt(`0x${mask}`) >> capSysAdmin) & 1n) === 1n;
}

/** A device node that has to be there: why it cannot be opened and what mends it; null if it can. */
export function openProblem(node: string, module: string): Problem | null {
  const fd = openPath(node, openFlag.readWrite);
  if (fd >= 0) {
    closeDescriptor(fd);
    return null;
  }
  if (fd === -errno.EACCES || fd === -errno.EPERM) {
    return {
      reason: `${node} may not be opened`,
      mend: 'Run as root; in a container, allow the device.',
      loadable: null,
    };
  }
  switch (moduleState(module)) {
    case 'loadable':
      return { reason: `the module ${module} is not loaded`, mend: `modprobe ${module}`, loadable: module };
    case 'loaded':
      return {
        reason: `${node} cannot be opened (${errnoName(fd)})`,
        mend: `Pass ${node} into the container.`,
        loadable: null,
      };
    case 'missing':
      return {
        reason: `this kernel has no ${module}`,
        mend: `Use a kernel with the module ${module}.`,
        loadable: null,
      };
  }
}

/** A row for a kind that is there. */
export function offered(kind: KernelDeviceKind, detail: string | null): KernelDeviceProbe {
  return { kind, available: true, reason: null, mend: null, loadable: null, detail };
}

/** A row for a kind that is not. */
export function notOffered(
  kind: KernelDeviceKind,
  problem: Omit<Problem, 'mend'> & { readonly mend: string | null },
): KernelDeviceProbe {
  return { kind, available: false, ...problem, detail: null };
}
