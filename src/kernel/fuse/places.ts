/** Where a FUSE kernel device leaves its own traces. */
import type { Places } from '../places.ts';

/** The file that the volume is mounted over. */
export function mountPoint(places: Places, name: string): string {
  return `${places.runtimeDirectory}/${name}.volume`;
}

/** What the mount calls its source, and `findmnt` shows. */
export function mountSource(name: string): string {
  return `causeway:${name}`;
}

/** The file system type as mountinfo shows it. */
export const mountType = 'fuse.causeway';
