/**
 * Who uses a block device: processes that have it open, mounts, swap, and devices built on top of it (device mapper,
 * md, loop). Only what the kernel tells about itself is read, and the nodes in /dev: nothing in here asks a file system
 * that might not answer.
 */
import fs from 'node:fs';
import path from 'node:path';
import { parseMountInfo } from './mount.ts';

export interface DeviceHolder {
  readonly kind: 'process' | 'mount' | 'swap' | 'device';
  /** The process, for kind `process`. */
  readonly pid: number | null;
  /** Name of the process, mount point, or name of the device on top. */
  readonly name: string;
}

/** A device and its partitions. */
interface Family {
  /** Kernel names: loop3, loop3p1. */
  readonly names: ReadonlySet<string>;
  /** "major:minor" of each. */
  readonly numbers: ReadonlySet<string>;
}

function listDirectory(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch {
    // Gone meanwhile, or not ours to see.
    return [];
  }
}

function readText(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** @param sysBlock directory of the device in /sys/block */
function familyOf(sysBlock: string): Family {
  const names = new Set<string>();
  const numbers = new Set<string>();
  const add = (directory: string): void => {
    const number = readText(path.join(directory, 'dev')).trim();
    if (number === '') return;
    names.add(path.basename(directory));
    numbers.add(number);
  };
  add(sysBlock);
  for (const entry of listDirectory(sysBlock)) {
    if (fs.existsSync(path.join(sysBlock, entry, 'partition'))) add(path.join(sysBlock, entry));
  }
  return { names, numbers };
}

/** "major:minor" of a Linux dev_t as stat gives it. */
function deviceNumber(rdev: number): string {
  const major = Math.floor(rdev / 256) % 4096;
  const minor = (rdev % 256) + Math.floor(rdev / 2 ** 20) * 256;
  return `${major}:${minor}`;
}

/**
 * True if a descriptor refers to one of the devices. Only descriptors whose path looks like a device node are asked
 * about: a stat of any other could end up at a file system that hangs, our own among them.
 */
function refersTo(family: Family, link: string): boolean {
  let target: string;
  try {
    target = fs.readlinkSync(link);
  } catch {
    return false;
  }
  if (!target.startsWith('/dev/') && !family.names.has(path.basename(target))) return false;
  try {
    const stat = fs.statSync(link);
    return stat.isBlockDevice() && family.numbers.has(deviceNumber(stat.rdev));
  } catch {
    return false;
  }
}

function processHolders(family: Family): DeviceHolder[] {
  const found: DeviceHolder[] = [];
  for (const entry of listDirectory('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const directory = `/proc/${entry}/fd`;
    if (!listDirectory(directory).some((fd) => refersTo(family, `${directory}/${fd}`))) continue;
    found.push({ kind: 'process', pid: Number(entry), name: readText(`/proc/${entry}/comm`).trim() });
  }
  return found;
}

/** Mounts in every mount namespace there is: a container's mount holds a device as much as ours does. */
function mountHolders(family: Family): DeviceHolder[] {
  const targets = new Set<string>();
  const namespaces = new Set<string>();
  for (const entry of ['self', ...listDirectory('/proc').filter((name) => /^\d+$/.test(name))]) {
    let namespace: string;
    try {
      namespace = fs.readlinkSync(`/proc/${entry}/ns/mnt`);
    } catch {
      continue;
    }
    if (namespaces.has(namespace)) continue;
    namespaces.add(namespace);
    for (const mount of parseMountInfo(readText(`/proc/${entry}/mountinfo`))) {
      // A file system on several devices (btrfs) has a number of its own and names one device as its source.
      const named = mount.source.startsWith('/dev/') && family.names.has(path.basename(mount.source));
      if (named || family.numbers.has(`${mount.major}:${mount.minor}`)) targets.add(mount.target);
    }
  }
  return [...targets].map((name) => ({ kind: 'mount', pid: null, name }));
}

function swapHolders(family: Family): DeviceHolder[] {
  const lines = readText('/proc/swaps').split('\n').slice(1);
  const files = lines.map((line) => line.split(/\s/)[0] ?? '').filter((file) => file.startsWith('/dev/'));
  const ours = files.filter((file) => family.names.has(path.basename(file)));
  return ours.map((name) => ({ kind: 'swap', pid: null, name }));
}

function deviceHolders(sysBlock: string, family: Family): DeviceHolder[] {
  const found: DeviceHolder[] = [];
  for (const name of family.names) {
    const directory = name === path.basename(sysBlock) ? sysBlock : path.join(sysBlock, name);
    for (const holder of listDirectory(path.join(directory, 'holders'))) {
      const mapped = readText(`/sys/block/${holder}/dm/name`).trim();
      found.push({ kind: 'device', pid: null, name: mapped === '' ? holder : mapped });
    }
  }
  // A loop device names its backing device, but not the other way round.
  for (const loop of listDirectory('/sys/block').filter((name) => name.startsWith('loop'))) {
    const backing = readText(`/sys/block/${loop}/loop/backing_file`).trim();
    if (backing.startsWith('/dev/') && family.names.has(path.basename(backing))) {
      found.push({ kind: 'device', pid: null, name: loop });
    }
  }
  return found;
}

/** Who uses the block device with this kernel name (`loop3`), its partitions included. Needs root to see everybody. */
export function holdersOf(kernelName: string): DeviceHolder[] {
  const sysBlock = `/sys/block/${kernelName}`;
  const family = familyOf(sysBlock);
  if (family.numbers.size === 0) return [];
  return [
    ...mountHolders(family),
    ...swapHolders(family),
    ...deviceHolders(sysBlock, family),
    ...processHolders(family),
  ];
}

/** One holder for people: `fio (pid 4711)`, `mounted on /srv`, `swap /dev/loop3`, `device vg-root`. */
export function describeHolder(holder: DeviceHolder): string {
  switch (holder.kind) {
    case 'process':
      return `${holder.name} (pid ${holder.pid})`;
    case 'mount':
      return `mounted on ${holder.name}`;
    case 'swap':
      return `swap on ${holder.name}`;
    case 'device':
      return `device ${holder.name}`;
  }
}
