/** What a dead process left under a name, given up for good: nobody comes who goes on with it. */
import { CausewayError } from '../base/errors.ts';
import { clearName } from '../kernel/claim.ts';
import type { KernelHost } from '../kernel/contract.ts';
import type { Cleared } from '../kernel/driver.ts';
import { deviceHolders } from '../kernel/in-use.ts';
import { readRecord } from '../kernel/record.ts';
import { describeHolder } from '../native/holders.ts';
import { claimInstance } from './instance-claim.ts';
import { kernelPlaces } from './runtime-dir.ts';

/** What runs keeps the process alive; how often does not matter. */
const awakeMilliseconds = 60_000;

/** Nothing is served here. */
const clearingHost: KernelHost = {
  reactors: 0,
  serve: () => Promise.reject(new CausewayError('assertion', 'nothing is served while something is cleared up')),
  // A bound that was not reached is not to keep the process from ending.
  sleep: (milliseconds) => new Promise((resolve) => void setTimeout(resolve, milliseconds).unref()),
  now: () => performance.now(),
};

/**
 * Takes away the kernel device and the files of a name whose process is dead. What it left about writes of unknown outcome
 * stays: whoever attaches the volume next has to know.
 * @param force also while somebody uses the device: they get input/output errors
 * @throws CausewayError `name-in-use` if its process lives, `device-in-use`, `kernel-device-failed`
 */
export async function clearLeftBehind(name: string, force: boolean): Promise<Cleared> {
  const claim = claimInstance(name, 'attach');
  // While something is waited for, there is something to wait for.
  const awake = setInterval(() => {}, awakeMilliseconds);
  try {
    const places = kernelPlaces();
    const record = readRecord(places, name);
    if (record !== null && record !== 'damaged' && record.survives && record.device !== null && !force) {
      const holders = deviceHolders(record.device);
      if (holders.length > 0) {
        const who = holders.map(describeHolder).join(', ');
        throw new CausewayError('device-in-use', `${record.device} (${name}) waits for its next process, for ${who}`);
      }
    }
    return (await clearName(clearingHost, places, name)) ?? { device: null, held: false };
  } finally {
    clearInterval(awake);
    claim.release();
  }
}
