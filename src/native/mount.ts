/** mount(2) and umount2(2), and what /proc/self/mountinfo says. */
import fs from 'node:fs';
import { bind, lastErrno } from './libc.ts';

/** MS_* of sys/mount.h */
export const mountFlag = {
  readOnly: 1,
  noSuid: 2,
  noDev: 4,
  noExec: 8,
  noAtime: 1024,
} as const;

/** MNT_* and UMOUNT_* of sys/mount.h */
export const unmountFlag = {
  /** Tells the file system to give up what is under way; FUSE aborts its connection. */
  force: 1,
  /** Takes the mount out of the tree at once; it goes for good when nobody uses it any more. */
  detach: 2,
  noFollow: 8,
} as const;

const mountCall = bind<[string, string, string, number, string]>(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
);
const umountCall = bind<[string, number]>('int umount2(const char *target, int flags)');

/** 0, or -errno. */
export function mount(source: string, target: string, type: string, flags: number, data: string): number {
  return mountCall(source, target, type, flags, data) < 0 ? -lastErrno() : 0;
}

/** 0, or -errno. */
export function unmount(target: string, flags: number): number {
  return umountCall(target, flags) < 0 ? -lastErrno() : 0;
}

/** One line of mountinfo (proc_pid_mountinfo(5)). */
export interface MountEntry {
  readonly id: number;
  readonly major: number;
  readonly minor: number;
  readonly target: string;
  readonly type: string;
  readonly source: string;
}

/** Space, tab, newline and backslash stand in mountinfo as octal. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** The mounts of a mountinfo text, in the order of mounting; lines that are not understood are left out. */
export function parseMountInfo(text: string): MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split('\n')) {
    const [left, right] = line.split(' - ');
    if (left === undefined || right === undefined) continue;
    const [id, , device, , target] = left.split(' ');
    const [type, source] = right.split(' ');
    const numbers = /^(\d+):(\d+)$/.exec(device ?? '');
    if (numbers === null || target === undefined || type === undefined || source === undefined) continue;
    entries.push({
      id: Number(id),
      major: Number(numbers[1]),
      minor: Number(numbers[2]),
      target: unescapeOctal(target),
      type,
      source: unescapeOctal(source),
    });
  }
  return entries;
}

/** The mounts that this process sees. Reading them asks no file system anything, so it cannot hang. */
export function ownMounts(): MountEntry[] {
  return parseMountInfo(fs.readFileSync('/proc/self/mountinfo', 'utf8'));
}

const S_IFBLK = 0o060000;
const mknodCall = bind<[string, number, number]>(
  'int mknod(const char *path, unsigned int mode, unsigned long device)',
);

/** Makes a block device node, for a /dev that the kernel does not fill by itself (a container's). 0, or -errno. */
export function makeBlockNode(path: string, major: number, minor: number): number {
  const device = (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);
  return mknodCall(path, S_IFBLK | 0o600, device) < 0 ? -lastErrno() : 0;
}
