/** All instances of this host, running or left behind: from the files in the runtime directory. */
import { defaultLinkDirectory, recordSuffix } from '../kernel/places.ts';
import { isAlive, type ProcessIdentity } from '../kernel/process-identity.ts';
import { readRecord } from '../kernel/record.ts';
import { type InstanceKind, readInstanceRecord } from './instance-record.ts';
import { namesWith, runtimeDirectory } from './runtime-dir.ts';

export interface InstanceEntry {
  readonly name: string;
  /** `library`: a device without a control socket, served by a program that uses the library. */
  readonly kind: InstanceKind | 'library';
  /** null where nothing is left that says it. */
  readonly pid: number | null;
  readonly since: string | null;
  /** Its process runs. If not, it ended without clearing up, and the next start under that name does that. */
  readonly alive: boolean;
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
  const kernelOwner = ownerOfKernelDevice(name);
  if (record === null) {
    const alive = kernelOwner !== null && isAlive(kernelOwner);
    return { name, kind: 'library', pid: kernelOwner?.pid ?? null, since: null, alive };
  }
  return { name, kind: record.kind, pid: record.owner.pid, since: record.since, alive: isAlive(record.owner) };
}

function ownerOfKernelDevice(name: string): ProcessIdentity | null {
  const places = { runtimeDirectory: runtimeDirectory(), linkDirectory: defaultLinkDirectory };
  const record = readRecord(places, name);
  return record === null || record === 'damaged' ? null : record.owner;
}
