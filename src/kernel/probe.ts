/** Which kinds of kernel device this host can offer, and why not the others. Looks only; changes nothing. */
import fs from 'node:fs';
import os from 'node:os';
import type { KernelDeviceKind } from './contract.ts';

export interface KernelDeviceProbe {
  readonly kind: KernelDeviceKind;
  readonly available: boolean;
  /** Why not, as part of a sentence; empty if it is available. */
  readonly reason: string;
  /** The command that mends it; empty if none does. */
  readonly mend: string;
}

/** What is looked at, so that tests can put another host in its place. */
export interface ProbedHost {
  exists(path: string): boolean;
  read(path: string): string;
  readonly release: string;
  readonly isRoot: boolean;
}

const thisHost: ProbedHost = {
  exists: (path) => fs.existsSync(path),
  read: (path) => {
    try {
      return fs.readFileSync(path, 'utf8');
    } catch {
      return '';
    }
  },
  release: os.release(),
  isRoot: process.getuid?.() === 0,
};

/** In the order in which `auto` would take them. */
export function probeKernelDevices(host: ProbedHost = thisHost): KernelDeviceProbe[] {
  return [notBuiltIn(host, 'ublk', 'ublk_drv'), notBuiltIn(host, 'nbd', 'nbd'), fuse(host)];
}

function hasModule(host: ProbedHost, module: string): boolean {
  if (host.exists(`/sys/module/${module}`)) return true;
  const folder = `/lib/modules/${host.release}`;
  const listed = `${host.read(`${folder}/modules.dep`)}\n${host.read(`${folder}/modules.builtin`)}`;
  return new RegExp(`/${module}\\.ko`).test(listed);
}

function notBuiltIn(host: ProbedHost, kind: 'ublk' | 'nbd', module: string): KernelDeviceProbe {
  const kernel = hasModule(host, module) ? `this kernel has ${module}` : `this kernel has no ${module} either`;
  return { kind, available: false, reason: `not in this version of Causeway yet (${kernel})`, mend: '' };
}

function fuse(host: ProbedHost): KernelDeviceProbe {
  const no = (reason: string, mend: string): KernelDeviceProbe => ({ kind: 'fuse', available: false, reason, mend });
  if (!host.isRoot) return no('making a device needs root', 'sudo causeway …');
  for (const [path, module] of [
    ['/dev/fuse', 'fuse'],
    ['/dev/loop-control', 'loop'],
  ] as const) {
    if (host.exists(path)) continue;
    if (hasModule(host, module)) return no(`${path} is missing: the module ${module} is not loaded`, `modprobe ${module}`);
    return no(`this kernel has no ${module}`, `boot a kernel with CONFIG_${module === 'fuse' ? 'FUSE_FS' : 'BLK_DEV_LOOP'}`);
  }
  return { kind: 'fuse', available: true, reason: '', mend: '' };
}
