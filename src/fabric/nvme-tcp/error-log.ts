/** Error Information log page, 01h (NVMe Base, "Error Information"): entries of 64 bytes, the newest first. */
import { requireBytes, writeU64, zero } from './wire.ts';

export const errorEntryBytes = 64;

export interface ErrorEntry {
  /** Which error of the controller it was, counted from 1; 0 = no entry. */
  readonly errorCount: bigint;
  readonly sqid: number;
  readonly cid: number;
  /** `sct << 8 | sc`. */
  readonly status: number;
  /** Where in the command the fault is: byte in bits 7:0, bit in bits 10:8; 0xffff = not told. */
  readonly location: number;
  readonly lba: bigint;
  readonly nsid: number;
}

const statusMask = 0x7ff;

/** The entries that `length` bytes hold. @throws CausewayError `nvme-malformed` if there are less bytes */
export function readErrorLog(view: DataView, at: number, length: number): ErrorEntry[] {
  requireBytes(view, at, length, 'the error log');
  const entries: ErrorEntry[] = [];
  for (let place = at; place + errorEntryBytes <= at + length; place += errorEntryBytes) {
    const errorCount = view.getBigUint64(place, true);
    if (errorCount === 0n) continue;
    entries.push({
      errorCount,
      sqid: view.getUint16(place + 8, true),
      cid: view.getUint16(place + 10, true),
      // Bit 0 is the phase tag.
      status: (view.getUint16(place + 12, true) >>> 1) & statusMask,
      location: view.getUint16(place + 14, true),
      lba: view.getBigUint64(place + 16, true),
      nsid: view.getUint32(place + 24, true),
    });
  }
  return entries;
}

/** Writes `errorEntryBytes` at `at`. */
export function writeErrorEntry(view: DataView, at: number, entry: ErrorEntry): void {
  zero(view, at, errorEntryBytes);
  writeU64(view, at, Number(entry.errorCount));
  view.setUint16(at + 8, entry.sqid, true);
  view.setUint16(at + 10, entry.cid, true);
  view.setUint16(at + 12, entry.status << 1, true);
  view.setUint16(at + 14, entry.location, true);
  view.setBigUint64(at + 16, entry.lba, true);
  view.setUint32(at + 24, entry.nsid, true);
}
