/**
 * Admin commands: writers for the initiator, readers of the same fields for the target (NVMe Base, "Admin Command Set").
 * Control path: readers return objects.
 */
import { adminOpcode, identifyBytes, nsidAll, sglType } from './constants.ts';
import { sqe, writeSqe } from './sqe.ts';
import { readU64Loose, writeU64 } from './wire.ts';

/** Identify; the answer is 4096 bytes. `csi` counts with the command set specific CNS only. */
export function writeIdentifySqe(
  view: DataView,
  at: number,
  cid: number,
  nsid: number,
  cns: number,
  csi: number,
): void {
  writeSqe(view, at, adminOpcode.identify, cid, nsid, sglType.transport, identifyBytes);
  view.setUint32(at + sqe.cdw10, cns, true);
  view.setUint32(at + sqe.cdw11, csi << 24, true);
}

export interface IdentifyCommand {
  readonly nsid: number;
  readonly cns: number;
  readonly cntid: number;
  readonly csi: number;
}

export function readIdentifySqe(view: DataView, at: number): IdentifyCommand {
  return {
    nsid: view.getUint32(at + sqe.nsid, true),
    cns: view.getUint8(at + sqe.cdw10),
    cntid: view.getUint16(at + sqe.cdw10 + 2, true),
    csi: view.getUint8(at + sqe.cdw11 + 3),
  };
}

/**
 * Get Log Page: `bytes` (a multiple of 4) from `offset` (a multiple of 4) on. `rae` retains the asynchronous event, as for
 * all but the last part of a log that is read in parts. `lsp` is specific to the log.
 */
export function writeGetLogPageSqe(
  view: DataView,
  at: number,
  cid: number,
  lid: number,
  lsp: number,
  rae: boolean,
  offset: number,
  bytes: number,
): void {
  writeSqe(view, at, adminOpcode.getLogPage, cid, nsidAll, sglType.transport, bytes);
  const numd = bytes / 4 - 1;
  view.setUint8(at + sqe.cdw10, lid);
  view.setUint8(at + sqe.cdw10 + 1, lsp | (rae ? 0x80 : 0));
  view.setUint16(at + sqe.cdw10 + 2, numd & 0xffff, true);
  view.setUint16(at + sqe.cdw11, numd >>> 16, true);
  writeU64(view, at + sqe.cdw12, offset);
}

export interface GetLogPageCommand {
  readonly nsid: number;
  readonly lid: number;
  readonly lsp: number;
  readonly rae: boolean;
  /** Bytes asked for: a multiple of 4, up to 16 GiB. */
  readonly bytes: number;
  /** Bytes into the log, inexact but at least 2^53 when absurd; with `offsetIsIndex` an index of entries. */
  readonly offset: number;
  readonly offsetIsIndex: boolean;
  readonly csi: number;
}

export function readGetLogPageSqe(view: DataView, at: number): GetLogPageCommand {
  const numd = view.getUint16(at + sqe.cdw11, true) * 0x1_0000 + view.getUint16(at + sqe.cdw10 + 2, true);
  const second = view.getUint8(at + sqe.cdw10 + 1);
  const cdw14 = view.getUint32(at + sqe.cdw14, true);
  return {
    nsid: view.getUint32(at + sqe.nsid, true),
    lid: view.getUint8(at + sqe.cdw10),
    lsp: second & 0x7f,
    rae: (second & 0x80) !== 0,
    bytes: (numd + 1) * 4,
    offset: readU64Loose(view, at + sqe.cdw12),
    offsetIsIndex: (cdw14 & 0x80_0000) !== 0,
    csi: cdw14 >>> 24,
  };
}

/** Set Features without data, for all namespaces or one. Never saved across resets (SV). */
export function writeSetFeaturesSqe(
  view: DataView,
  at: number,
  cid: number,
  nsid: number,
  fid: number,
  cdw11: number,
): void {
  writeSqe(view, at, adminOpcode.setFeatures, cid, nsid, sglType.transport, 0);
  view.setUint32(at + sqe.cdw10, fid, true);
  view.setUint32(at + sqe.cdw11, cdw11, true);
}

/** Get Features, current value, without data. */
export function writeGetFeaturesSqe(view: DataView, at: number, cid: number, nsid: number, fid: number): void {
  writeSqe(view, at, adminOpcode.getFeatures, cid, nsid, sglType.transport, 0);
  view.setUint32(at + sqe.cdw10, fid, true);
}

export interface FeaturesCommand {
  readonly nsid: number;
  readonly fid: number;
  /** Set Features: make the value outlive resets. */
  readonly save: boolean;
  /** Get Features: 0 current, 1 default, 2 saved, 3 capabilities. */
  readonly select: number;
  readonly cdw11: number;
}

export function readFeaturesSqe(view: DataView, at: number): FeaturesCommand {
  const cdw10 = view.getUint32(at + sqe.cdw10, true);
  return {
    nsid: view.getUint32(at + sqe.nsid, true),
    fid: cdw10 & 0xff,
    save: cdw10 >>> 31 !== 0,
    select: (cdw10 >>> 8) & 7,
    cdw11: view.getUint32(at + sqe.cdw11, true),
  };
}

/** CDW11 of the number of queues feature, and dword 0 of its completion: both 0's based. */
export function numberOfQueuesDword(submission: number, completion: number): number {
  return ((submission - 1) | ((completion - 1) << 16)) >>> 0;
}

/** Queues asked for or granted: the lesser of submission and completion queues, for they come in pairs here. */
export function queuePairsOf(dword: number): number {
  return Math.min(dword & 0xffff, dword >>> 16) + 1;
}

export function writeKeepAliveSqe(view: DataView, at: number, cid: number): void {
  writeSqe(view, at, adminOpcode.keepAlive, cid, 0, sglType.transport, 0);
}

export function writeAsyncEventRequestSqe(view: DataView, at: number, cid: number): void {
  writeSqe(view, at, adminOpcode.asyncEventRequest, cid, 0, sglType.transport, 0);
}

/** What an asynchronous event is about: dword 0 of its completion. */
export interface AsyncEvent {
  readonly type: number;
  readonly info: number;
  /** The log page whose reading clears the event. */
  readonly lid: number;
}

export function readAsyncEvent(dword0: number): AsyncEvent {
  return { type: dword0 & 7, info: (dword0 >>> 8) & 0xff, lid: (dword0 >>> 16) & 0xff };
}

export function asyncEventDword(type: number, info: number, lid: number): number {
  return type | (info << 8) | (lid << 16);
}

/** Abort the command `abortCid` of queue `sqid`. Dword 0 of the completion: `abortedAlready`. */
export function writeAbortSqe(view: DataView, at: number, cid: number, sqid: number, abortCid: number): void {
  writeSqe(view, at, adminOpcode.abort, cid, 0, sglType.transport, 0);
  view.setUint16(at + sqe.cdw10, sqid, true);
  view.setUint16(at + sqe.cdw10 + 2, abortCid, true);
}

export function readAbortSqe(view: DataView, at: number): { readonly sqid: number; readonly cid: number } {
  return { sqid: view.getUint16(at + sqe.cdw10, true), cid: view.getUint16(at + sqe.cdw10 + 2, true) };
}

/** Dword 0 of an Abort's completion: bit 0 says that the command was *not* aborted. */
export function commandWasAborted(dword0: number): boolean {
  return (dword0 & 1) === 0;
}

/**
 * Cross-controller reset (NVMe Base 2.3, 5.4.3): reset the impacted controller `icid`, provided that it is still the
 * instance that `ciu` and `cirn` name.
 */
export function writeCrossControllerResetSqe(
  view: DataView,
  at: number,
  cid: number,
  icid: number,
  ciu: number,
  cirn: bigint,
): void {
  writeSqe(view, at, adminOpcode.crossControllerReset, cid, 0, sglType.transport, 0);
  view.setUint32(at + sqe.cdw10, icid | (ciu << 16), true);
  view.setBigUint64(at + sqe.cdw12, cirn, true);
}

export interface CrossControllerResetCommand {
  readonly icid: number;
  readonly ciu: number;
  readonly cirn: bigint;
}

export function readCrossControllerResetSqe(view: DataView, at: number): CrossControllerResetCommand {
  return {
    icid: view.getUint16(at + sqe.cdw10, true),
    ciu: view.getUint8(at + sqe.cdw10 + 2),
    cirn: view.getBigUint64(at + sqe.cdw12, true),
  };
}

/** Dword 0 of a successful cross-controller reset: bit 0 (IRS) says that the reset is done already; else an event follows. */
export function resetIsImmediate(dword0: number): boolean {
  return (dword0 & 1) !== 0;
}
