/** Who uses a kernel device, before it is taken away. */
import { CausewayError } from '../base/errors.ts';
import { describeHolder, type DeviceHolder, holdersOf } from '../native/holders.ts';
import type { KernelHost } from './contract.ts';

/** Programs that look at every new device, and let go by themselves (udev). */
const lookers = new Set(['systemd-udevd', 'udevd', '(udev-worker)', 'blkid']);
const lookerMilliseconds = 3000;
const lookerStep = 50;

/** @param device its node, `/dev/loop3` */
export function deviceHolders(device: string): readonly DeviceHolder[] {
  return holdersOf(device.slice('/dev/'.length));
}

/** Holders that are not just having a look. */
export async function realHolders(host: KernelHost, device: string): Promise<readonly DeviceHolder[]> {
  const until = host.now() + lookerMilliseconds;
  for (;;) {
    const found = deviceHolders(device);
    const looking = found.every((holder) => holder.kind === 'process' && lookers.has(holder.name));
    if (found.length === 0 || !looking || host.now() > until) return found;
    await host.sleep(lookerStep);
  }
}

export function deviceBusy(device: string, name: string, holders: readonly DeviceHolder[]): CausewayError {
  const names = holders.length === 0 ? 'somebody who cannot be named' : holders.map(describeHolder).join(', ');
  return new CausewayError('kernel-device-busy', `${device} (${name}) is in use: ${names}`);
}
