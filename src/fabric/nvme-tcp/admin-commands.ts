/** The admin commands that bring-up and watching of a controller use, each as a function over the admin queue. Control. */
import { CausewayError } from '../../base/errors.ts';
import { adminDataBytes, type AdminQueue } from './admin-queue.ts';
import {
  numberOfQueuesDword,
  queuePairsOf,
  resetIsImmediate,
  writeAbortSqe,
  writeCrossControllerResetSqe,
  writeGetLogPageSqe,
  writeIdentifySqe,
  writeKeepAliveSqe,
  writeSetFeaturesSqe,
} from './admin-sqe.ts';
import { featureId, identifyBytes } from './constants.ts';
import type { AuthenticationChannel } from './auth/channel.ts';
import { receiveBytes } from './auth/messages.ts';
import {
  writeAuthenticationReceiveSqe,
  writeAuthenticationSendSqe,
  writePropertyGetSqe,
  writePropertySetSqe,
} from './fabrics-sqe.ts';
import { propertyBytes } from './properties.ts';
import { sc } from './status.ts';
import { commandError } from './transport-error.ts';
import { malformed } from './wire.ts';

/** The low and high word of a property. @throws CausewayError `nvme-command-failed`, or how the connection ended */
export async function propertyGet(queue: AdminQueue, ofst: number): Promise<{ low: number; high: number }> {
  const bytes = propertyBytes(ofst);
  const result = await queue.command((view, at, cid) => writePropertyGetSqe(view, at, cid, ofst, bytes));
  if (result.status !== sc.success) throw commandError(`Property Get of ${ofst.toString(16)}h`, result.status);
  return { low: result.dw0, high: bytes === 8 ? result.dw1 : 0 };
}

export async function propertySet(queue: AdminQueue, ofst: number, value: number): Promise<void> {
  const bytes = propertyBytes(ofst);
  const result = await queue.command((view, at, cid) => writePropertySetSqe(view, at, cid, ofst, bytes, value, 0));
  if (result.status !== sc.success) throw commandError(`Property Set of ${ofst.toString(16)}h`, result.status);
}

function writeReceive(view: DataView, at: number, cid: number): void {
  writeAuthenticationReceiveSqe(view, at, cid, receiveBytes);
}

/** Authentication Send and Receive on the admin queue. */
export function adminChannel(queue: AdminQueue): AuthenticationChannel {
  return {
    send: async (message) => {
      const bytes = message.length;
      const write = (view: DataView, at: number, cid: number): void => writeAuthenticationSendSqe(view, at, cid, bytes);
      const { status } = await queue.commandOut(write, message);
      if (status !== sc.success) throw commandError('Authentication Send', status);
    },
    receive: async () => {
      const { status, data } = await queue.commandIn(writeReceive, receiveBytes);
      if (status !== sc.success) throw commandError('Authentication Receive', status);
      return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    },
  };
}

/** The 4096 bytes of an Identify; null if the controller answers with a status (it does not know this structure). */
export async function tryIdentify(
  queue: AdminQueue,
  nsid: number,
  cns: number,
  csi = 0,
): Promise<{ data: DataView | null; status: number }> {
  const write = (view: DataView, at: number, cid: number): void => writeIdentifySqe(view, at, cid, nsid, cns, csi);
  const result = await queue.commandIn(write, identifyBytes);
  return { data: result.status === sc.success ? result.data : null, status: result.status };
}

/** As `tryIdentify`, where there must be an answer. @throws CausewayError `nvme-command-failed` */
export async function identify(queue: AdminQueue, nsid: number, cns: number, csi = 0): Promise<DataView> {
  const { data, status } = await tryIdentify(queue, nsid, cns, csi);
  if (data === null) throw commandError(`Identify (CNS ${cns.toString(16)}h)`, status);
  return data;
}

/** Returns dword 0 of the completion. @throws CausewayError `nvme-command-failed` */
export async function setFeatures(queue: AdminQueue, fid: number, cdw11: number): Promise<number> {
  const result = await queue.command((view, at, cid) => writeSetFeaturesSqe(view, at, cid, 0, fid, cdw11));
  if (result.status !== sc.success) throw commandError(`Set Features ${fid.toString(16)}h`, result.status);
  return result.dw0;
}

/** Asks for queue pairs and returns how many were granted. */
export async function requestQueues(queue: AdminQueue, wanted: number): Promise<number> {
  const dword = await setFeatures(queue, featureId.numberOfQueues, numberOfQueuesDword(wanted, wanted));
  return Math.min(wanted, queuePairsOf(dword));
}

export async function keepAlive(queue: AdminQueue): Promise<void> {
  const result = await queue.command(writeKeepAliveSqe);
  if (result.status !== sc.success) throw commandError('Keep Alive', result.status);
}

/**
 * Abort of command `cid` of queue `sqid`. False: the controller does not take it. True says nothing of the command, which
 * its own completion decides, whether it was aborted or not. @throws CausewayError how the connection ended
 */
export async function abortCommand(queue: AdminQueue, sqid: number, cid: number): Promise<boolean> {
  const result = await queue.command((view, at, own) => writeAbortSqe(view, at, own, sqid, cid));
  return result.status === sc.success;
}

/**
 * Reads `bytes` of a log from its start, in pieces. All pieces but the last retain the asynchronous event, so that a
 * change during the reading is told afterwards. @throws CausewayError `nvme-command-failed`
 */
export async function readLogBytes(
  queue: AdminQueue,
  lid: number,
  lsp: number,
  bytes: number,
  pieceBytes: number,
): Promise<DataView> {
  const whole = new Uint8Array(bytes);
  const most = Math.max(4, Math.floor(Math.min(pieceBytes, adminDataBytes) / 4) * 4);
  for (let done = 0; done < bytes; ) {
    const length = Math.min(most, bytes - done);
    const from = done;
    const isLast = done + length >= bytes;
    // Log lengths are in dwords.
    const asked = Math.ceil(length / 4) * 4;
    const result = await queue.commandIn(
      (view, at, cid) => writeGetLogPageSqe(view, at, cid, lid, lsp, !isLast, from, asked),
      asked,
    );
    // Beyond the end of a log that is shorter than it could be (NVMe Base, "Get Log Page command"): zeroes are right.
    if (result.status === sc.invalidField && done > 0) break;
    if (result.status !== sc.success) throw commandError(`Get Log Page ${lid.toString(16)}h`, result.status);
    whole.set(new Uint8Array(result.data.buffer, result.data.byteOffset, length), done);
    done += length;
  }
  return new DataView(whole.buffer);
}

/** A log in which a count tells whether it changed while it was read in pieces. */
export interface CountedLog {
  readonly lid: number;
  readonly lsp: number;
  /** Bytes at the log's start that say how long it is. */
  readonly headerBytes: number;
  /** The whole length by the header. @throws CausewayError for a header that is not believed */
  wholeBytes(header: DataView): number;
  /** The change count in the header. */
  count(header: DataView): bigint;
}

/** How often a log that changes while it is read is read again. */
const rereads = 5;

/**
 * Reads a log of any size consistently: when its count moved between the first and the last byte, again.
 * @throws CausewayError `discovery-unstable` if it moves each time, `nvme-command-failed`, `nvme-malformed`
 */
export async function readCountedLog(queue: AdminQueue, log: CountedLog, pieceBytes: number): Promise<DataView> {
  for (let attempt = 0; attempt < rereads; attempt += 1) {
    const header = await readLogBytes(queue, log.lid, log.lsp, log.headerBytes, pieceBytes);
    const bytes = log.wholeBytes(header);
    if (bytes <= log.headerBytes) return header;
    const whole = await readLogBytes(queue, log.lid, log.lsp, bytes, pieceBytes);
    const after = await readLogBytes(queue, log.lid, log.lsp, log.headerBytes, pieceBytes);
    const count = log.count(after);
    if (log.count(whole) === count && log.count(header) === count && log.wholeBytes(after) === bytes) return whole;
  }
  throw new CausewayError(
    'discovery-unstable',
    `The array's log ${log.lid.toString(16)}h changes faster than it can be read.`,
  );
}

/**
 * Asks a controller to reset another one of its subsystem. `status` is not an error here: the limit may be reached, or
 * the controller not be known any more. @throws CausewayError how the connection ended
 */
export async function crossControllerReset(
  queue: AdminQueue,
  icid: number,
  ciu: number,
  cirn: bigint,
): Promise<{ status: number; isImmediate: boolean }> {
  const result = await queue.command((view, at, cid) => writeCrossControllerResetSqe(view, at, cid, icid, ciu, cirn));
  return { status: result.status, isImmediate: result.status === sc.success && resetIsImmediate(result.dw0) };
}

/** A log whose announced length is not believed. */
export function absurdLog(what: string, bytes: number): CausewayError {
  return malformed(`${what} of ${bytes} bytes`);
}
