/**
 * The 16 bytes of a completion queue entry (NVMe Base, "Common Completion Queue Entry"). On the data path: plain numbers,
 * no allocation. A *status* here is the dense number `sct << 8 | sc` that status.ts explains; the phase bit, which means
 * nothing on fabrics, is 0 when written and ignored when read.
 */

/** Offsets. */
export const cqe = { dw0: 0, dw1: 4, sqhd: 8, sqid: 10, cid: 12, status: 14 } as const;

/** Bits beside the status, as `flags` of `writeCqe`. */
export const cqeFlag = {
  /** Command retry delay, a 2-bit index: 0 = none, else CRDT1 to CRDT3. Shift for a value. */
  crdShift: 12,
  more: 0x4000,
  /** Do not retry. */
  dnr: 0x8000,
} as const;

const statusMask = 0x7ff;

export function writeCqe(
  view: DataView,
  at: number,
  cid: number,
  sqid: number,
  sqhd: number,
  status: number,
  flags: number,
  dw0: number,
  dw1: number,
): void {
  view.setUint32(at + cqe.dw0, dw0, true);
  view.setUint32(at + cqe.dw1, dw1, true);
  view.setUint16(at + cqe.sqhd, sqhd, true);
  view.setUint16(at + cqe.sqid, sqid, true);
  view.setUint16(at + cqe.cid, cid, true);
  view.setUint16(at + cqe.status, (status << 1) | flags, true);
}

export function cqeDw0(view: DataView, at: number): number {
  return view.getUint32(at + cqe.dw0, true);
}

export function cqeDw1(view: DataView, at: number): number {
  return view.getUint32(at + cqe.dw1, true);
}

export function cqeSqhd(view: DataView, at: number): number {
  return view.getUint16(at + cqe.sqhd, true);
}

export function cqeSqid(view: DataView, at: number): number {
  return view.getUint16(at + cqe.sqid, true);
}

export function cqeCid(view: DataView, at: number): number {
  return view.getUint16(at + cqe.cid, true);
}

export function cqeStatus(view: DataView, at: number): number {
  return (view.getUint16(at + cqe.status, true) >>> 1) & statusMask;
}

/** 0 = no delay asked for, else which of CRDT1 to CRDT3 of identify controller. */
export function cqeCrd(view: DataView, at: number): number {
  return (view.getUint16(at + cqe.status, true) >>> cqeFlag.crdShift) & 3;
}

export function cqeMore(view: DataView, at: number): boolean {
  return (view.getUint16(at + cqe.status, true) & cqeFlag.more) !== 0;
}

export function cqeDnr(view: DataView, at: number): boolean {
  return (view.getUint16(at + cqe.status, true) & cqeFlag.dnr) !== 0;
}
