/**
 * Aborting a FUSE connection: every request that waits for an answer ends with an error, at once, whoever waits. It
 * needs nothing from the process that serves it.
 */
import fs from 'node:fs';
import { mount, type MountEntry, ownMounts, unmount, unmountFlag } from '../../native/mount.ts';
import { anonymousMajor } from './abi.ts';
import { mountType } from './places.ts';

const connections = '/sys/fs/fuse/connections';

/** Our mounts at this place: of our type and with this source. */
export function mountsAt(target: string, source: string): MountEntry[] {
  return ownMounts().filter(
    (entry) => entry.target === target && entry.type === mountType && entry.source === source,
  );
}

/** Aborts the connection of a mount through the control file system, which is mounted if it is not. */
function abortByControl(entry: MountEntry): void {
  if (entry.major !== anonymousMajor) return;
  const file = `${connections}/${entry.minor}/abort`;
  if (!fs.existsSync(file)) mount('none', connections, 'fusectl', 0, '');
  try {
    fs.writeFileSync(file, '1');
  } catch {
    // Dead already, or there is no control file system: unmounting by force aborts as well.
  }
}

/** Aborts the connections of our mounts at this place and takes the mounts away, used or not. */
export function abortAndUnmount(target: string, source: string): void {
  for (const entry of mountsAt(target, source)) {
    abortByControl(entry);
    unmount(target, unmountFlag.force | unmountFlag.detach | unmountFlag.noFollow);
  }
}
