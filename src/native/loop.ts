/**
 * Loop devices by ioctl: include/uapi/linux/loop.h. Opening, configuring or closing a loop device may do I/O on what
 * stands behind it, so a process that serves the backing file must leave these calls to another one.
 */
import { ioctlBytes, ioctlNumber } from './descriptors.ts';

export const loopRequest = {
  clearBacking: 0x4c01,
  setStatus64: 0x4c04,
  getStatus64: 0x4c05,
  setCapacity: 0x4c07,
  /** Linux 5.8 */
  configure: 0x4c0a,
  /** On /dev/loop-control. */
  add: 0x4c80,
  remove: 0x4c81,
  getFree: 0x4c82,
} as const;

/** LO_FLAGS_* */
export const loopFlag = { readOnly: 1, autoClear: 4, partScan: 8, directIo: 16 } as const;

/** struct loop_info64. */
export const loopInfoBytes = 232;
export const loopInfo = {
  device: 0,
  inode: 8,
  number: 40,
  flags: 52,
  fileName: 56,
} as const;
/** Room of lo_file_name, its closing zero included. */
export const loopFileNameBytes = 64;

/** struct loop_config: fd u32, block_size u32, loop_info64, 64 reserved bytes. */
export const loopConfigBytes = 304;
export const loopConfig = { fd: 0, blockSize: 4, info: 8 } as const;

/** Major number of loop devices. */
export const loopMajor = 7;

export interface LoopSettings {
  /** Descriptor of the backing file. */
  readonly backing: number;
  readonly blockBytes: number;
  /** One of loopFlag, or several. */
  readonly flags: number;
  /** What losetup shows; cut to 63 bytes. */
  readonly fileName: string;
}

/** A loop_config. */
export function encodeLoopConfig(settings: LoopSettings): Uint8Array {
  const bytes = new Uint8Array(loopConfigBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(loopConfig.fd, settings.backing, true);
  view.setUint32(loopConfig.blockSize, settings.blockBytes, true);
  view.setUint32(loopConfig.info + loopInfo.flags, settings.flags, true);
  const name = Buffer.from(settings.fileName, 'utf8').subarray(0, loopFileNameBytes - 1);
  bytes.set(name, loopConfig.info + loopInfo.fileName);
  return bytes;
}

/** Number of a loop device that is free now (somebody else may take it before us), or -errno. */
export function freeLoop(control: number): number {
  return ioctlNumber(control, loopRequest.getFree, 0);
}

/** 0, or -errno: EBUSY if somebody took the device. */
export function configureLoop(device: number, settings: LoopSettings): number {
  return ioctlBytes(device, loopRequest.configure, encodeLoopConfig(settings));
}

/**
 * Lets go of the backing file, or, while somebody else has the device open, marks it to be let go of at the last close.
 * 0, or -errno: ENXIO if nothing is attached.
 */
export function clearLoop(device: number): number {
  return ioctlNumber(device, loopRequest.clearBacking, 0);
}

/** Asks the backing file for its size anew. 0, or -errno. */
export function updateLoopCapacity(device: number): number {
  return ioctlNumber(device, loopRequest.setCapacity, 0);
}

/** Takes the mark "let go at the last close" away again. 0, or -errno. */
export function keepLoop(device: number): number {
  const info = new Uint8Array(loopInfoBytes);
  const got = ioctlBytes(device, loopRequest.getStatus64, info);
  if (got < 0) return got;
  const view = new DataView(info.buffer);
  view.setUint32(loopInfo.flags, view.getUint32(loopInfo.flags, true) & ~loopFlag.autoClear, true);
  return ioctlBytes(device, loopRequest.setStatus64, info);
}
