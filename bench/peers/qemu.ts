/** qemu-storage-daemon with its FUSE export: an image file comes out as another file, over user space. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cleanup } from '../cleanup.ts';
import type { WatchedProcess } from '../cpu-time.ts';
import { end, start } from '../programs.ts';

const startMilliseconds = 10_000;
const step = 50;
const endSeconds = 10;

/** FUSE in the mount table: the export covers the file that it is mounted on. */
function isExported(file: string): boolean {
  return fs
    .readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[4] === file);
}

/** Exports the image for as long as the run lasts. */
export async function exportWithQemu(
  image: string,
  cleanup: Cleanup,
): Promise<{ file: string; process: WatchedProcess }> {
  const file = path.join(path.dirname(image), 'qemu-export');
  fs.closeSync(fs.openSync(file, 'w', 0o600));
  const { child, complaints } = start('qemu-storage-daemon', [
    '--blockdev',
    `driver=file,node-name=image,filename=${image},discard=unmap`,
    '--export',
    `type=fuse,id=export,node-name=image,mountpoint=${file},writable=on`,
  ]);
  cleanup.add(() => end(child, endSeconds));
  const until = performance.now() + startMilliseconds;
  while (!isExported(file)) {
    if (child.exitCode !== null || performance.now() > until || child.pid === undefined) {
      throw new Error(`qemu-storage-daemon exports nothing: ${complaints()}`);
    }
    await sleep(step);
  }
  return { file, process: { name: 'qemu', pid: child.pid ?? 0, threads: [] } };
}
