/** What the lock file of an instance says, read by anybody. It is text from outside: checked before it is believed. */
import fs from 'node:fs';
import type { ProcessIdentity } from '../kernel/process-identity.ts';
import { placesOf } from './runtime-dir.ts';

export type InstanceKind = 'demo' | 'attach' | 'array';

/** What the lock file says of the process that holds it. */
export interface InstanceRecord {
  readonly kind: InstanceKind;
  readonly owner: ProcessIdentity;
  /** ISO 8601. */
  readonly since: string;
}

const maxBytes = 4096;
const kinds: readonly string[] = ['demo', 'attach', 'array'] satisfies readonly InstanceKind[];

function isKind(value: unknown): value is InstanceKind {
  return typeof value === 'string' && kinds.includes(value);
}

/** The record in this text; null if it is none. */
export function parseInstanceRecord(text: string): InstanceRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const record = fieldsOf(value);
  const owner = fieldsOf(record?.get('owner'));
  const kind = record?.get('kind');
  const since = record?.get('since');
  const [pid, startTime, bootId] = ['pid', 'startTime', 'bootId'].map((key) => owner?.get(key));
  if (!isKind(kind) || typeof since !== 'string' || typeof bootId !== 'string') return null;
  if (!isWhole(pid) || !isWhole(startTime)) return null;
  return { kind, since, owner: { pid, startTime, bootId } };
}

/** The record of this name; null if there is none, or none that can be read. */
export function readInstanceRecord(name: string): InstanceRecord | null {
  let fd: number;
  try {
    fd = fs.openSync(placesOf(name).lock, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
  } catch {
    return null;
  }
  try {
    const bytes = Buffer.alloc(maxBytes);
    return parseInstanceRecord(bytes.toString('utf8', 0, fs.readSync(fd, bytes, 0, maxBytes, 0)));
  } catch {
    return null;
  } finally {
    fs.closeSync(fd);
  }
}

function fieldsOf(value: unknown): Map<string, unknown> | null {
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : null;
}

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
