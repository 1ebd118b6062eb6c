/**
 * What of a volume may change while it is attached, its size and its write protection; what its paths show of that, and
 * what the device makes of it. Pure: what the paths show goes in, what the device is comes out.
 *
 * The device follows what *all* paths that are up show, and only if one of them showed before what the device is now. A
 * path that never did is no witness of a change: it may have led elsewhere from the start, a copy of the volume on
 * another array for example, which is smaller, or read-only as long as it is the copy. While only such paths are up the
 * device stays as it is, and requests wait for the others. If there are no others any more, because the administrator
 * took them all away, those that he gave it are what there is, and are believed.
 *
 * - Grown: as soon as every path shows more, the device is as large as the smallest of them. Until then it keeps its
 *   size, which all of them have.
 * - Shrunk: a path that shows less than the device has is not used, since it would be asked for what it does not have.
 *   When all of them show less, what was beyond is lost, whatever the device does; it becomes as large as the largest of
 *   them, and goes on with what is there.
 * - Write protection: a protected path of a writable device is not used. When all of them are protected, or none is any
 *   more, the device is as they are.
 */
import { CausewayError } from '../base/errors.ts';
import { formatSize } from '../base/units.ts';
import type { Geometry } from '../block/device.ts';
import type { PathInfo } from '../fabric/nvme-tcp/messages.ts';

export interface Shape {
  readonly sizeBytes: number;
  /** The array protects it from writes. */
  readonly readOnly: boolean;
}

/** A path that is up, and what it shows. */
export interface ShownShape extends Shape {
  readonly id: string;
  /** It showed before what the device is now. */
  readonly isWitness: boolean;
}

export function isSameShape(one: Shape, other: Shape): boolean {
  return one.sizeBytes === other.sizeBytes && one.readOnly === other.readOnly;
}

/**
 * What the device is from now on; `current` itself if nothing changes.
 * @param told what a witness on another reactor has seen
 * @param hasWitness one of the device's paths, whether it is up or not, showed what the device is now
 */
export function nextShape(
  current: Shape,
  shown: readonly ShownShape[],
  told: Shape | null,
  hasWitness: boolean,
): Shape {
  if (shown.length === 0) return current;
  const sizes = shown.map(({ sizeBytes }) => sizeBytes);
  const least = Math.min(...sizes);
  const most = Math.max(...sizes);
  const sizeBytes = least > current.sizeBytes ? least : most < current.sizeBytes ? most : current.sizeBytes;
  // Those that are too small are not used, so their protection says nothing.
  const used = shown.filter((one) => one.sizeBytes >= sizeBytes);
  const protectedOnes = used.filter(({ readOnly }) => readOnly).length;
  const readOnly = protectedOnes === 0 ? false : protectedOnes === used.length ? true : current.readOnly;
  const next = { sizeBytes, readOnly };
  if (isSameShape(next, current)) return current;
  const isSeen = shown.some(({ isWitness }) => isWitness) || (told !== null && isSameShape(told, next));
  return isSeen || !hasWitness ? next : current;
}

/** What people should know while paths that are used do not show what the device is; empty if they do. */
export function shapeNote(current: Shape, shown: readonly ShownShape[]): string {
  const larger = shown.filter(({ sizeBytes }) => sizeBytes > current.sizeBytes);
  const writable = current.readOnly ? shown.filter(({ readOnly }) => !readOnly) : [];
  const notes: string[] = [];
  if (larger.length > 0) {
    const sizes = larger.map(({ id, sizeBytes }) => `${formatSize(sizeBytes)} at ${id}`).join(', ');
    notes.push(`the device stays at ${formatSize(current.sizeBytes)} until all paths show that it grew (${sizes})`);
  }
  if (writable.length > 0) {
    const where = writable.map(({ id }) => id).join(', ');
    notes.push(`the device stays read-only until all paths are writable (so far: ${where})`);
  }
  return notes.join('; ');
}

/**
 * The geometry that follows from what the array says of a namespace.
 * @param readOnly whatever the array says
 */
export function geometryOf(info: PathInfo, maxTransfer: number, readOnly: boolean): Geometry {
  return {
    sizeBytes: info.sizeBytes,
    blockBytes: info.blockBytes,
    physicalBlockBytes: info.physicalBlockBytes,
    maxTransferBytes: maxTransfer,
    readOnly: readOnly || info.readOnly,
    volatileCache: info.volatileCache,
    canDiscard: info.limits.canDiscard,
    canWriteZeroes: info.limits.canWriteZeroes,
  };
}

function words({ sizeBytes, blockBytes, readOnly }: PathInfo): string {
  return `${sizeBytes} bytes in blocks of ${blockBytes}, ${readOnly ? 'read-only' : 'writable'}`;
}

/**
 * What two paths show of a volume that is to be attached: what both can do. What is volatile over one of them is volatile.
 * @throws CausewayError `volume-disagrees` if they can not be paths of one device
 */
export function common(one: PathInfo, other: PathInfo): PathInfo {
  if (one.identity.id !== other.identity.id) {
    throw new CausewayError(
      'volume-disagrees',
      `namespace ${other.nsid} is ${one.identity.id} at ${one.id} but ${other.identity.id} at ${other.id}: these are two volumes`,
    );
  }
  if (words(one) !== words(other)) {
    throw new CausewayError(
      'volume-disagrees',
      `the paths ${one.id} and ${other.id} lead to one identity but show it otherwise: ${words(one)}; ${words(other)}`,
    );
  }
  return {
    ...one,
    volatileCache: one.volatileCache || other.volatileCache,
    limits: {
      ...one.limits,
      canDiscard: one.limits.canDiscard && other.limits.canDiscard,
      canWriteZeroes: one.limits.canWriteZeroes && other.limits.canWriteZeroes,
    },
  };
}

/** The same of another size and protection. Written out, so that all geometries are objects of one kind to the engine. */
export function reshaped(geometry: Geometry, sizeBytes: number, readOnly: boolean): Geometry {
  return {
    sizeBytes,
    blockBytes: geometry.blockBytes,
    physicalBlockBytes: geometry.physicalBlockBytes,
    maxTransferBytes: geometry.maxTransferBytes,
    readOnly,
    volatileCache: geometry.volatileCache,
    canDiscard: geometry.canDiscard,
    canWriteZeroes: geometry.canWriteZeroes,
  };
}

/** Why a path can not be one of a device like this, whatever becomes of its size and protection; empty if it can. */
export function obstacle(geometry: Geometry, info: PathInfo): string {
  if (info.blockBytes !== geometry.blockBytes) {
    return `its block size is ${info.blockBytes}, the device's ${geometry.blockBytes}`;
  }
  if (info.volatileCache && !geometry.volatileCache) return 'it has a volatile cache, the device was attached without';
  if (!info.limits.canWriteZeroes && geometry.canWriteZeroes) return 'it can not write zeroes, the other paths can';
  if (!info.limits.canDiscard && geometry.canDiscard) return 'it can not discard, the other paths can';
  return '';
}

/** Why a path can not be one of a volume with this geometry now; empty if it can. */
export function mismatch(geometry: Geometry, info: PathInfo): string {
  if (info.sizeBytes < geometry.sizeBytes) {
    return `its size is ${info.sizeBytes} bytes, the device's ${geometry.sizeBytes}`;
  }
  if (info.readOnly && !geometry.readOnly) return 'it is read-only, the device is not';
  return obstacle(geometry, info);
}
