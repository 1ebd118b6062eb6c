/**
 * The record of a kernel device: written before the first trace is left anywhere, so that whatever is found later
 * without its owner can be told from everybody else's, and be taken over or cleared up.
 */
import fs from 'node:fs';
import path from 'node:path';
import { CausewayError } from '../base/errors.ts';
import { closeDescriptor, openFlag, openPath } from '../native/descriptors.ts';
import { systemError } from '../native/libc.ts';
import { tryLock } from '../native/locks.ts';
import type { KernelDeviceKind, KernelHost } from './contract.ts';
import { type Places, recordPath } from './places.ts';
import { ownIdentity, parseIdentity, type ProcessIdentity } from './process-identity.ts';
import { fieldsOf, parseTraces, type Traces } from './traces.ts';

const version = 2;
const lockName = '.lock';
/** How long another instance may take to make its record or to clear up; it holds the lock only for that. */
const lockMilliseconds = 30_000;
const lockStep = 20;

/** The volume behind a device, as far as the kernel knows it. Only the same volume may take the device over. */
export interface RecordedVolume {
  /** Identity, canonical. */
  readonly id: string;
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly readOnly: boolean;
}

export interface DeviceRecord {
  readonly version: number;
  readonly name: string;
  readonly owner: ProcessIdentity;
  readonly volume: RecordedVolume;
  /** When its owner dies, its requests wait for the next one. */
  readonly survives: boolean;
  /** Its owner serves it no more and is about to end. */
  readonly handedOver: boolean;
  /** The stable name. */
  readonly link: string;
  /** The node, once there is one: `/dev/loop3`. */
  readonly device: string | null;
  /** What its kind leaves, by which it can be told. */
  readonly traces: Traces;
}

function parseVolume(value: unknown): RecordedVolume | null {
  const fields = fieldsOf(value);
  const [id, sizeBytes, blockBytes, readOnly] = ['id', 'sizeBytes', 'blockBytes', 'readOnly'].map((key) =>
    fields.get(key),
  );
  if (typeof id !== 'string' || typeof readOnly !== 'boolean') return null;
  if (typeof sizeBytes !== 'number' || !Number.isSafeInteger(sizeBytes)) return null;
  return blockBytes === 512 || blockBytes === 4096 ? { id, sizeBytes, blockBytes, readOnly } : null;
}

function parseRecord(value: unknown): DeviceRecord | null {
  const fields = fieldsOf(value);
  const [name, link, device, survives, handedOver] = ['name', 'link', 'device', 'survives', 'handedOver'].map((key) =>
    fields.get(key),
  );
  const owner = parseIdentity(fields.get('owner'));
  const volume = parseVolume(fields.get('volume'));
  const traces = parseTraces(fields.get('traces'));
  if (fields.get('version') !== version || owner === null || volume === null || traces === null) return null;
  if (typeof name !== 'string' || typeof link !== 'string' || typeof survives !== 'boolean') return null;
  if (device !== null && typeof device !== 'string') return null;
  if (typeof handedOver !== 'boolean') return null;
  return { version, name, owner, volume, survives, handedOver, link, device, traces };
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
    return parseRecord(JSON.parse(text)) ?? 'damaged';
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

/** A record of this process. */
export function makeRecord(
  places: Places,
  name: string,
  volume: RecordedVolume,
  survives: boolean,
  traces: Traces,
): DeviceRecord {
  const link = path.join(places.linkDirectory, name);
  return { version, name, owner: ownIdentity(), volume, survives, handedOver: false, link, device: null, traces };
}

/** The record of a device that this process serves, kept up to date. */
export class KeptRecord<T extends Traces = Traces> {
  readonly places: Places;
  /** Something is left that could not be taken away: the record stays, for a later start to clear up by it. */
  isNeeded = false;
  #record: DeviceRecord;
  readonly #isOfKind: (traces: Traces) => traces is T;

  /** The record is written already. */
  constructor(places: Places, record: DeviceRecord, isOfKind: (traces: Traces) => traces is T) {
    this.places = places;
    this.#record = record;
    this.#isOfKind = isOfKind;
  }

  get now(): DeviceRecord {
    return this.#record;
  }

  get name(): string {
    return this.#record.name;
  }

  get kind(): KernelDeviceKind {
    return this.#record.traces.kind;
  }

  get traces(): T {
    const { traces } = this.#record;
    if (this.#isOfKind(traces)) return traces;
    throw new CausewayError('assertion', `the record of ${this.name} is of another kind of device`);
  }

  update(change: Partial<Pick<DeviceRecord, 'device' | 'survives' | 'handedOver' | 'volume'>>): void {
    this.#record = { ...this.#record, ...change };
    writeRecord(this.places, this.#record);
  }

  updateTraces(change: Partial<T>): void {
    this.#record = { ...this.#record, traces: { ...this.traces, ...change } };
    writeRecord(this.places, this.#record);
  }

  remove(): void {
    removeRecord(this.places, this.name);
  }
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
