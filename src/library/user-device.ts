/** A block device that a program brings along, and what the rest of Causeway sees of it. */
import { randomUUID } from 'node:crypto';
import { CausewayError } from '../base/errors.ts';
import { type Geometry, type Identity, maxTransferBytes } from '../block/device.ts';
import { checkVolumeSize } from '../block/memory-device.ts';

/**
 * A block device as an ordinary object. Its methods run on the main thread, get only requests that are aligned to
 * `blockBytes` and within `sizeBytes`, and are done when they return or when the promise they return resolves.
 *
 * Calls overlap: while one waits, others begin, and they may be answered in any order. Two calls touch the same bytes at
 * the same time only if an application asked for that (two direct writes at once to one place); whoever needs an order
 * waits for the answer.
 *
 * What a method throws, or rejects with, becomes the error that the application sees: the errno that the error's `code`
 * names (`ENOSPC`, `EROFS`, `ENODATA`, `ETIMEDOUT`, …; errors of `node:fs` have one), or the one that stands for it if it
 * is an error of an attached volume; EIO otherwise.
 *
 * A method must never use its own device, nor wait for something that does; and nothing on the main thread may use the
 * device synchronously (`readFileSync('/dev/causeway/…')`, `execSync('mkfs …')`): it would wait for an answer that only
 * itself can give. Such a wait is ended with an error after 30 seconds.
 */
export interface UserDevice {
  /** Bytes; a positive multiple of `blockBytes` below 2^53. Read once, by `serve`. */
  readonly sizeBytes: number;
  /** Offsets and lengths are multiples of it: 512 or 4096 (default). Read once, by `serve`. */
  readonly blockBytes?: number;
  /** The kernel refuses writes with EROFS. Also if there is no `write`. Read once, by `serve`. */
  readonly readOnly?: boolean;
  /** Fills all of `into` with what stands at `offset` (bytes). At most 1 MiB. What is not filled reads as zeroes. */
  read(into: Uint8Array, offset: number): void | Promise<void>;
  /** Keeps the bytes of `from` at `offset`. At most 1 MiB. `from` is the device's own: it may keep it. */
  write?(from: Uint8Array, offset: number): void | Promise<void>;
  /** Makes all writes that were answered before durable. Left out: they are as durable as they get once answered. */
  flush?(): void | Promise<void>;
  /**
   * The data of the range is no longer needed; what it reads as afterwards does not matter. May be as long as the device.
   * Kernel devices of kind `fuse` never ask for it: they ask for `writeZeroes`.
   */
  discard?(offset: number, length: number): void | Promise<void>;
  /**
   * The range reads as zeroes afterwards. May be as long as the device. Left out: zeroes are written with `write`, and
   * the kernel device offers no discard (`fstrim`), which could only be done by writing.
   */
  writeZeroes?(offset: number, length: number): void | Promise<void>;
}

/**
 * @param readOnly serve it read-only whatever it says itself
 * @throws CausewayError `invalid-argument` for an object that cannot be a device
 */
export function geometryOfUserDevice(device: UserDevice, readOnly: boolean): Geometry {
  if (typeof device !== 'object' || device === null || typeof device.read !== 'function') {
    throw new CausewayError('invalid-argument', 'a device is an object with a method `read`, and this is none', {
      hint: 'docs/library.md shows what a device looks like.',
    });
  }
  const { sizeBytes, blockBytes = 4096 } = device;
  checkVolumeSize(sizeBytes, blockBytes);
  return {
    sizeBytes,
    blockBytes,
    physicalBlockBytes: 4096,
    maxTransferBytes,
    readOnly: readOnly || device.readOnly === true || typeof device.write !== 'function',
    volatileCache: typeof device.flush === 'function',
    canDiscard: typeof device.discard === 'function',
    canWriteZeroes: typeof device.writeZeroes === 'function',
  };
}

/** Nothing is known of it, so it is nobody else's volume. */
export function newIdentity(name: string): Identity {
  return { id: `user.${randomUUID()}`, model: 'user device', serial: name };
}
