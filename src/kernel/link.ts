/** The stable name of a kernel device, `/dev/causeway/<name>`. */
import fs from 'node:fs';
import path from 'node:path';

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
export function removeLink(link: string, device: string | null): void {
  if (device === null) return;
  try {
    if (fs.readlinkSync(link) !== device) return;
    fs.unlinkSync(link);
    fs.rmdirSync(path.dirname(link));
  } catch {
    // Not there, or the directory has other names in it.
  }
}
