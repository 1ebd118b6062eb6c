/** Tells one process from a later one that got the same number. */
import fs from 'node:fs';

export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks between boot and its start. */
  readonly startTime: number;
  readonly bootId: string;
}

/** From a record; null if it is none. */
export function parseIdentity(value: unknown): ProcessIdentity | null {
  if (typeof value !== 'object' || value === null) return null;
  const fields = new Map<string, unknown>(Object.entries(value));
  const [pid, startTime, boot] = ['pid', 'startTime', 'bootId'].map((key) => fields.get(key));
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid)) return null;
  if (typeof startTime !== 'number' || !Number.isSafeInteger(startTime)) return null;
  return typeof boot === 'string' ? { pid, startTime, bootId: boot } : null;
}

interface ProcessState {
  readonly state: string;
  readonly startTime: number;
}

/** State and start time from the text of /proc/<pid>/stat; null if it is none. The name in it may hold anything. */
export function parseStat(text: string): ProcessState | null {
  const close = text.lastIndexOf(')');
  const fields = text.slice(close + 2).split(' ');
  const state = fields[0];
  // Field 22 of proc_pid_stat(5); the fields here begin with the third.
  const startTime = Number(fields[19]);
  if (close < 0 || state === undefined || !Number.isSafeInteger(startTime)) return null;
  return { state, startTime };
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

export function bootId(): string {
  return read('/proc/sys/kernel/random/boot_id').trim();
}

/** Of a process that runs; null if it does not. */
export function identityOf(pid: number): ProcessIdentity | null {
  const stat = parseStat(read(`/proc/${pid}/stat`));
  return stat === null ? null : { pid, startTime: stat.startTime, bootId: bootId() };
}

export function ownIdentity(): ProcessIdentity {
  return identityOf(process.pid) ?? { pid: process.pid, startTime: 0, bootId: bootId() };
}

/**
 * True if that very process still runs. One that was killed but waits for an answer that only it could give (its
 * first thread is a zombie by then) does not: what it left behind is to be cleared up, and that frees it.
 */
export function isAlive(identity: ProcessIdentity): boolean {
  if (identity.bootId !== bootId()) return false;
  const stat = parseStat(read(`/proc/${identity.pid}/stat`));
  return stat !== null && stat.startTime === identity.startTime && stat.state !== 'Z' && stat.state !== 'X';
}

/**
 * True once nothing of a process that is not alive is left in the kernel: no thread, and so no operation of any ring of
 * its. It stays a zombie for as long as its parent does not look.
 */
export function isGone(identity: ProcessIdentity): boolean {
  if (isAlive(identity)) return false;
  if (identityOf(identity.pid)?.startTime !== identity.startTime) return true;
  try {
    return fs.readdirSync(`/proc/${identity.pid}/task`).length <= 1;
  } catch {
    return true;
  }
}
