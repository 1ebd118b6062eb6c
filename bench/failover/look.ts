/** Looking at a pair's volume while it is measured. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeviceView } from '../../src/host/view.ts';
import type { FabricPair } from '../fabric-pair.ts';

/** Between two looks, and how long anything waited for may take. Milliseconds. */
const step = 20;
const bound = 90_000;

export function viewOf(pair: FabricPair): Promise<DeviceView> {
  return pair.host.call('host.view', pair.volume.name);
}

/** @throws Error, naming `what`, if it does not hold in time */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + bound;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`${what}: not within ${bound / 1000} s`);
    await sleep(step);
  }
}

/** All paths carry I/O, and nothing is in doubt. */
export async function settled(pair: FabricPair): Promise<DeviceView> {
  let last = await viewOf(pair);
  await until('all paths, and no fence that is waited for', async () => {
    last = await viewOf(pair);
    return last.fences.length === 0 && last.paths.every(({ state }) => state === 'live-optimized');
  });
  return last;
}
