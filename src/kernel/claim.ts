/**
 * A device's name is claimed by its record. What a dead process left under that name is taken over, if it waits for
 * somebody to serve it and the volume is the same, or cleared up; and nothing that is anybody else's. A record is taken
 * for left behind only if the process that wrote it does not run any more (number, start time and boot).
 */
import { CausewayError } from '../base/errors.ts';
import type { KernelDeviceKind, KernelHost } from './contract.ts';
import type { Cleared, DeviceOptions } from './driver.ts';
import { driverOf } from './drivers.ts';
import { removeLink } from './link.ts';
import { type Places, recordPath } from './places.ts';
import { bootId, isAlive, isGone, ownIdentity } from './process-identity.ts';
import { type DeviceRecord, KeptRecord, readRecord, removeRecord, withRecords, writeRecord } from './record.ts';

/**
 * How long the kernel may take to end the last thread of a process that was killed, or that one to end which has handed
 * its device over. Before that, an operation of one of its rings could still take a request away that nobody would answer.
 */
const goneMilliseconds = 10_000;
const goneStep = 2;

/** The record of a name whose owner is gone; null if there is none. The records' lock is held. */
async function leftBehind(host: KernelHost, places: Places, name: string): Promise<DeviceRecord | null> {
  const record = readRecord(places, name);
  if (record === null) return null;
  if (record === 'damaged') {
    throw new CausewayError('kernel-device-failed', `${recordPath(places, name)} is damaged`, {
      hint: 'Look with `findmnt`, `losetup` and `lsblk` whether a device of that name is left, then remove the file.',
    });
  }
  const until = host.now() + goneMilliseconds;
  while (!isGone(record.owner) && (record.handedOver || !isAlive(record.owner)) && host.now() < until) {
    await host.sleep(goneStep);
  }
  if (!isGone(record.owner)) {
    throw new CausewayError('device-name-taken', `the device ${name} is served by process ${record.owner.pid}`);
  }
  return record;
}

/** Takes away what a dead process left. The records' lock is held. */
export async function clearLeft(host: KernelHost, places: Places, record: DeviceRecord): Promise<Cleared> {
  // Nothing in the kernel outlives it.
  const isOfThisBoot = record.owner.bootId === bootId();
  const driver = driverOf(record.traces.kind);
  const cleared = isOfThisBoot
    ? await driver.clear(host, new KeptRecord(places, record, driver.isTraces))
    : { device: null, held: false };
  removeLink(record.link, record.device);
  removeRecord(places, record.name);
  return cleared;
}

/**
 * Makes the name free: clears up after a dead owner, whether something waits or not. Null if there was nothing to do.
 * @throws CausewayError `device-name-taken` if its owner lives, `kernel-device-failed`
 */
export async function clearName(host: KernelHost, places: Places, name: string): Promise<Cleared | null> {
  return await withRecords(host, places, async () => {
    const record = await leftBehind(host, places, name);
    return record === null ? null : await clearLeft(host, places, record);
  });
}

/** What stands in the way of taking this device over for what is wanted; null if nothing does. */
function mismatch(record: DeviceRecord, options: DeviceOptions, kind: 'auto' | KernelDeviceKind): string | null {
  const { volume, traces } = record;
  if (volume.id !== options.volume) return `it is of the volume ${volume.id}, not of ${options.volume}`;
  if (volume.blockBytes !== options.geometry.blockBytes) return `it has blocks of ${volume.blockBytes} bytes`;
  if (volume.readOnly !== options.geometry.readOnly) return `it is ${volume.readOnly ? 'read-only' : 'writable'}`;
  if (kind !== 'auto' && kind !== traces.kind) return `it is of the kind ${traces.kind}, not ${kind}`;
  return null;
}

export interface Claim {
  /** This process's own, and written. */
  readonly record: DeviceRecord;
  /** Who had the device that is to be taken over; null: there is none. */
  readonly earlier: DeviceRecord['owner'] | null;
}

/**
 * Claims the name.
 * @param kind the kind that is wanted
 * @param first the record that a new device begins with
 * @throws CausewayError `device-name-taken`; `kernel-device-left`: there is a device whose users wait for another volume
 */
export async function claimName(
  host: KernelHost,
  places: Places,
  options: DeviceOptions,
  kind: 'auto' | KernelDeviceKind,
  first: DeviceRecord,
  notes: string[],
): Promise<Claim> {
  return await withRecords(host, places, async () => {
    const left = await leftBehind(host, places, options.name);
    if (left !== null) {
      // A device of an earlier boot went with that.
      const waits = left.survives && left.device !== null && left.owner.bootId === bootId();
      if (waits) {
        const problem = mismatch(left, options, kind);
        if (problem !== null) {
          const what = `${left.device} (${options.name}), left by process ${left.owner.pid}, waits to be served`;
          throw new CausewayError('kernel-device-left', `${what}, but ${problem}`);
        }
        const record = { ...left, owner: ownIdentity(), handedOver: false };
        writeRecord(places, record);
        return { record, earlier: left.owner };
      }
      notes.push(describeCleared(await clearLeft(host, places, left)));
    }
    writeRecord(places, first);
    return { record: first, earlier: null };
  });
}

export function describeCleared({ device, held }: Cleared): string {
  const what = device === null ? '' : ` (${device}${held ? ', still open somewhere' : ''})`;
  return `cleared up after an instance that had died${what}`;
}
