/** The kinds of kernel device that this version can make. */
import { CausewayError } from '../base/errors.ts';
import type { KernelDeviceKind } from './contract.ts';
import type { KernelDriver } from './driver.ts';
import { fuseDriver } from './fuse/driver.ts';
import { nbdDriver } from './nbd/driver.ts';
import { ublkDriver } from './ublk/driver.ts';

const drivers: readonly KernelDriver[] = [ublkDriver, nbdDriver, fuseDriver];

/** Null: not built in. */
export function findDriver(kind: KernelDeviceKind): KernelDriver | null {
  return drivers.find((driver) => driver.kind === kind) ?? null;
}

/** @throws CausewayError `kernel-device-unavailable` */
export function driverOf(kind: KernelDeviceKind): KernelDriver {
  const driver = findDriver(kind);
  if (driver !== null) return driver;
  throw new CausewayError('kernel-device-unavailable', `${kind} devices are not built into this version yet`, {
    hint: 'Use `--kernel-device fuse` (or `auto`); `causeway doctor` shows what this host offers.',
  });
}
