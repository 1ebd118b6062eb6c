/** A loop device over any file, set up the way that our own kernel device sets up its own. */
import fs from 'node:fs';
import path from 'node:path';
import { askHelper } from '../../src/kernel/fuse/ask-helper.ts';
import type { KernelHost } from '../../src/kernel/contract.ts';
import type { Cleanup } from '../cleanup.ts';

const attachMilliseconds = 30_000;

/** What the helper's caller has to offer: nothing is served here. */
export const helperHost: KernelHost = {
  reactors: 0,
  serve: () => Promise.reject(new Error('nothing is served here')),
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds).unref()),
  now: () => performance.now(),
};

/** Attaches a loop device with direct I/O to the file, for as long as the run lasts. Returns its node. */
export async function loopOver(file: string, blockBytes: number, cleanup: Cleanup): Promise<string> {
  const { device } = await askHelper(
    helperHost,
    { kind: 'attach', file, blockBytes, readOnly: false, partitions: false },
    attachMilliseconds,
  );
  cleanup.add(async () => {
    await askHelper(helperHost, { kind: 'release', device, file }, attachMilliseconds);
  });
  fs.writeFileSync(path.join('/sys/block', path.basename(device), 'queue/scheduler'), 'none');
  return device;
}
