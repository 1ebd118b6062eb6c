/**
 * One process a name. The name is had by whoever holds the lock (flock) of its file: the kernel gives it to one process
 * only and takes it back when that process ends, however it ends, so there is no stale claim to be told from a live one.
 */
import fs from 'node:fs';
import path from 'node:path';
import { CausewayError } from '../base/errors.ts';
import { ownIdentity } from '../kernel/process-identity.ts';
import { tryLock } from '../native/locks.ts';
import { type InstanceKind, type InstanceRecord, readInstanceRecord } from './instance-record.ts';
import { codeOf, makeRuntimeDirectory, placesOf, removeRuntimeDirectoryIfEmpty } from './runtime-dir.ts';

export interface InstanceClaim {
  readonly name: string;
  /** Gives the name back and removes its files. More than one call does nothing. */
  release(): void;
}

/** Whoever removes a lock file holds its lock; after this many times a name is claimed and given back all the time. */
const maxAttempts = 100;

/**
 * Takes the name for this process, and removes what a dead one left in the runtime directory under that name.
 * @param keepLog the log file is this process's own: it was opened for it before it could claim the name
 * @throws CausewayError `name-in-use`, `invalid-name`, `needs-root`, `runtime-directory`
 */
export function claimInstance(name: string, kind: InstanceKind, keepLog = false): InstanceClaim {
  const places = placesOf(name);
  makeRuntimeDirectory();
  const fd = lockFile(name, places.lock);
  const record: InstanceRecord = { kind, owner: ownIdentity(), since: new Date().toISOString() };
  // Written before what an earlier process left is cut off: a reader never finds an empty file where there was one.
  fs.ftruncateSync(fd, fs.writeSync(fd, `${JSON.stringify(record)}\n`, 0));
  // The name is ours, so a socket or log under it was left by a process that is dead.
  fs.rmSync(places.socket, { force: true });
  if (!keepLog) fs.rmSync(places.log, { force: true });
  removeLeftIdentities(places.directory, name);
  let held = true;
  return {
    name,
    release: () => {
      if (!held) return;
      held = false;
      fs.rmSync(places.socket, { force: true });
      fs.rmSync(places.log, { force: true });
      // The file goes before the lock: whoever opened it meanwhile sees that it is no longer the file of that name.
      fs.rmSync(places.lock, { force: true });
      fs.closeSync(fd);
      removeRuntimeDirectoryIfEmpty();
    },
  };
}

/**
 * Removes what a dead process of this name left to say which volumes it had (identity-claim.ts). Only ours: a claim that
 * a living process holds is locked, and under this name there is no other one now.
 */
function removeLeftIdentities(directory: string, name: string): void {
  for (const entry of fs.readdirSync(directory).filter((file) => file.startsWith('identity-'))) {
    const file = path.join(directory, entry);
    let fd: number;
    try {
      fd = fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_NOFOLLOW);
    } catch {
      continue;
    }
    if (fs.readFileSync(fd, 'utf8').trim() === name && tryLock(fd) === 0 && isFileAt(fd, file)) fs.rmSync(file);
    fs.closeSync(fd);
  }
}

/** The locked descriptor of the file that has this path now. */
function lockFile(name: string, file: string): number {
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    makeRuntimeDirectory();
    let fd: number;
    try {
      fd = fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_NOFOLLOW, 0o600);
    } catch (error) {
      // The last instance removed the directory at this very moment.
      if (codeOf(error) === 'ENOENT') continue;
      throw new CausewayError('runtime-directory', `${file} cannot be opened`, { cause: error });
    }
    if (tryLock(fd) < 0) {
      fs.closeSync(fd);
      throw nameInUse(name);
    }
    // A lock on a file that was removed while we waited for nothing keeps nobody out.
    if (isFileAt(fd, file)) return fd;
    fs.closeSync(fd);
  }
  throw nameInUse(name);
}

function isFileAt(fd: number, file: string): boolean {
  const ours = fs.fstatSync(fd, { bigint: true });
  const there = fs.statSync(file, { bigint: true, throwIfNoEntry: false });
  return there !== undefined && there.ino === ours.ino && there.dev === ours.dev;
}

function nameInUse(name: string): CausewayError {
  const record = readInstanceRecord(name);
  const who = record === null ? 'another process' : `process ${record.owner.pid}`;
  return new CausewayError('name-in-use', `the name ${name} is in use by ${who} on this host`);
}
