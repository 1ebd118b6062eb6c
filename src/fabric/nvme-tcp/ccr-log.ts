/**
 * Cross-Controller Reset log page, 1Eh (NVMe Base 2.3, figures 304 and 305): how the resets asked for by opcode 38h went.
 */
import { malformed, requireBytes, zero } from './wire.ts';

/** Status of one reset (CCRS). Only `success` is a fence; whatever is not known counts as not yet fenced. */
export const ccrStatus = { inProgress: 0, success: 1, failed: 2 } as const;

export interface CcrEntry {
  /** The impacted controller and its instance. */
  readonly icid: number;
  readonly ciu: number;
  /** The controller that took over, or 0xffff. */
  readonly acid: number;
  readonly ccrs: number;
  readonly ccrf: number;
}

export const ccrLogBytes = 4096;
const header = { bytes: 8, ne: 0 } as const;
const entry = { bytes: 8, icid: 0, ciu: 2, acid: 4, ccrs: 6, ccrf: 7 } as const;
export const maxCcrEntries = (ccrLogBytes - header.bytes) / entry.bytes;

/** @throws CausewayError `nvme-malformed` if it is short or says that it has more entries than fit */
export function readCcrLog(view: DataView, at: number): CcrEntry[] {
  requireBytes(view, at, ccrLogBytes, 'the cross-controller reset log');
  const ne = view.getUint16(at + header.ne, true);
  if (ne > maxCcrEntries) throw malformed(`a cross-controller reset log of ${ne} entries`);
  const entries: CcrEntry[] = [];
  for (let i = 0; i < ne; i += 1) {
    const place = at + header.bytes + entry.bytes * i;
    entries.push({
      icid: view.getUint16(place + entry.icid, true),
      ciu: view.getUint8(place + entry.ciu),
      acid: view.getUint16(place + entry.acid, true),
      ccrs: view.getUint8(place + entry.ccrs),
      ccrf: view.getUint8(place + entry.ccrf),
    });
  }
  return entries;
}

/** Writes all 4096 bytes. At most `maxCcrEntries` entries: the target answers 40h (log page full) before there are more. */
export function writeCcrLog(view: DataView, at: number, entries: readonly CcrEntry[]): void {
  zero(view, at, ccrLogBytes);
  const count = Math.min(entries.length, maxCcrEntries);
  view.setUint16(at + header.ne, count, true);
  entries.slice(0, count).forEach((data, i) => {
    const place = at + header.bytes + entry.bytes * i;
    view.setUint16(place + entry.icid, data.icid, true);
    view.setUint8(place + entry.ciu, data.ciu);
    view.setUint16(place + entry.acid, data.acid, true);
    view.setUint8(place + entry.ccrs, data.ccrs);
    view.setUint8(place + entry.ccrf, data.ccrf);
  });
}
