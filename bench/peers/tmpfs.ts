/** Files in memory, in large pages where the kernel has them: that is what our own memory volumes stand on as well. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Cleanup } from '../cleanup.ts';
import { run } from '../programs.ts';

/** Room for a file system's own needs. */
const reserve = 64 * 1024 * 1024;

/** Mounts a tmpfs for as long as the run lasts; returns its directory. */
export async function makeTmpfs(bytes: number, cleanup: Cleanup): Promise<string> {
  const directory = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'causeway-bench-')));
  cleanup.add(() => fs.rmdirSync(directory));
  const mount = (options: string): Promise<unknown> =>
    run('mount', ['-t', 'tmpfs', '-o', options, 'causeway-bench', directory], 10);
  const size = `size=${bytes + reserve},mode=700`;
  await mount(`${size},huge=always`).catch(() => mount(size));
  cleanup.add(async () => {
    await run('umount', [directory], 10);
  });
  return directory;
}

/** Makes a sparse file of this size. */
export function makeImage(directory: string, name: string, bytes: number): string {
  const file = path.join(directory, name);
  fs.closeSync(fs.openSync(file, 'w', 0o600));
  fs.truncateSync(file, bytes);
  return file;
}
