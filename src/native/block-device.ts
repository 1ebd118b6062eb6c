/** Any block device by ioctl: include/uapi/linux/fs.h. */
import { ioctlBytes, ioctlNumber } from './descriptors.ts';

/** BLKROSET, BLKROGET */
const setReadOnly = 0x125d;
const getReadOnly = 0x125e;

/**
 * Whether the kernel lets anybody write to the device. It keeps that for as long as the node is there, which for a loop
 * device is longer than what stands behind it. 0, or -errno.
 */
export function setBlockReadOnly(device: number, readOnly: boolean): number {
  return ioctlBytes(device, setReadOnly, new Uint8Array(new Int32Array([readOnly ? 1 : 0]).buffer));
}

/** True if the kernel lets nobody write to the device, whoever said so. */
export function isBlockReadOnly(device: number): boolean {
  const answer = new Int32Array(1);
  return ioctlBytes(device, getReadOnly, new Uint8Array(answer.buffer)) === 0 && answer[0] !== 0;
}

/** BLKRRPART */
const rescan = 0x125f;

/** Makes the kernel look for partitions. 0, or -errno: EBUSY if one of them is in use. */
export function rescanPartitions(device: number): number {
  return ioctlNumber(device, rescan, 0);
}
