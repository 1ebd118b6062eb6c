/** All instances of this host, running or left behind: from the files in the runtime directory. */
import { recordSuffix } from '../kernel/places.ts';
import { isAlive } from '../kernel/process-identity.ts';
import { type DeviceRecord, readRecord } from '../kernel/record.ts';
import { type InstanceKind, readInstanceRecord } from './instance-record.ts';
import { kernelPlaces, namesWith } from './runtime-dir.ts';

export interface InstanceEntry {
  readonly name: string;
  /** `library`: a device without a control socket, served by a program that uses the library. */
  readonly kind: InstanceKind | 'library';
  /** null where nothing is left that says it. */
  readonly pid: number | null;
  readonly since: string | null;
  /** Its process runs. If not, it ended without clearing up, and the next start under that name does that. */
  readonly alive: boolean;
  /** The kernel device that a dead process left and that waits for the next one; null if there is none. */
  readonly waiting: string | null;
}

/**
 * Sorted by name.
 * @throws CausewayError `needs-root`, `runtime-directory`
 */
export function listInstances(): InstanceEntry[] {
  const names = new Set(['.lock', '.sock', recordSuffix].flatMap(namesWith));
  return [...names].toSorted().map(entryOf);
}

function entryOf(name: string): InstanceEntry {
  const record = readInstanceRecord(name);
  const device = deviceRecord(name);
  const isServed = device !== null && isAlive(device.owner);
  const waiting = device !== null && device.survives && !isServed ? device.device : null;
  if (record === null) {
    return { name, kind: 'library', pid: device?.owner.pid ?? null, since: null, alive: isServed, waiting };
  }
  const { kind, owner, since } = record;
  return { name, kind, pid: owner.pid, since, alive: isAlive(owner), waiting };
}

function deviceRecord(name: string): DeviceRecord | null {
  const record = readRecord(kernelPlaces(), name);
  return record === 'damaged' ? null : record;
}
