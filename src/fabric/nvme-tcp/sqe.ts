/**
 * The 64 bytes of a submission queue entry as all commands share them, and the commands of the NVM command set (NVMe Base,
 * "Common Command Format"; NVM Command Set, "I/O Commands"). Data always moves by one SGL descriptor: NVMe/TCP knows no
 * PRPs. Writers and the readers of single fields are on the data path: plain numbers, no allocation.
 */
import { dsmDeallocate, ioOpcode, psdtSgl, rwControl, sglType } from './constants.ts';
import { readU64Loose, writeU64 } from './wire.ts';

/** Offsets. */
export const sqe = {
  opcode: 0,
  flags: 1,
  cid: 2,
  nsid: 4,
  /** Fabrics commands, in the place of nsid. */
  fctype: 4,
  sglAddress: 24,
  sglLength: 32,
  sglType: 39,
  cdw10: 40,
  cdw11: 44,
  cdw12: 48,
  cdw13: 52,
  cdw14: 56,
  cdw15: 60,
} as const;

/**
 * Everything but command dwords 10 to 15, which become 0. `type` is `sglType.inCapsule` (data at offset 0 of the
 * capsule's data) or `sglType.transport`; `length` is the command's data in bytes, 0 with `sglType.transport` for none.
 */
export function writeSqe(
  view: DataView,
  at: number,
  opcode: number,
  cid: number,
  nsid: number,
  type: number,
  length: number,
): void {
  view.setUint32(at, opcode | (psdtSgl << 8) | (cid << 16), true);
  view.setUint32(at + sqe.nsid, nsid, true);
  // Reserved, metadata pointer, address of the descriptor. Written out: a loop here costs a third of a command's time.
  view.setUint32(at + 8, 0, true);
  view.setUint32(at + 12, 0, true);
  view.setUint32(at + 16, 0, true);
  view.setUint32(at + 20, 0, true);
  view.setUint32(at + sqe.sglAddress, 0, true);
  view.setUint32(at + 28, 0, true);
  view.setUint32(at + sqe.sglLength, length, true);
  view.setUint32(at + 36, type << 24, true);
  view.setUint32(at + sqe.cdw10, 0, true);
  view.setUint32(at + sqe.cdw11, 0, true);
  view.setUint32(at + sqe.cdw12, 0, true);
  view.setUint32(at + sqe.cdw13, 0, true);
  view.setUint32(at + sqe.cdw14, 0, true);
  view.setUint32(at + sqe.cdw15, 0, true);
}

function writeRange(view: DataView, at: number, slba: number, blocks: number, control: number): void {
  writeU64(view, at + sqe.cdw10, slba);
  view.setUint32(at + sqe.cdw12, (blocks - 1) | control, true);
}

/** Read `blocks` (1 to 65536) from logical block `slba` on; `length` is the same in bytes. */
export function writeReadSqe(
  view: DataView,
  at: number,
  cid: number,
  nsid: number,
  slba: number,
  blocks: number,
  length: number,
): void {
  writeSqe(view, at, ioOpcode.read, cid, nsid, sglType.transport, length);
  writeRange(view, at, slba, blocks, 0);
}

/** Write; `inCapsule` says that the data follows in the same capsule, else the controller asks for it by R2T. */
export function writeWriteSqe(
  view: DataView,
  at: number,
  cid: number,
  nsid: number,
  slba: number,
  blocks: number,
  length: number,
  fua: boolean,
  inCapsule: boolean,
): void {
  writeSqe(view, at, ioOpcode.write, cid, nsid, inCapsule ? sglType.inCapsule : sglType.transport, length);
  writeRange(view, at, slba, blocks, fua ? rwControl.fua : 0);
}

export function writeFlushSqe(view: DataView, at: number, cid: number, nsid: number): void {
  writeSqe(view, at, ioOpcode.flush, cid, nsid, sglType.transport, 0);
}

/**
 * Write zeroes. `deac` lets the controller give the space back where its deallocated blocks read as zeroes; without it
 * the space stays allocated. The range reads as zeroes afterwards either way.
 */
export function writeWriteZeroesSqe(
  view: DataView,
  at: number,
  cid: number,
  nsid: number,
  slba: number,
  blocks: number,
  deac: boolean,
  fua: boolean,
): void {
  writeSqe(view, at, ioOpcode.writeZeroes, cid, nsid, sglType.transport, 0);
  writeRange(view, at, slba, blocks, (deac ? rwControl.deac : 0) | (fua ? rwControl.fua : 0));
}

/** Bytes of one range of dataset management. */
export const dsmRangeBytes = 16;

/** Dataset management, attribute deallocate, with `ranges` (1 to 256) ranges as data: written by `writeDsmRange`. */
export function writeDeallocateSqe(
  view: DataView,
  at: number,
  cid: number,
  nsid: number,
  ranges: number,
  inCapsule: boolean,
): void {
  const type = inCapsule ? sglType.inCapsule : sglType.transport;
  writeSqe(view, at, ioOpcode.datasetManagement, cid, nsid, type, ranges * dsmRangeBytes);
  view.setUint32(at + sqe.cdw10, ranges - 1, true);
  view.setUint32(at + sqe.cdw11, dsmDeallocate, true);
}

/** One range of dataset management; `blocks` up to 2^32 - 1. */
export function writeDsmRange(view: DataView, at: number, slba: number, blocks: number): void {
  view.setUint32(at, 0, true);
  view.setUint32(at + 4, blocks, true);
  writeU64(view, at + 8, slba);
}

/** Blocks of a dataset management range. */
export function dsmRangeBlocks(view: DataView, at: number): number {
  return view.getUint32(at + 4, true);
}

/** First block of a dataset management range; inexact but at least 2^53 when it is beyond all volumes. */
export function dsmRangeSlba(view: DataView, at: number): number {
  return readU64Loose(view, at + 8);
}

export function sqeOpcode(view: DataView, at: number): number {
  return view.getUint8(at + sqe.opcode);
}

export function sqeCid(view: DataView, at: number): number {
  return view.getUint16(at + sqe.cid, true);
}

export function sqeNsid(view: DataView, at: number): number {
  return view.getUint32(at + sqe.nsid, true);
}

export function sqeFctype(view: DataView, at: number): number {
  return view.getUint8(at + sqe.fctype);
}

/** True if the command speaks SGLs and is not fused: all that NVMe/TCP and this target allow. */
export function sqeFlagsAreRight(view: DataView, at: number): boolean {
  return (view.getUint8(at + sqe.flags) & 0xc3) === psdtSgl;
}

export function sqeSglType(view: DataView, at: number): number {
  return view.getUint8(at + sqe.sglType);
}

/** Of an in-capsule descriptor: offset of the data in the capsule's data. Inexact but at least 2^53 when absurd. */
export function sqeSglOffset(view: DataView, at: number): number {
  return readU64Loose(view, at + sqe.sglAddress);
}

/** The command's data in bytes, as its descriptor says. */
export function sqeSglLength(view: DataView, at: number): number {
  return view.getUint32(at + sqe.sglLength, true);
}

/** First block of read, write, write zeroes; inexact but at least 2^53 when it is beyond all volumes. */
export function sqeSlba(view: DataView, at: number): number {
  return readU64Loose(view, at + sqe.cdw10);
}

/** Blocks of read, write, write zeroes: 1 to 65536. */
export function sqeBlocks(view: DataView, at: number): number {
  return view.getUint16(at + sqe.cdw12, true) + 1;
}

/** FUA of read, write, write zeroes. */
export function sqeFua(view: DataView, at: number): boolean {
  return (view.getUint32(at + sqe.cdw12, true) & rwControl.fua) !== 0;
}

/** DEAC of write zeroes. */
export function sqeDeac(view: DataView, at: number): boolean {
  return (view.getUint32(at + sqe.cdw12, true) & rwControl.deac) !== 0;
}

/** Number of ranges of dataset management: 1 to 256. */
export function sqeDsmRanges(view: DataView, at: number): number {
  return view.getUint8(at + sqe.cdw10) + 1;
}

/** Dataset management asks to deallocate (other attributes are hints). */
export function sqeDsmDeallocates(view: DataView, at: number): boolean {
  return (view.getUint32(at + sqe.cdw11, true) & dsmDeallocate) !== 0;
}
