/** The initramfs of a guest: busybox, first-init.sh, and the kernel modules with which it reaches the host's root. */
import fs from 'node:fs';
import path from 'node:path';
import { root } from '../../../scripts/repository.ts';
import { run, shell } from '../../support/commands.ts';
import type { KernelFiles } from './kernel-store.ts';
import { loadOrder, moduleName } from './module-order.ts';

const MODULES = ['virtio_pci', 'virtio_console', 'virtio_net', 'virtio_rng', '9p', '9pnet_virtio', 'overlay'];
const FOLDERS = ['bin', 'modules', 'proc', 'sys', 'dev', 'host', 'over', 'root'];
const APPLETS = ['sh', 'mount', 'mkdir', 'insmod', 'switch_root', 'echo', 'poweroff'];

/** The program that takes a module out of its compression, by the end of its name. */
const UNPACKERS = { '.xz': 'xz', '.zst': 'zstd', '.gz': 'gzip' } as const;

/** Writes `file`; `folder` is an empty one to work in. */
export async function makeInitramfs(kernel: KernelFiles, folder: string, file: string): Promise<void> {
  for (const name of FOLDERS) fs.mkdirSync(path.join(folder, name), { recursive: true });
  // The static one: there is no libc in there.
  fs.copyFileSync((await shell('command -v busybox')).trim(), path.join(folder, 'bin/busybox'));
  for (const applet of APPLETS) fs.symlinkSync('busybox', path.join(folder, 'bin', applet));
  fs.copyFileSync(path.join(root, 'test/vm/harness/first-init.sh'), path.join(folder, 'init'));
  fs.chmodSync(path.join(folder, 'init'), 0o755);

  const base = path.join(kernel.modules, kernel.release);
  const order = loadOrder(fs.readFileSync(path.join(base, 'modules.dep'), 'utf8'), MODULES);
  for (const [place, module] of order.entries()) {
    const name = `${String(place).padStart(2, '0')}-${moduleName(module)}.ko`;
    await unpackModule(path.join(base, module), path.join(folder, 'modules', name));
  }
  await run('sh', '-ec', 'cd "$1"; find . | cpio --quiet -o -H newc >"$2"', 'sh', folder, file);
}

async function unpackModule(from: string, to: string): Promise<void> {
  const ending = path.extname(from);
  if (!isCompressed(ending)) fs.copyFileSync(from, to);
  else await run('sh', '-ec', '"$1" -dc "$2" >"$3"', 'sh', UNPACKERS[ending], from, to);
}

function isCompressed(ending: string): ending is keyof typeof UNPACKERS {
  return Object.hasOwn(UNPACKERS, ending);
}
