/**
 * What a received PDU header may say: every field of it is the peer's word and is checked before use (NVMe/TCP Transport,
 * "PDU Definitions" and "Error Handling Model"). On the data path: results are small integers, nothing is allocated.
 *
 * A result is 0 or a packed fatal error, `fesOf` and `feiOf` take it apart. For an invalid header field FEI is the byte
 * offset of the field.
 */
import { fes, pduFlag, pduType } from './constants.ts';
import { digestBytes } from './digest.ts';
import { ch, capsuleCmd, capsuleResp, dataPdu, icReq, icResp, maxPda, minMaxH2cData, r2t, termReq } from './pdu.ts';

/** What was agreed on a connection, as far as it decides which headers are right. One per connection, changed by ICReq / ICResp. */
export class HeaderRules {
  /** True: we are the controller and receive from a host. */
  readonly fromHost: boolean;
  /** False until ICReq (controller) or ICResp (host) was received: until then nothing else is. */
  initialized = false;
  /** Bits of `digestBit` that both sides agreed to. */
  digests = 0;
  /** What we asked of the peer: PDO of PDUs with data is a multiple of this. `alignmentOf(hpda)` or `alignmentOf(cpda)`. */
  alignment = 4;
  /** The most data that one data PDU may bring. For a controller MAXH2CDATA, for a host the largest transfer it asked for. */
  maxData = 0;
  /** The most data that a command capsule may bring (controller). Admin queues: 8192. */
  maxInCapsule = 0;

  constructor(fromHost: boolean) {
    this.fromHost = fromHost;
  }
}

/** The packed fatal error. */
function fatal(status: number, fei: number): number {
  return status | (fei << 8);
}

export function fesOf(result: number): number {
  return result & 0xff;
}

export function feiOf(result: number): number {
  return result >>> 8;
}

const wrongType = fatal(fes.invalidHeaderField, ch.type);
const wrongFlags = fatal(fes.invalidHeaderField, ch.flags);
const wrongHlen = fatal(fes.invalidHeaderField, ch.hlen);
const wrongPdo = fatal(fes.invalidHeaderField, ch.pdo);
const wrongPlen = fatal(fes.invalidHeaderField, ch.plen);
const wrongSequence = fatal(fes.pduSequence, 0);
const tooMuch = fatal(fes.limitExceeded, 0);

/** PDU types, as bits, that each side may receive. */
const toController =
  (1 << pduType.icReq) | (1 << pduType.h2cTermReq) | (1 << pduType.capsuleCmd) | (1 << pduType.h2cData);
const toHost =
  (1 << pduType.icResp) |
  (1 << pduType.c2hTermReq) |
  (1 << pduType.capsuleResp) |
  (1 << pduType.c2hData) |
  (1 << pduType.r2t);
const terminations = (1 << pduType.h2cTermReq) | (1 << pduType.c2hTermReq);
const initializations = (1 << pduType.icReq) | (1 << pduType.icResp);

/**
 * Checks the 8 bytes of the common header. After a result of 0 the header (`hlen` bytes), `headerBytes`, `dataStart` and
 * `dataBytes` can be relied upon.
 */
export function checkHeader(view: DataView, at: number, rules: HeaderRules): number {
  const type = view.getUint8(at + ch.type);
  const flags = view.getUint8(at + ch.flags);
  const hlen = view.getUint8(at + ch.hlen);
  const plen = view.getUint32(at + ch.plen, true);
  const bit = type < 32 ? 1 << type : 0;
  if ((bit & (rules.fromHost ? toController : toHost)) === 0) return wrongType;

  if ((bit & terminations) !== 0) {
    // A peer may end the connection at any time, before it is initialised too. These PDUs never have digests.
    if (hlen !== termReq.bytes) return wrongHlen;
    return plen < termReq.bytes || plen > termReq.bytes + termReq.maxDataBytes ? wrongPlen : 0;
  }
  if ((bit & initializations) !== 0) {
    if (rules.initialized) return wrongSequence;
    if (hlen !== icReq.bytes) return wrongHlen;
    return plen === icReq.bytes ? 0 : wrongPlen;
  }
  if (!rules.initialized) return wrongSequence;

  // The two digest bits of FLAGS are those of DGST. A digest that was not agreed to, or is missing, would shift all that follows.
  if (((flags ^ rules.digests) & pduFlag.hdgst) !== 0) return wrongFlags;
  const header = hlen + ((flags & pduFlag.hdgst) !== 0 ? digestBytes : 0);
  switch (type) {
    case pduType.capsuleResp:
      if (hlen !== capsuleResp.bytes) return wrongHlen;
      return plen === header ? 0 : wrongPlen;
    case pduType.r2t:
      if (hlen !== r2t.bytes) return wrongHlen;
      return plen === header ? 0 : wrongPlen;
    case pduType.capsuleCmd:
      if (hlen !== capsuleCmd.bytes) return wrongHlen;
      // No data: PDO and the data digest flag mean nothing.
      if (plen === header) return 0;
      return checkData(view, at, rules, flags, header, plen, rules.maxInCapsule);
    default:
      if (hlen !== dataPdu.bytes) return wrongHlen;
      // SUCCESS replaces the response that would follow the last PDU; anywhere else it would end a command too early.
      if ((flags & (pduFlag.success | pduFlag.lastPdu)) === pduFlag.success && type === pduType.c2hData)
        return wrongFlags;
      return checkData(view, at, rules, flags, header, plen, rules.maxData);
  }
}

function checkData(
  view: DataView,
  at: number,
  rules: HeaderRules,
  flags: number,
  header: number,
  plen: number,
  most: number,
): number {
  if (((flags ^ rules.digests) & pduFlag.ddgst) !== 0) return wrongFlags;
  const pdo = view.getUint8(at + ch.pdo);
  if (pdo < header || pdo % rules.alignment !== 0) return wrongPdo;
  const length = plen - pdo - ((flags & pduFlag.ddgst) !== 0 ? digestBytes : 0);
  // Without data such a PDU says nothing, but costs its receiver work: refused.
  if (length <= 0) return wrongPlen;
  return length > most ? tooMuch : 0;
}

/** ICReq, ICResp and termination requests: they never have digests, and their PDO means nothing. */
function isPlain(view: DataView, at: number): boolean {
  return ((1 << view.getUint8(at + ch.type)) & (terminations | initializations)) !== 0;
}

/** Length of the header with its digest: what must be received before the header may be read. */
export function headerBytes(view: DataView, at: number, rules: HeaderRules): number {
  const hlen = view.getUint8(at + ch.hlen);
  return (rules.digests & pduFlag.hdgst) === 0 || isPlain(view, at) ? hlen : hlen + digestBytes;
}

/** Where the data of a PDU that passed `checkHeader` begins, from the PDU's start; only if it has any. */
export function dataStart(view: DataView, at: number): number {
  return isPlain(view, at) ? view.getUint8(at + ch.hlen) : view.getUint8(at + ch.pdo);
}

/** How much data a PDU that passed `checkHeader` brings, digest and padding not counted. 0 = none, and no data digest. */
export function dataBytes(view: DataView, at: number, rules: HeaderRules): number {
  const plen = view.getUint32(at + ch.plen, true);
  if (plen === headerBytes(view, at, rules)) return 0;
  if (isPlain(view, at)) return plen - view.getUint8(at + ch.hlen);
  const digest = (rules.digests & pduFlag.ddgst) !== 0 ? digestBytes : 0;
  return plen - view.getUint8(at + ch.pdo) - digest;
}

/** Checks that the length a data PDU claims (DATAL) is the one it brings. After `checkHeader` and the header's digest. */
export function checkDataHeader(view: DataView, at: number, rules: HeaderRules): number {
  const datal = view.getUint32(at + dataPdu.datal, true);
  return datal === dataBytes(view, at, rules) ? 0 : fatal(fes.invalidHeaderField, dataPdu.datal);
}

/** Checks an ICReq behind its common header (controller). */
export function checkIcReq(view: DataView, at: number): number {
  if (view.getUint16(at + icReq.pfv, true) !== 0) return fatal(fes.unsupportedParameter, icReq.pfv);
  if (view.getUint8(at + icReq.hpda) > maxPda) return fatal(fes.invalidHeaderField, icReq.hpda);
  return 0;
}

/** Checks an ICResp behind its common header (host). `offered` are the digests that our ICReq offered. */
export function checkIcResp(view: DataView, at: number, offered: number): number {
  if (view.getUint16(at + icResp.pfv, true) !== 0) return fatal(fes.unsupportedParameter, icResp.pfv);
  if (view.getUint8(at + icResp.cpda) > maxPda) return fatal(fes.invalidHeaderField, icResp.cpda);
  if ((view.getUint8(at + icResp.dgst) & ~offered) !== 0) return fatal(fes.unsupportedParameter, icResp.dgst);
  const maxh2cdata = view.getUint32(at + icResp.maxh2cdata, true);
  if (maxh2cdata < minMaxH2cData || maxh2cdata % 4 !== 0) return fatal(fes.invalidHeaderField, icResp.maxh2cdata);
  return 0;
}

const fesText = [
  'no error',
  'invalid PDU header field',
  'PDU sequence error',
  'header digest error',
  'data transfer out of range',
  'data transfer or R2T limit exceeded',
  'unsupported parameter',
] as const;

/** A termination request's reason, for people. FEI names the byte of the header where that makes sense. */
export function fatalErrorText(fatalErrorStatus: number, fei: number): string {
  const text = fesText[fatalErrorStatus] ?? `fatal error status ${fatalErrorStatus}`;
  const hasOffset = fatalErrorStatus === fes.invalidHeaderField || fatalErrorStatus === fes.unsupportedParameter;
  return hasOffset ? `${text} at byte ${fei}` : text;
}
