/**
 * The record of a FUSE kernel device: written before the first trace is left anywhere, so that whatever is found later
 * without its owner can be told from everybody else's and cleared up.
 */
import fs from 'node:fs';
import path from 'node:path';
import { CausewayError } from '../../base/errors.ts';
import { closeDescriptor, openFlag, openPath } from '../../native/descriptors.ts';
import { systemError } from '../../native/libc.ts';
import { tryLock } from '../../native/locks.ts';
import type { KernelHost } from '../contract.ts';
import { type Places, recordPath } from './places.ts';
import { ownIdentity, type ProcessIdentity } from './process-identity.ts';

const version = 1;
const lockName = '.lock';
/** How long another instance may take to make its record or to clear up; it holds the lock only for that. */
const lockMilliseconds = 30_000;
const lockStep = 20;

export interface DeviceRecord {
  readonly version: number;
  readonly name: string;
  readonly owner: ProcessIdentity;
  /** The file that the volume is mounted over. */
  readonly mountPoint: string;
  readonly source: string;
  readonly link: string;
  /** The loop device, once there is one. */
  readonly device: string | null;
}

function isRecord(value: unknown): value is DeviceRecord {
  if (typeof value !== 'object' || value === null) return false;
  const fields = new Map(Object.entries(value));
  const owner: unknown = fields.get('owner');
  if (typeof owner !== 'object' || owner === null) return false;
  const identity = new Map(Object.entries(owner));
  const texts = ['name', 'mountPoint', 'source', 'link'].map((key) => fields.get(key));
  const device: unknown = fields.get('device');
  return (
    fields.get('version') === version &&
    texts.every((text) => typeof text === 'string') &&
    (device === null || typeof device === 'string') &&
    Number.isSafeInteger(identity.get('pid')) &&
    Number.isSafeInteger(identity.get('startTime')) &&
    typeof identity.get('bootId') === 'string'
  );
}

/** The record of this name; null if there is none; 'damaged' if there is one that says nothing. */
export function readRecord(places: Places, name: string): DeviceRecord | 'damaged' | null {
  let text: string;
  try {
    text = fs.readFileSync(recordPath(places, name), 'utf8');
  } catch {
    return null;
  }
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : 'damaged';
  } catch {
    return 'damaged';
  }
}

/** Writes or replaces the record; whoever reads it sees the old one or the new one. */
export function writeRecord(places: Places, record: DeviceRecord): void {
  const file = recordPath(places, record.name);
  const draft = `${file}.${process.pid}`;
  fs.writeFileSync(draft, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  fs.renameSync(draft, file);
}

export function removeRecord(places: Places, name: string): void {
  fs.rmSync(recordPath(places, name), { force: true });
}

export function makeRecord(places: Places, name: string, source: string, mount: string): DeviceRecord {
  const link = path.join(places.linkDirectory, name);
  return { version, name, owner: ownIdentity(), mountPoint: mount, source, link, device: null };
}

function makeDirectory(directory: string): void {
  try {
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CausewayError('kernel-device-unavailable', `cannot make ${directory}: ${why}`, {
      hint: 'Run as root.',
      cause,
    });
  }
}

/**
 * Does `work` while no other process looks for stale records or makes new ones in this directory.
 * @throws CausewayError `kernel-device-unavailable` if the directory cannot be made or used, `kernel-device-failed` if
 * another process holds it for too long
 */
export async function withRecords<T>(host: KernelHost, places: Places, work: () => Promise<T>): Promise<T> {
  makeDirectory(places.runtimeDirectory);
  const file = path.join(places.runtimeDirectory, lockName);
  const fd = openPath(file, openFlag.readWrite | openFlag.create);
  if (fd < 0) throw systemError('kernel-device-unavailable', `cannot open ${file}`, -fd, 'Run as root.');
  try {
    const until = host.now() + lockMilliseconds;
    while (tryLock(fd) < 0) {
      if (host.now() > until) {
        throw new CausewayError('kernel-device-failed', `another instance holds ${file} for too long`);
      }
      await host.sleep(lockStep);
    }
    return await work();
  } finally {
    closeDescriptor(fd);
  }
}
