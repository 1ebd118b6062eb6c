/** Takes away what a kernel device leaves in the file system, if it is that device's. */
import fs from 'node:fs';
import path from 'node:path';
import { ownMounts } from '../../native/mount.ts';
import type { DeviceRecord } from './record.ts';

/** Makes or replaces the stable name. False if that is not possible. */
export function makeLink(link: string, device: string): boolean {
  const draft = `${link}.${process.pid}`;
  try {
    fs.mkdirSync(path.dirname(link), { recursive: true, mode: 0o755 });
    fs.rmSync(draft, { force: true });
    fs.symlinkSync(device, draft);
    fs.renameSync(draft, link);
    return true;
  } catch {
    fs.rmSync(draft, { force: true });
    return false;
  }
}

/** Removes the stable name if it still leads to `device`, and its directory with the last one. */
function removeLink(link: string, device: string): void {
  try {
    if (fs.readlinkSync(link) !== device) return;
    fs.unlinkSync(link);
    fs.rmdirSync(path.dirname(link));
  } catch {
    // Not there, or the directory has other names in it.
  }
}

/** Removes link and mount point, after the unmount. */
export function removeTraces(record: DeviceRecord): void {
  if (record.device !== null) removeLink(record.link, record.device);
  // Ours is empty. A file with something in it, or one that is mounted over, is somebody else's by now.
  const there = fs.lstatSync(record.mountPoint, { throwIfNoEntry: false });
  if (there === undefined || !there.isFile() || there.size > 0) return;
  if (ownMounts().some((entry) => entry.target === record.mountPoint)) return;
  fs.rmSync(record.mountPoint, { force: true });
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
