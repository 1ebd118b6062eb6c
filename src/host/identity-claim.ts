/**
 * One door to a volume. Two devices that wrote to one volume without knowing of each other would escape what protects
 * writes of unknown outcome, so an identity is claimed for as long as its device lives: by a lock that the kernel gives to
 * one process only and takes back when that process ends, however it ends.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { CausewayError } from '../base/errors.ts';
import { tryLock } from '../native/locks.ts';
import { makeRuntimeDirectory, runtimeDirectory } from './runtime-dir.ts';

export interface IdentityClaim {
  /** Stands for the identity in names of files. */
  readonly digest: string;
  release(): void;
}

/** Claims within this process: a lock belongs to a descriptor, so the same process could lock twice by two names. */
const claimed = new Map<string, string>();

/**
 * @param id canonical identity
 * @param name of the device, for the message to the next one
 * @throws CausewayError `volume-attached`, `runtime-directory`, `needs-root`
 */
export function claimIdentity(id: string, name: string): IdentityClaim {
  const kernel = kernelDeviceOf(id);
  if (kernel !== null) {
    throw new CausewayError('volume-attached', `the kernel's own NVMe driver has this volume as ${kernel} (${id})`);
  }
  const here = claimed.get(id);
  if (here !== undefined)
    throw new CausewayError('volume-attached', `this volume (${id}) is attached already, as ${here}`);
  makeRuntimeDirectory();
  const digest = createHash('sha256').update(id).digest('hex').slice(0, 24);
  const file = path.join(runtimeDirectory(), `identity-${digest}`);
  const fd = lock(file, id);
  fs.ftruncateSync(fd, 0);
  fs.writeSync(fd, `${name}\n`, 0);
  claimed.set(id, name);
  return {
    digest,
    release: () => {
      if (!claimed.delete(id)) return;
      // The file goes before the lock, so that whoever opened it meanwhile sees that it is not the one of that name.
      fs.rmSync(file, { force: true });
      fs.closeSync(fd);
    },
  };
}

/** Does something to the traces of a volume that nobody has claimed; nothing if somebody has. @param digest as of a claim */
export function ifUnclaimed(digest: string, act: () => void): void {
  const file = path.join(runtimeDirectory(), `identity-${digest}`);
  let fd: number;
  try {
    fd = lock(file, digest);
  } catch {
    return;
  }
  try {
    act();
  } finally {
    fs.rmSync(file, { force: true });
    fs.closeSync(fd);
  }
}

function lock(file: string, id: string): number {
  for (let tries = 0; tries < 100; tries += 1) {
    makeRuntimeDirectory();
    const fd = fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_NOFOLLOW, 0o600);
    if (tryLock(fd) < 0) {
      const holder = fs.readFileSync(fd, 'utf8').trim();
      fs.closeSync(fd);
      throw new CausewayError(
        'volume-attached',
        `this volume (${id}) is attached already, as ${holder || 'another device'}`,
      );
    }
    const there = fs.statSync(file, { throwIfNoEntry: false });
    if (there !== undefined && there.ino === fs.fstatSync(fd).ino) return fd;
    fs.closeSync(fd);
  }
  throw new CausewayError('volume-attached', `this volume (${id}) is attached and detached all the time`);
}

/** The kernel's own block device of this identity, if it has one. */
function kernelDeviceOf(id: string): string | null {
  const wanted = id.replace(/^nguid\./, 'eui.').toLowerCase();
  let names: string[];
  try {
    names = fs.readdirSync('/sys/block').filter((name) => name.startsWith('nvme'));
  } catch {
    return null;
  }
  for (const name of names) {
    try {
      if (fs.readFileSync(`/sys/block/${name}/wwid`, 'utf8').trim().toLowerCase() === wanted) return `/dev/${name}`;
    } catch {
      // Gone meanwhile.
    }
  }
  return null;
}
