/** Makes a kernel device of the kind that is wanted, or of the best kind that this host offers. */
import { CausewayError } from '../base/errors.ts';
import type { KernelDevice, KernelDeviceKind, KernelHost } from './contract.ts';
import { type FuseDeviceOptions, openFuseDevice } from './fuse/device.ts';
import { ringQueues } from './fuse/transport.ts';

export interface KernelDeviceOptions extends FuseDeviceOptions {
  readonly kind: 'auto' | KernelDeviceKind;
}

/** The most queues that a kernel device may have here. */
export function mostQueues(): number {
  return ringQueues();
}

/** @throws CausewayError `kernel-device-unavailable`, `kernel-device-failed`, `device-name-taken`, `invalid-argument` */
export async function openKernelDevice(host: KernelHost, options: KernelDeviceOptions): Promise<KernelDevice> {
  switch (options.kind) {
    case 'auto':
    case 'fuse':
      return await openFuseDevice(host, options);
    case 'ublk':
    case 'nbd':
      throw new CausewayError(
        'kernel-device-unavailable',
        `${options.kind} devices are not built into this version yet`,
        {
          hint: 'Use `--kernel-device fuse` (or `auto`); `causeway doctor` shows what this host offers.',
        },
      );
  }
}
