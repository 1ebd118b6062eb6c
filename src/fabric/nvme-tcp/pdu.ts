/**
 * The PDUs of NVMe/TCP: sizes, offsets and writers (NVMe/TCP Transport, "PDU Definitions"). What a received header may
 * say is checked in pdu-check.ts.
 *
 * A PDU is: header (hlen bytes), header digest if negotiated, padding up to PDO, data, data digest if negotiated and
 * there is data. Writers fill in the header only; the header digest is put behind it by `writeHeaderDigest`, which covers
 * hlen bytes, so it must come last. Writers are on the data path: plain numbers, no allocation.
 */
import { digestBit, pduFlag, pduType } from './constants.ts';
import { crc32c, digestBytes } from './digest.ts';

/** Offsets in the common header, the first 8 bytes of every PDU. */
export const ch = { bytes: 8, type: 0, flags: 1, hlen: 2, pdo: 3, plen: 4 } as const;

export const icReq = { bytes: 128, pfv: 8, hpda: 10, dgst: 11, maxr2t: 12 } as const;
export const icResp = { bytes: 128, pfv: 8, cpda: 10, dgst: 11, maxh2cdata: 12 } as const;
export const termReq = { bytes: 24, fes: 8, fei: 10, maxDataBytes: 128 } as const;
export const capsuleCmd = { bytes: 72, sqe: 8 } as const;
export const capsuleResp = { bytes: 24, cqe: 8 } as const;
/** H2CData and C2HData; TTAG is reserved in C2HData. */
export const dataPdu = { bytes: 24, cccid: 8, ttag: 10, datao: 12, datal: 16 } as const;
export const r2t = { bytes: 24, cccid: 8, ttag: 10, r2to: 12, r2tl: 16 } as const;

/** HPDA and CPDA are 0's based counts of dwords, at most this. */
export const maxPda = 31;
/** The least MAXH2CDATA that a controller may report. */
export const minMaxH2cData = 4096;

/** Alignment in bytes that HPDA or CPDA asks for. */
export function alignmentOf(pda: number): number {
  return (pda + 1) * 4;
}

/** PDO of a PDU with data: the first multiple of `alignment` behind the header and its digest. */
export function dataOffset(hlen: number, digests: number, alignment: number): number {
  const header = hlen + ((digests & digestBit.header) !== 0 ? digestBytes : 0);
  const over = header % alignment;
  return over === 0 ? header : header + alignment - over;
}

function writeCommon(
  view: DataView,
  at: number,
  type: number,
  flags: number,
  hlen: number,
  pdo: number,
  plen: number,
): void {
  view.setUint32(at, type | (flags << 8) | (hlen << 16) | (pdo << 24), true);
  view.setUint32(at + ch.plen, plen, true);
}

function zeroFrom(view: DataView, from: number, to: number): void {
  for (let at = from; at < to; at += 4) view.setUint32(at, 0, true);
}

/** `maxr2t` is the number of R2Ts outstanding per command, 1 or more (stored 0's based). Returns the PDU's length. */
export function writeIcReq(view: DataView, at: number, hpda: number, digests: number, maxr2t: number): number {
  writeCommon(view, at, pduType.icReq, 0, icReq.bytes, 0, icReq.bytes);
  zeroFrom(view, at + ch.bytes, at + icReq.bytes);
  view.setUint8(at + icReq.hpda, hpda);
  view.setUint8(at + icReq.dgst, digests);
  view.setUint32(at + icReq.maxr2t, maxr2t - 1, true);
  return icReq.bytes;
}

/** `maxh2cdata` is in bytes, a multiple of 4, at least 4096. Returns the PDU's length. */
export function writeIcResp(view: DataView, at: number, cpda: number, digests: number, maxh2cdata: number): number {
  writeCommon(view, at, pduType.icResp, 0, icResp.bytes, 0, icResp.bytes);
  zeroFrom(view, at + ch.bytes, at + icResp.bytes);
  view.setUint8(at + icResp.cpda, cpda);
  view.setUint8(at + icResp.dgst, digests);
  view.setUint32(at + icResp.maxh2cdata, maxh2cdata, true);
  return icResp.bytes;
}

/**
 * Header of a command capsule whose SQE the caller writes at `at + capsuleCmd.sqe`. `inCapsuleBytes` 0 = no data.
 * `alignment` is `alignmentOf(cpda)`. Returns where the data begins (PDO), or the PDU's length without data.
 */
export function writeCapsuleCmdHeader(
  view: DataView,
  at: number,
  digests: number,
  inCapsuleBytes: number,
  alignment: number,
): number {
  if (inCapsuleBytes === 0) {
    const flags = digests & digestBit.header;
    const plen = capsuleCmd.bytes + (flags !== 0 ? digestBytes : 0);
    writeCommon(view, at, pduType.capsuleCmd, flags, capsuleCmd.bytes, 0, plen);
    return plen;
  }
  const pdo = dataOffset(capsuleCmd.bytes, digests, alignment);
  const plen = pdo + inCapsuleBytes + ((digests & digestBit.data) !== 0 ? digestBytes : 0);
  // The bits of DGST and of FLAGS are the same two.
  writeCommon(view, at, pduType.capsuleCmd, digests, capsuleCmd.bytes, pdo, plen);
  return pdo;
}

/** Header of a response capsule whose CQE the caller writes at `at + capsuleResp.cqe`. Returns the PDU's length. */
export function writeCapsuleRespHeader(view: DataView, at: number, digests: number): number {
  const flags = digests & digestBit.header;
  const plen = capsuleResp.bytes + (flags !== 0 ? digestBytes : 0);
  writeCommon(view, at, pduType.capsuleResp, flags, capsuleResp.bytes, 0, plen);
  return plen;
}

/** Returns the PDU's length. */
export function writeR2t(
  view: DataView,
  at: number,
  digests: number,
  cccid: number,
  ttag: number,
  r2to: number,
  r2tl: number,
): number {
  const flags = digests & digestBit.header;
  const plen = r2t.bytes + (flags !== 0 ? digestBytes : 0);
  writeCommon(view, at, pduType.r2t, flags, r2t.bytes, 0, plen);
  view.setUint32(at + r2t.cccid, cccid | (ttag << 16), true);
  view.setUint32(at + r2t.r2to, r2to, true);
  view.setUint32(at + r2t.r2tl, r2tl, true);
  view.setUint32(at + 20, 0, true);
  return plen;
}

/**
 * Header of H2CData or C2HData (`type`). `flags` are `pduFlag.lastPdu` and, in C2HData, `pduFlag.success`. `alignment` is
 * that of the receiver. `datal` is more than 0; `ttag` is 0 in C2HData. Returns where the data begins (PDO).
 */
export function writeDataHeader(
  view: DataView,
  at: number,
  type: number,
  digests: number,
  alignment: number,
  flags: number,
  cccid: number,
  ttag: number,
  datao: number,
  datal: number,
): number {
  const pdo = dataOffset(dataPdu.bytes, digests, alignment);
  const plen = pdo + datal + ((digests & digestBit.data) !== 0 ? digestBytes : 0);
  writeCommon(view, at, type, digests | flags, dataPdu.bytes, pdo, plen);
  view.setUint32(at + dataPdu.cccid, cccid | (ttag << 16), true);
  view.setUint32(at + dataPdu.datao, datao, true);
  view.setUint32(at + dataPdu.datal, datal, true);
  view.setUint32(at + 20, 0, true);
  return pdo;
}

/**
 * A termination request: `type` by who sends it, `fes` and `fei` as `checkHeader` found them. `header` is the header that
 * was wrong, of which up to 128 bytes go along; null sends none. It never has digests. Returns the PDU's length.
 */
export function writeTermReq(
  view: DataView,
  at: number,
  type: number,
  fatalErrorStatus: number,
  fei: number,
  header: Uint8Array | null,
): number {
  const length = Math.min(header?.length ?? 0, termReq.maxDataBytes);
  writeCommon(view, at, type, 0, termReq.bytes, 0, termReq.bytes + length);
  zeroFrom(view, at + ch.bytes, at + termReq.bytes);
  view.setUint16(at + termReq.fes, fatalErrorStatus, true);
  view.setUint32(at + termReq.fei, fei, true);
  for (let i = 0; i < length; i += 1) view.setUint8(at + termReq.bytes + i, header?.[i] ?? 0);
  return termReq.bytes + length;
}

/**
 * Puts the header digest behind a finished header if its flags say that there is one. `bytes` is the memory under
 * `view`, with the same beginning.
 */
export function writeHeaderDigest(view: DataView, bytes: Uint8Array, at: number): void {
  if ((view.getUint8(at + ch.flags) & pduFlag.hdgst) === 0) return;
  const hlen = view.getUint8(at + ch.hlen);
  view.setUint32(at + hlen, crc32c(bytes, at, hlen), true);
}

/** True if the header digest of a received PDU is right, or it has none. */
export function headerDigestIsRight(view: DataView, bytes: Uint8Array, at: number): boolean {
  if ((view.getUint8(at + ch.flags) & pduFlag.hdgst) === 0) return true;
  const hlen = view.getUint8(at + ch.hlen);
  return view.getUint32(at + hlen, true) === crc32c(bytes, at, hlen);
}
