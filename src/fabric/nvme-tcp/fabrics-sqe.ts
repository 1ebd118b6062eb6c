/**
 * Fabrics commands: Connect, Property Get and Set, Authentication Send and Receive (NVMe Base, "Fabrics Command Set"). They share opcode 7Fh and are told
 * apart by FCTYPE. The data of a Connect is in connect-data.ts.
 */
import { adminOpcode, fctype, sglType } from './constants.ts';
import { connectDataBytes } from './connect-data.ts';
import { writeSqe } from './sqe.ts';

/** Offsets beyond those of sqe.ts. */
const connect = { recfmt: 40, qid: 42, sqsize: 44, cattr: 46, kato: 48 } as const;
const authentication = { spsp0: 41, spsp1: 42, secp: 43, length: 44 } as const;
const property = { attrib: 40, ofst: 44, value: 48 } as const;

/**
 * Connect. `entries` is the queue's size, 2 or more (SQSIZE is 0's based); `katoMs` counts on the admin queue only. The
 * connect data travels in the capsule: targets do not ask for it by R2T, and one of them fell over when made to.
 */
export function writeConnectSqe(
  view: DataView,
  at: number,
  cid: number,
  qid: number,
  entries: number,
  cattr: number,
  katoMs: number,
): void {
  writeSqe(view, at, adminOpcode.fabrics, cid, fctype.connect, sglType.inCapsule, connectDataBytes);
  view.setUint16(at + connect.qid, qid, true);
  view.setUint16(at + connect.sqsize, entries - 1, true);
  view.setUint8(at + connect.cattr, cattr);
  view.setUint32(at + connect.kato, katoMs, true);
}

export interface ConnectCommand {
  readonly recfmt: number;
  readonly qid: number;
  /** 0's based, as on the wire: the target checks it against MQES. */
  readonly sqsize: number;
  readonly cattr: number;
  /** Milliseconds; 0 = no keep-alive. */
  readonly kato: number;
}

export function readConnectSqe(view: DataView, at: number): ConnectCommand {
  return {
    recfmt: view.getUint16(at + connect.recfmt, true),
    qid: view.getUint16(at + connect.qid, true),
    sqsize: view.getUint16(at + connect.sqsize, true),
    cattr: view.getUint8(at + connect.cattr),
    kato: view.getUint32(at + connect.kato, true),
  };
}

/** CATTR: no SQ flow control (SQHD of completions means nothing then). */
export const cattrNoFlowControl = 4;

/** AUTHREQ in dword 0 of a successful Connect. */
export const authreq = {
  /** ATR: authenticate before anything else. */
  transaction: 0x0002_0000,
  /** ASCR: and make the connection a secure channel (TLS) by it. */
  secureChannel: 0x0004_0000,
} as const;

/** Dword 0 of a successful Connect. */
export interface ConnectResponse {
  readonly cntlid: number;
  /** The controller wants the host to authenticate before anything else. */
  readonly authenticationRequired: boolean;
  readonly secureChannelRequired: boolean;
}

export function readConnectResponse(dword0: number): ConnectResponse {
  const secureChannelRequired = (dword0 & authreq.secureChannel) !== 0;
  const authenticationRequired = secureChannelRequired || (dword0 & authreq.transaction) !== 0;
  return { cntlid: dword0 & 0xffff, authenticationRequired, secureChannelRequired };
}

/** SECP: the messages are NVMe's own (NVMe Base, "Authentication Send"). SPSP 0 and 1 are both 1 then. */
const secpNvme = 0xe9;

/** Authentication Send of `bytes`, which travel in the capsule. */
export function writeAuthenticationSendSqe(view: DataView, at: number, cid: number, bytes: number): void {
  writeSqe(view, at, adminOpcode.fabrics, cid, fctype.authenticationSend, sglType.inCapsule, bytes);
  writeAuthentication(view, at, bytes);
}

/** Authentication Receive of at most `bytes`. */
export function writeAuthenticationReceiveSqe(view: DataView, at: number, cid: number, bytes: number): void {
  writeSqe(view, at, adminOpcode.fabrics, cid, fctype.authenticationReceive, sglType.transport, bytes);
  writeAuthentication(view, at, bytes);
}

function writeAuthentication(view: DataView, at: number, bytes: number): void {
  view.setUint8(at + authentication.spsp0, 1);
  view.setUint8(at + authentication.spsp1, 1);
  view.setUint8(at + authentication.secp, secpNvme);
  view.setUint32(at + authentication.length, bytes, true);
}

export interface AuthenticationCommand {
  /** The security protocol is NVMe's, and known. */
  readonly isNvme: boolean;
  /** TL or AL: bytes sent, or asked for at most. */
  readonly bytes: number;
}

export function readAuthenticationSqe(view: DataView, at: number): AuthenticationCommand {
  const isNvme =
    view.getUint8(at + authentication.secp) === secpNvme &&
    view.getUint8(at + authentication.spsp0) === 1 &&
    view.getUint8(at + authentication.spsp1) === 1;
  return { isNvme, bytes: view.getUint32(at + authentication.length, true) };
}

/** Dword 0 of a Connect refused with Invalid Parameters: where the wrong parameter is. */
export interface InvalidParameter {
  /** Byte offset. */
  readonly ipo: number;
  /** True: in the connect data; false: in the SQE. */
  readonly inData: boolean;
}

export function readInvalidParameter(dword0: number): InvalidParameter {
  return { ipo: dword0 & 0xffff, inData: (dword0 & 0x1_0000) !== 0 };
}

export function invalidParameterDword(ipo: number, inData: boolean): number {
  return ipo | (inData ? 0x1_0000 : 0);
}

/** Property Get of 4 or 8 bytes at `ofst`; the value is in dwords 0 and 1 of the completion. */
export function writePropertyGetSqe(view: DataView, at: number, cid: number, ofst: number, bytes: 4 | 8): void {
  writeSqe(view, at, adminOpcode.fabrics, cid, fctype.propertyGet, sglType.transport, 0);
  view.setUint8(at + property.attrib, bytes === 8 ? 1 : 0);
  view.setUint32(at + property.ofst, ofst, true);
}

/** Property Set; `high` counts with 8 bytes only. */
export function writePropertySetSqe(
  view: DataView,
  at: number,
  cid: number,
  ofst: number,
  bytes: 4 | 8,
  low: number,
  high: number,
): void {
  writeSqe(view, at, adminOpcode.fabrics, cid, fctype.propertySet, sglType.transport, 0);
  view.setUint8(at + property.attrib, bytes === 8 ? 1 : 0);
  view.setUint32(at + property.ofst, ofst, true);
  view.setUint32(at + property.value, low, true);
  view.setUint32(at + property.value + 4, bytes === 8 ? high : 0, true);
}

export interface PropertyCommand {
  /** 0 for a size that the specification does not know. */
  readonly bytes: 0 | 4 | 8;
  readonly ofst: number;
  /** Property Set. */
  readonly low: number;
  readonly high: number;
}

export function readPropertySqe(view: DataView, at: number): PropertyCommand {
  const size = view.getUint8(at + property.attrib) & 7;
  return {
    bytes: size === 0 ? 4 : size === 1 ? 8 : 0,
    ofst: view.getUint32(at + property.ofst, true),
    low: view.getUint32(at + property.value, true),
    high: view.getUint32(at + property.value + 4, true),
  };
}
