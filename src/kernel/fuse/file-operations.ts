/**
 * The operations that are about the file rather than its data: attributes, open, statfs and the like. They are answered
 * at once, without the device, and are rare.
 */
import type { BlockDevice } from '../../block/device.ts';
import type { Memory } from '../../io/contract.ts';
import { errno } from '../../native/errno.ts';
import {
  attr,
  attrOutAttr,
  attrOutBytes,
  attrValid,
  lseekIn,
  lseekInBytes,
  lseekOutBytes,
  opcode,
  openInBytes,
  openOut,
  openOutBytes,
  openReplyFlag,
  regularFile,
  rootNode,
  setattrIn,
  setattrInBytes,
  statfsOut,
  statfsOutBytes,
  whence,
} from './abi.ts';
import type { FuseSlot } from './slot.ts';

const highWord = 0x1_0000_0000;
/** st_blocks counts these, whatever the device's block is. */
const sectorBytes = 512;

export class FileOperations {
  readonly #memory: Memory;
  readonly #device: BlockDevice;

  constructor(memory: Memory, device: BlockDevice) {
    this.#memory = memory;
    this.#device = device;
  }

  /** Writes the answer to the slot's payload and returns its length, or -errno. */
  answer(slot: FuseSlot, code: number, argumentBytes: number): number {
    switch (code) {
      case opcode.getattr:
        return this.#attributes(slot);
      case opcode.setattr:
        return argumentBytes < setattrInBytes ? -errno.EINVAL : this.#setAttributes(slot);
      case opcode.open:
        return argumentBytes < openInBytes ? -errno.EINVAL : this.#open(slot);
      case opcode.statfs:
        return this.#statfs(slot);
      case opcode.lseek:
        return argumentBytes < lseekInBytes ? -errno.EINVAL : this.#seek(slot);
      // Nothing is kept for an open file, and nothing of a closed one waits to be written.
      case opcode.release:
      case opcode.flush:
      case opcode.destroy:
      // The kernel has checked the mode already (default_permissions).
      case opcode.access:
        return 0;
      case opcode.ioctl:
        return -errno.ENOTTY;
      // INTERRUPT among them: ENOSYS tells the kernel that we answer every request anyway and need no reminding.
      default:
        return -errno.ENOSYS;
    }
  }

  #clear(slot: FuseSlot, bytes: number): void {
    this.#memory.fill(slot.payload, 0, bytes);
  }

  #put32(at: number, value: number): void {
    this.#memory.view.setUint32(at, value, true);
  }

  #put64(at: number, value: number): void {
    this.#memory.view.setUint32(at, value >>> 0, true);
    this.#memory.view.setUint32(at + 4, Math.floor(value / highWord), true);
  }

  #get64(at: number): number {
    const view = this.#memory.view;
    return view.getUint32(at + 4, true) * highWord + view.getUint32(at, true);
  }

  #attributes(slot: FuseSlot): number {
    const geometry = this.#device.geometry;
    // Valid for no time: the size may change, and a loop device asks when it is told so.
    this.#clear(slot, attrOutBytes);
    const at = slot.payload + attrOutAttr;
    this.#put64(at + attr.ino, rootNode);
    this.#put64(at + attr.size, geometry.sizeBytes);
    this.#put64(at + attr.blocks, geometry.sizeBytes / sectorBytes);
    this.#put32(at + attr.mode, regularFile | (geometry.readOnly ? 0o400 : 0o600));
    this.#put32(at + attr.nlink, 1);
    this.#put32(at + attr.blksize, geometry.physicalBlockBytes);
    return attrOutBytes;
  }

  #setAttributes(slot: FuseSlot): number {
    const valid = this.#memory.view.getUint32(slot.argument + setattrIn.valid, true);
    if ((valid & (attrValid.mode | attrValid.uid | attrValid.gid)) !== 0) return -errno.EPERM;
    const geometry = this.#device.geometry;
    if ((valid & attrValid.size) !== 0) {
      if (geometry.readOnly) return -errno.EROFS;
      // A volume is resized by its array, not by truncating.
      if (this.#get64(slot.argument + setattrIn.size) !== geometry.sizeBytes) return -errno.EPERM;
    }
    return this.#attributes(slot);
  }

  #open(slot: FuseSlot): number {
    // Whether to write or not: a device that is read-only for good has a read-only mount, and one that its array protects
    // for now may be opened by then. What is written meanwhile the door refuses.
    this.#clear(slot, openOutBytes);
    this.#put32(
      slot.payload + openOut.openFlags,
      openReplyFlag.directIo | openReplyFlag.noFlush | openReplyFlag.parallelDirectWrites,
    );
    return openOutBytes;
  }

  #statfs(slot: FuseSlot): number {
    const geometry = this.#device.geometry;
    // A loop device that gets no answer offers no discard. That is as it should be if a hole had to be written with
    // zeroes in full: nobody wants that from mkfs and fstrim. (EACCES, because df passes over that one in silence.)
    if (!geometry.canWriteZeroes) return -errno.EACCES;
    this.#clear(slot, statfsOutBytes);
    // A loop device takes the block size of the file system as its discard granularity.
    this.#put64(slot.payload + statfsOut.blocks, Math.floor(geometry.sizeBytes / geometry.physicalBlockBytes));
    this.#put32(slot.payload + statfsOut.bsize, geometry.physicalBlockBytes);
    this.#put32(slot.payload + statfsOut.namelen, 255);
    this.#put32(slot.payload + statfsOut.frsize, geometry.physicalBlockBytes);
    return statfsOutBytes;
  }

  /** The whole file is data. */
  #seek(slot: FuseSlot): number {
    const from = this.#get64(slot.argument + lseekIn.offset);
    const how = this.#memory.view.getUint32(slot.argument + lseekIn.whence, true);
    const size = this.#device.geometry.sizeBytes;
    if (how !== whence.data && how !== whence.hole) return -errno.EINVAL;
    if (!(from < size)) return -errno.ENXIO;
    this.#put64(slot.payload, how === whence.data ? from : size);
    return lseekOutBytes;
  }
}
