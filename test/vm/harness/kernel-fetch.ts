/**
 * Fills the store of kernels: whole or not at all, by one process at a time. Removing a kernel's folder from it makes
 * the next start fetch the newest of its line.
 */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errno } from '../../../src/native/errno.ts';
import { tryLock } from '../../../src/native/locks.ts';
import { run } from '../../support/commands.ts';
import { Apt } from './apt.ts';
import { storedKernel, storeFolder } from './kernel-store.ts';
import { choosePackages, type KernelName, kernelNames } from './kernels.ts';

/** How long to wait for another process that fetches: three kernels over a slow network. */
const LOCK_SECONDS = 3600;
const BUILDING = 'building-';

/** Fetches what is missing of these kernels. Says so before it takes long. */
export async function fetchKernels(
  wanted: readonly KernelName[] = kernelNames,
  say: (text: string) => void = () => {},
  store = storeFolder(),
): Promise<void> {
  const missing = (): KernelName[] => wanted.filter((kernel) => storedKernel(kernel, store) === null);
  if (missing().length === 0) return;
  fs.mkdirSync(store, { recursive: true });
  const lock = fs.openSync(path.join(store, 'lock'), 'w');
  try {
    await waitForLock(lock, say);
    for (const name of fs.readdirSync(store)) {
      // Of one that was killed: it would hold the lock if it lived.
      if (name.startsWith(BUILDING)) fs.rmSync(path.join(store, name), { recursive: true });
    }
    if (missing().length > 0) await build(missing(), store, say);
  } finally {
    // The lock goes with the descriptor. Its file stays: others may be waiting for it.
    fs.closeSync(lock);
  }
}

async function waitForLock(lock: number, say: (text: string) => void): Promise<void> {
  const end = performance.now() + LOCK_SECONDS * 1000;
  for (let first = true; ; first = false) {
    const result = tryLock(lock);
    if (result === 0) return;
    if (result !== -errno.EAGAIN) throw new Error(`cannot lock the store of kernels: errno ${-result}`);
    if (first) say('waiting for another process that fetches kernels');
    if (performance.now() > end) throw new Error(`another process fetches kernels for more than ${LOCK_SECONDS} s`);
    await sleep(200);
  }
}

async function build(kernels: readonly KernelName[], store: string, say: (text: string) => void): Promise<void> {
  const folder = fs.mkdtempSync(path.join(store, BUILDING));
  try {
    const apt = new Apt(folder);
    say('reading the lists of kernel packages');
    await apt.update();
    const names = await apt.packageNames('linux-');
    for (const kernel of kernels) {
      const choice = choosePackages(kernel, names);
      if (choice === null) throw new Error(`the mirror has no kernel ${kernel}`);
      say(`fetching the kernel ${choice.release} (${choice.packages.join(', ')})`);
      const unpacked = path.join(folder, `unpacked-${kernel}`);
      await apt.unpack(choice.packages, unpacked);
      const made = path.join(folder, kernel);
      await arrange(unpacked, choice.release, made);
      fs.renameSync(made, path.join(store, kernel));
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Packages of different ages put the files in different places; here they are always in the same. */
async function arrange(unpacked: string, release: string, into: string): Promise<void> {
  const first = (...candidates: string[]): string => {
    const found = candidates.map((name) => path.join(unpacked, name)).find((name) => fs.existsSync(name));
    if (found === undefined) throw new Error(`the packages of ${release} hold none of ${candidates.join(', ')}`);
    return found;
  };
  const modules = first(`usr/lib/modules/${release}`, `lib/modules/${release}`);
  const image = first(`boot/vmlinuz-${release}`, `usr/lib/modules/${release}/vmlinuz`);
  fs.mkdirSync(path.join(into, 'lib/modules'), { recursive: true });
  fs.copyFileSync(image, path.join(into, 'vmlinuz'));
  fs.renameSync(modules, path.join(into, 'lib/modules', release));
  await run('depmod', '-b', into, release);
}
