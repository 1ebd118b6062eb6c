/**
 * Aborting a FUSE connection: every request that waits for an answer ends with an error, at once, whoever waits. It
 * needs nothing from the process that serves it.
 */
import fs from 'node:fs';
import { type MountEntry, ownMounts, unmount, unmountFlag } from '../../native/mount.ts';
import { anonymousMajor } from './abi.ts';
import { mountType } from './places.ts';

const connections = '/sys/fs/fuse/connections';

/** Our mounts at this place: of our type and with this source. */
export function mountsAt(target: string, source: string): MountEntry[] {
  return ownMounts().filter((entry) => entry.target === target && entry.type === mountType && entry.source === source);
}

/** Aborts the connection of a mount through the control file system, where that is mounted. */
function abortByControl(entry: MountEntry): void {
  if (entry.major !== anonymousMajor) return;
  const file = `${connections}/${entry.minor}/abort`;
  try {
    fs.writeFileSync(file, '1');
  } catch {
    // Dead already, or not mounted: unmounting by force aborts as well.
  }
}

/**
 * Aborts the connections of our mounts at this place. The mounts stay while anybody, a loop device included, uses
 * them.
 */
export function abortConnection(target: string, source: string): void {
  for (const entry of mountsAt(target, source)) {
    abortByControl(entry);
    // Aborts as well, before it looks whether the mount is in use.
    unmount(target, unmountFlag.force | unmountFlag.noFollow);
  }
}

/** Takes our mounts at this place out of the tree, used or not. */
export function detachMount(target: string, source: string): void {
  for (let left = mountsAt(target, source).length; left > 0; left -= 1) {
    unmount(target, unmountFlag.detach | unmountFlag.noFollow);
  }
}
