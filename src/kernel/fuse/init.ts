/** INIT: what this kernel's FUSE offers, and what is agreed on. */
import { CausewayError } from '../../base/errors.ts';
import {
  fuseMajor,
  fuseMinor,
  inHeader,
  inHeaderBytes,
  initFlag,
  initFlag2,
  initIn,
  initInBytes,
  initOut,
  initOutBytes,
  notifyResend,
  oldestFuseMinor,
  opcode,
  outHeader,
  outHeaderBytes,
  shortInitInBytes,
} from './abi.ts';

const pageBytes = 4096;

/**
 * How many background requests (those of asynchronous direct I/O) the kernel hands out at once. A loop device has 128
 * requests at most; a client of the file itself may have more.
 */
const maxBackground = 1024;
/** When the kernel calls the device congested; only hints depend on it. */
const congestionThreshold = 768;

/** What INIT asked for. */
export interface InitRequest {
  readonly major: number;
  readonly minor: number;
  readonly flags: number;
  readonly flags2: number;
  readonly uniqueLow: number;
  readonly uniqueHigh: number;
}

/**
 * Reads the INIT request.
 * @throws CausewayError `kernel-device-failed` if it is none, or from a kernel we cannot work with
 */
export function decodeInit(message: Uint8Array): InitRequest {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  if (message.length < inHeaderBytes + shortInitInBytes || view.getUint32(inHeader.len, true) !== message.length) {
    throw new CausewayError('kernel-device-failed', 'the first message from /dev/fuse is cut short');
  }
  if (view.getUint32(inHeader.opcode, true) !== opcode.init) {
    throw new CausewayError('kernel-device-failed', 'the first message from /dev/fuse is not INIT');
  }
  const word = (at: number): number => view.getUint32(inHeaderBytes + at, true);
  const long = message.length >= inHeaderBytes + initInBytes;
  const flags = word(initIn.flags);
  const request = {
    major: word(initIn.major),
    minor: word(initIn.minor),
    flags,
    flags2: long && (flags & initFlag.extended) !== 0 ? word(initIn.flags2) : 0,
    uniqueLow: view.getUint32(inHeader.unique, true),
    uniqueHigh: view.getUint32(inHeader.unique + 4, true),
  };
  if (request.major !== fuseMajor || request.minor < oldestFuseMinor) {
    throw new CausewayError(
      'kernel-device-unavailable',
      `this kernel speaks FUSE ${request.major}.${request.minor}; ${fuseMajor}.${oldestFuseMinor} or later is needed`,
    );
  }
  return request;
}

/** True if this kernel offers FUSE over io_uring (it is compiled in and switched on). */
export function offersUring(request: InitRequest): boolean {
  return (request.flags2 & initFlag2.overIoUring) !== 0;
}

/** True if this kernel can hand out again what a dead server has not answered (Linux 6.9). */
export function offersResend(request: InitRequest): boolean {
  return (request.flags2 & initFlag2.hasResend) !== 0;
}

/** The answer: everything we want of what is offered, requests of up to `payloadBytes` (a multiple of the page). */
export function encodeInitReply(request: InitRequest, payloadBytes: number, uring: boolean): Uint8Array {
  const bytes = new Uint8Array(outHeaderBytes + initOutBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(outHeader.len, bytes.length, true);
  view.setUint32(outHeader.unique, request.uniqueLow, true);
  view.setUint32(outHeader.unique + 4, request.uniqueHigh, true);
  const wanted =
    initFlag.asyncRead |
    initFlag.bigWrites |
    initFlag.asyncDirectIo |
    initFlag.abortError |
    initFlag.maxPages |
    initFlag.extended;
  view.setUint32(outHeaderBytes + initOut.major, fuseMajor, true);
  view.setUint32(outHeaderBytes + initOut.minor, Math.min(fuseMinor, request.minor), true);
  view.setUint32(outHeaderBytes + initOut.flags, (wanted & request.flags) >>> 0, true);
  view.setUint16(outHeaderBytes + initOut.maxBackground, maxBackground, true);
  view.setUint16(outHeaderBytes + initOut.congestionThreshold, congestionThreshold, true);
  view.setUint32(outHeaderBytes + initOut.maxWrite, payloadBytes, true);
  view.setUint32(outHeaderBytes + initOut.timeGranularity, 1, true);
  view.setUint16(outHeaderBytes + initOut.maxPages, payloadBytes / pageBytes, true);
  const wanted2 = initFlag2.hasResend | (uring ? initFlag2.overIoUring : 0);
  view.setUint32(outHeaderBytes + initOut.flags2, wanted2 & request.flags2, true);
  return bytes;
}

/** The notification that makes the kernel hand out again what it handed out and got no answer for. */
export function encodeResend(): Uint8Array {
  const bytes = new Uint8Array(outHeaderBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(outHeader.len, bytes.length, true);
  view.setInt32(outHeader.error, notifyResend, true);
  return bytes;
}
