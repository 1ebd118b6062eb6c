/** Kernels, unpacked from their packages and kept for this host. A folder that is there is complete. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { KernelName } from './kernels.ts';

export interface KernelFiles {
  readonly release: string;
  readonly image: string;
  /** The folder that is to be seen at /lib/modules. */
  readonly modules: string;
}

export function storeFolder(): string {
  const { CAUSEWAY_VM_CACHE, XDG_CACHE_HOME } = process.env;
  if (CAUSEWAY_VM_CACHE !== undefined && CAUSEWAY_VM_CACHE !== '') return path.resolve(CAUSEWAY_VM_CACHE);
  // The convention says to ignore one that is not absolute.
  const cache = XDG_CACHE_HOME?.startsWith('/') === true ? XDG_CACHE_HOME : path.join(os.homedir(), '.cache');
  return path.join(cache, 'causeway-vm');
}

/** What the store has of a kernel; null if it was not fetched yet. */
export function storedKernel(kernel: KernelName, store = storeFolder()): KernelFiles | null {
  const folder = path.join(store, kernel);
  if (!fs.existsSync(folder)) return null;
  const modules = path.join(folder, 'lib/modules');
  const [release] = fs.readdirSync(modules);
  if (release === undefined) throw new Error(`${folder} is damaged: remove it, and it is fetched again`);
  return { release, image: path.join(folder, 'vmlinuz'), modules };
}
