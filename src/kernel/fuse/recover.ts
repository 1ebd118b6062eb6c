/**
 * After a process that had a FUSE kernel device died: finds what it left behind and takes it away, and nothing that is
 * anybody else's. A record is taken for stale only if the process that wrote it does not run any more (number, start
 * time and boot); a mount only if place, type and source are the record's; a loop device only if it carries the
 * record's tag.
 */
import { CausewayError } from '../../base/errors.ts';
import type { KernelHost } from '../contract.ts';
import { askHelper } from './ask-helper.ts';
import { attachedLoops, backingOf, removeTraces } from './cleanup.ts';
import { abortAndUnmount } from './connection.ts';
import { type Places, recordPath } from './places.ts';
import { isAlive } from './process-identity.ts';
import { type DeviceRecord, readRecord, removeRecord } from './record.ts';

/** The connection is dead, so nothing that the helper does has to wait. */
const releaseMilliseconds = 10_000;

export interface Recovered {
  /** The loop device that was released; null if there was none. */
  readonly device: string | null;
  /** Somebody still has it open: it goes when they close it. Until then they get errors from it. */
  readonly held: boolean;
}

/** Loop devices that may be the record's; whether one is, only its tag tells. */
function candidates(record: DeviceRecord): string[] {
  return attachedLoops().filter((device) => device === record.device || backingOf(device) === record.mountPoint);
}

/** Clears up after a record whose owner is gone. The records' lock is held. */
export async function clearUp(host: KernelHost, places: Places, record: DeviceRecord): Promise<Recovered> {
  // Before the mount goes: afterwards the kernel no longer knows a path for the file behind the loop device.
  const devices = candidates(record);
  abortAndUnmount(record.mountPoint, record.source);
  let released: string | null = null;
  let held = false;
  for (const device of devices) {
    const answer = await askHelper(host, { kind: 'release', device, tag: record.tag }, releaseMilliseconds);
    if (answer.device !== '') released = device;
    held ||= answer.held;
  }
  removeTraces(record);
  removeRecord(places, record.name);
  return { device: released, held };
}

/**
 * Makes the name free: clears up after a dead owner. Null if there was nothing to do. The records' lock is held.
 * @throws CausewayError `device-name-taken` if its owner lives
 */
export async function recoverName(host: KernelHost, places: Places, name: string): Promise<Recovered | null> {
  const record = readRecord(places, name);
  if (record === null) return null;
  if (record === 'damaged') {
    throw new CausewayError('kernel-device-failed', `${recordPath(places, name)} is damaged`, {
      hint: 'Look with `findmnt` and `losetup` whether a mount or loop device of that name is left, then remove the file.',
    });
  }
  if (isAlive(record.owner)) {
    throw new CausewayError('device-name-taken', `the device ${name} is served by process ${record.owner.pid}`);
  }
  return await clearUp(host, places, record);
}
