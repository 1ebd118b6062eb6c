/** What a FUSE kernel device leaves in the file system and among the loop devices. */
import fs from 'node:fs';
import path from 'node:path';
import { ownMounts } from '../../native/mount.ts';

/** Removes the mount point, after the unmount. */
export function removeMountPoint(mountPoint: string): void {
  // Ours is empty. A file with something in it, or one that is mounted over, is somebody else's by now.
  const there = fs.lstatSync(mountPoint, { throwIfNoEntry: false });
  if (there === undefined || !there.isFile() || there.size > 0) return;
  if (ownMounts().some((entry) => entry.target === mountPoint)) return;
  fs.rmSync(mountPoint, { force: true });
}

/** The path of the file behind a loop device, as the kernel names it; null if nothing is attached. */
export function backingOf(device: string): string | null {
  try {
    return fs.readFileSync(`/sys/block/${path.basename(device)}/loop/backing_file`, 'utf8').replace(/\n$/, '');
  } catch {
    return null;
  }
}

/** Loop devices that stand on this file. */
export function loopsOn(file: string): string[] {
  const loops = fs.readdirSync('/sys/block').filter((name) => name.startsWith('loop'));
  return loops.map((name) => `/dev/${name}`).filter((device) => backingOf(device) === file);
}
