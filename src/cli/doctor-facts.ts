/** Looks at this host for `causeway doctor`. Changes nothing, and what cannot be read is no error. */
import fs from 'node:fs';
import path from 'node:path';
import { type InstanceEntry, listInstances } from '../host/instances.ts';
import { companionProblem } from '../kernel/cuse/node.ts';
import { probeKernelDevices } from '../kernel/probe.ts';
import { switchUringOn } from '../kernel/fuse/transport.ts';
import { probeUring } from '../uring/probe.ts';
import type { HostFacts } from './doctor-checks.ts';

/** Programs that the manuals and the demonstration speak of, with their Debian packages. */
const usefulPrograms: Readonly<Record<string, string>> = {
  'mkfs.ext4': 'e2fsprogs',
  fio: 'fio',
  blkdiscard: 'util-linux',
};

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}

/** The number behind a name in a text such as /proc/meminfo; null if there is none. */
export function numberIn(text: string, pattern: RegExp): number | null {
  const found = pattern.exec(text)?.[1];
  return found === undefined || !/^\d+$/.test(found) ? null : Number(found);
}

/** The lowest memory.max on the way from this process's cgroup to the root (cgroup v2), bytes. */
function cgroupLimit(): number | null {
  const root = '/sys/fs/cgroup';
  let place = /^0::(\/.*)$/m.exec(read('/proc/self/cgroup'))?.[1] ?? '/';
  const limits: number[] = [];
  for (;;) {
    const limit = numberIn(read(path.join(root, place, 'memory.max')), /^(\d+)$/);
    if (limit !== null) limits.push(limit);
    if (place === '/') break;
    place = path.dirname(place);
  }
  return limits.length === 0 ? null : Math.min(...limits);
}

function isProgram(name: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return folders.some((folder) => {
    try {
      fs.accessSync(path.join(folder, name), fs.constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Instances whose process is gone; none where the directory is not ours to read. */
function staleInstances(): InstanceEntry[] {
  try {
    return listInstances().filter((instance) => !instance.alive);
  } catch {
    return [];
  }
}

export function lookAround(mayMakeDevices: boolean): HostFacts {
  const limits = read('/proc/self/limits');
  const kibibytes = numberIn(read('/proc/meminfo'), /^MemAvailable:\s+(\d+) kB/m);
  const uring = probeUring();
  const fuse = switchUringOn(false);
  const stale = staleInstances();
  const swaps = read('/proc/swaps').split('\n').slice(1);
  return {
    nodeVersion: process.versions.node,
    mayMakeDevices,
    uring: {
      refusal: uring.refusal === null ? null : { message: uring.refusal.message, hint: uring.refusal.hint },
      missing: uring.missing,
    },
    kernelDevices: probeKernelDevices().map(({ kind, available, loadable, reason, mend, detail }) => ({
      kind,
      available,
      loadable,
      reason: [reason, detail].filter((part) => part !== null).join('; '),
      mend: mend ?? '',
    })),
    companionProblem: companionProblem(),
    fuseUring: { available: fuse.available, note: fuse.note ?? '' },
    memoryAvailable: kibibytes === null ? null : kibibytes * 1024,
    memoryLimit: cgroupLimit(),
    lockedMemoryLimit: numberIn(limits, /^Max locked memory\s+(\d+)/m),
    swaps: swaps.map((line) => line.split(/\s/)[0] ?? '').filter((file) => file !== ''),
    openFilesLimit: numberIn(limits, /^Max open files\s+(\d+)/m),
    stale: stale.map(({ name }) => name),
    waiting: stale.flatMap(({ name, waiting }) => (waiting === null ? [] : [`${name} (${waiting})`])),
    programs: Object.entries(usefulPrograms).map(([name, debianPackage]) => ({
      name,
      found: isProgram(name),
      debianPackage,
    })),
  };
}
