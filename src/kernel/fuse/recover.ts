/**
 * After a process that had a FUSE kernel device died: finds what it left behind and takes it away, and nothing that is
 * anybody else's. A record is taken for stale only if the process that wrote it does not run any more (number, start
 * time and boot); a mount only if place, type and source are the record's; a loop device only if it stands on the file
 * in that mount.
 */
import { CausewayError } from '../../base/errors.ts';
import type { KernelHost } from '../contract.ts';
import { askHelper } from './ask-helper.ts';
import { loopsOn, removeTraces } from './cleanup.ts';
import { abortConnection, detachMount, mountsAt } from './connection.ts';
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

/** Clears up after a record whose owner is gone. The records' lock is held. */
async function clearUp(host: KernelHost, places: Places, record: DeviceRecord): Promise<Recovered> {
  let released: string | null = null;
  let held = false;
  // Without our mount at that place, whatever stands on that path is not ours.
  if (mountsAt(record.mountPoint, record.source).length > 0) {
    abortConnection(record.mountPoint, record.source);
    // The loop device first: it is known by the path of its file, which goes with the mount.
    for (const device of loopsOn(record.mountPoint)) {
      const work = { kind: 'release', device, file: record.mountPoint } as const;
      const answer = await askHelper(host, work, releaseMilliseconds);
      if (answer.device !== '') released = device;
      held ||= answer.held;
    }
    detachMount(record.mountPoint, record.source);
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
