/** What the kernel is told of a volume: ublk_params. */
import type { KernelGeometry } from '../contract.ts';
import { attribute, paramsBytes, paramsField, paramType, sectorBytes } from './abi.ts';

/** Discard and write-zeroes travel with a length of 32 bits in bytes inside the kernel. */
const mostRangeSectors = Math.floor(0xffff_ffff / sectorBytes);

function shiftOf(bytes: number): number {
  return Math.floor(Math.log2(bytes));
}

export function encodeParameters(geometry: KernelGeometry, payloadBytes: number): Uint8Array {
  const bytes = new Uint8Array(paramsBytes);
  const view = new DataView(bytes.buffer);
  const { blockBytes, canDiscard, canWriteZeroes } = geometry;
  const logical = shiftOf(blockBytes);
  const physical = Math.max(logical, shiftOf(geometry.physicalBlockBytes));
  const attributes =
    (geometry.readOnly ? attribute.readOnly : 0) |
    // Without a cache to flush FUA means nothing, and the kernel sends neither.
    (geometry.volatileCache ? attribute.volatileCache | attribute.fua : 0);
  const ranges = canDiscard || canWriteZeroes;
  view.setUint32(paramsField.len, paramsBytes, true);
  view.setUint32(paramsField.types, paramType.basic | (ranges ? paramType.discard : 0), true);
  view.setUint32(paramsField.attrs, attributes, true);
  view.setUint8(paramsField.logicalBsShift, logical);
  view.setUint8(paramsField.physicalBsShift, physical);
  view.setUint8(paramsField.ioOptShift, physical);
  view.setUint8(paramsField.ioMinShift, physical);
  view.setUint32(paramsField.maxSectors, payloadBytes / sectorBytes, true);
  view.setBigUint64(paramsField.devSectors, BigInt(geometry.sizeBytes / sectorBytes), true);
  if (!ranges) return bytes;
  // Whole physical blocks, so that the pieces of a longer range are as well aligned as its start.
  const unit = 2 ** physical / sectorBytes;
  const mostSectors = Math.floor(mostRangeSectors / unit) * unit;
  view.setUint32(paramsField.discardGranularity, blockBytes, true);
  view.setUint32(paramsField.maxDiscardSectors, canDiscard ? mostSectors : 0, true);
  view.setUint32(paramsField.maxWriteZeroesSectors, canWriteZeroes ? mostSectors : 0, true);
  view.setUint16(paramsField.maxDiscardSegments, canDiscard ? 1 : 0, true);
  return bytes;
}
