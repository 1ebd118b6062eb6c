/**
 * One table for every way in which a command can end: the statuses of NVMe, and what can happen without one. It answers:
 * whose fault; may it have been executed; can it still be executed; where may it be retried; which block status.
 *
 * An *outcome* is a small dense integer, stored in slots and looked up in typed arrays on the data path:
 * - 0 to 7ffh: `sct << 8 | sc`, as `cqeStatus` gives it;
 * - 800h to 8ffh: status code type 1 of fabrics commands, whose numbers would collide with other commands';
 * - from 900h on: `outcome.connectionLost` and its like.
 */
import { status, statusErrno, type Status } from '../../block/status.ts';
import { verdict } from '../contract.ts';
import {
  commandRows,
  defaultRows,
  fabricsRows,
  genericRows,
  mediaRows,
  ownRows,
  pathRows,
  type Executed,
  type Fault,
  type Retry,
  type Row,
  type Rows,
} from './status-rows.ts';

const fabricsBase = 0x800;
const ownBase = 0x900;
const statusTypes = 8;
const pathType = 3;

/** Outcomes that are not statuses; what each means stands beside its row. */
export const outcome = {
  notSent: ownBase,
  connectionLost: ownBase + 1,
  timedOut: ownBase + 2,
  headerDigestError: ownBase + 3,
  dataDigestError: ownBase + 4,
  hostTerminated: ownBase + 5,
  targetTerminated: ownBase + 6,
  controllerReset: ownBase + 7,
  withdrawn: ownBase + 8,
  calledBack: ownBase + 9,
} as const satisfies Record<keyof typeof ownRows, number>;

const ownByOutcome: Row[] = [];
let ownName: keyof typeof outcome;
for (ownName in outcome) ownByOutcome[outcome[ownName] - ownBase] = ownRows[ownName];

export const outcomeCount = ownBase + ownByOutcome.length;

/** Makes a status of its type and code. */
export function statusOf(sct: number, sc: number): number {
  return (sct << 8) | sc;
}

/** The statuses that our own code gives or looks for, by name. */
export const sc = {
  success: 0x000,
  invalidOpcode: 0x001,
  invalidField: 0x002,
  commandIdConflict: 0x003,
  dataTransferError: 0x004,
  internalError: 0x006,
  abortedByRequest: 0x007,
  abortedQueueDeletion: 0x008,
  invalidNamespace: 0x00b,
  commandSequenceError: 0x00c,
  sglDataLengthInvalid: 0x00f,
  sglTypeInvalid: 0x011,
  sglOffsetInvalid: 0x016,
  hostIdInconsistent: 0x018,
  keepAliveInvalid: 0x01a,
  namespaceWriteProtected: 0x020,
  commandInterrupted: 0x021,
  transientTransportError: 0x022,
  lbaOutOfRange: 0x080,
  capacityExceeded: 0x081,
  namespaceNotReady: 0x082,
  reservationConflict: 0x083,
  queueIdInvalid: 0x101,
  queueSizeInvalid: 0x102,
  abortLimitExceeded: 0x103,
  asyncEventLimitExceeded: 0x105,
  logPageInvalid: 0x109,
  featureNotSaveable: 0x10d,
  featureNotChangeable: 0x10e,
  controllerIdInvalid: 0x11f,
  crossControllerResetInProgress: 0x13f,
  crossControllerResetLogFull: 0x140,
  crossControllerResetLimitExceeded: 0x141,
  connectFormatIncompatible: 0x180,
  connectControllerBusy: 0x181,
  connectInvalidParameters: 0x182,
  connectRestartDiscovery: 0x183,
  connectInvalidHost: 0x184,
  authenticationRequired: 0x191,
  writeFault: 0x280,
  unrecoveredReadError: 0x281,
  internalPathError: 0x300,
  anaPersistentLoss: 0x301,
  anaInaccessible: 0x302,
  anaTransition: 0x303,
} as const;

/** A row, spelled out for people, documents and tests. */
export interface OutcomeRow {
  readonly outcome: number;
  readonly name: string;
  readonly fault: Fault;
  readonly mayHaveExecuted: boolean;
  readonly canStillExecute: boolean;
  readonly retry: Retry;
  readonly blockStatus: Status;
  readonly errno: number;
}

const rowsByType: readonly Rows[] = [genericRows, commandRows, mediaRows, pathRows];

function rowAt(code: number): Row {
  if (code >= ownBase) return ownByOutcome[code - ownBase]!;
  const type = code >>> 8;
  const rows = code >= fabricsBase ? fabricsRows : rowsByType[type];
  // Fabrics commands share the rest of their type's meaning, so its default is theirs too.
  const fallback = defaultRows[type < statusTypes ? type : 1]!;
  return rows?.[code & 0xff] ?? fallback;
}

function executedBits(executed: Executed): number {
  if (executed === 'no') return 0;
  return executed === 'maybe' ? verdict.mayHaveExecuted : verdict.mayHaveExecuted | verdict.mayStillExecute;
}

function retryBits(retry: Retry): number {
  if (retry === 'no') return 0;
  return retry === 'elsewhere' ? verdict.retryElsewhere : verdict.retryHere;
}

/** Bits of `verdict` by outcome. 0 = success. */
const verdicts = new Uint8Array(outcomeCount);
/** Block status by outcome. */
const blockStatuses = new Array<Status>(outcomeCount).fill(status.ok);

for (let code = 0; code < outcomeCount; code += 1) {
  const [, fault, executed, retry, block] = rowAt(code);
  blockStatuses[code] = status[block];
  if (code === sc.success) continue;
  verdicts[code] =
    verdict.failed | (fault === 'path' ? verdict.pathFault : 0) | executedBits(executed) | retryBits(retry);
}
verdicts[outcome.calledBack]! |= verdict.calledBack;

/** The outcome of a fabrics command with this status. */
export function fabricsOutcome(statusCode: number): number {
  return statusCode >>> 8 === 1 ? fabricsBase | (statusCode & 0xff) : statusCode;
}

/**
 * What is known after an outcome: bits of `verdict`, 0 = success. `dnr` is the completion's do-not-retry bit: the same
 * command would fail again on any controller of the subsystem, so it is not sent again. With a path related status it
 * speaks of this path only (such a status says nothing about the command), and other paths are still tried.
 */
export function verdictOf(code: number, dnr: boolean): number {
  const bits = verdicts[code]!;
  if (!dnr) return bits;
  const forbidden = code >>> 8 === pathType ? verdict.retryHere : verdict.retryHere | verdict.retryElsewhere;
  return bits & ~forbidden;
}

/** The block status with which a request ends that failed for good. */
export function blockStatusOf(code: number): Status {
  return blockStatuses[code]!;
}

/** A name for people: `ana-inaccessible`; numbers without a row of their own carry their code: `vendor-specific-status 7c1h`. */
export function outcomeName(code: number): string {
  const row = rowAt(code);
  return defaultRows.includes(row) ? `${row[0]} ${code.toString(16)}h` : row[0];
}

/** The whole row. Control. */
export function outcomeRow(code: number): OutcomeRow {
  const [, fault, executed, retry, block] = rowAt(code);
  return {
    outcome: code,
    name: outcomeName(code),
    fault,
    mayHaveExecuted: executed !== 'no',
    canStillExecute: executed === 'pending',
    retry,
    blockStatus: status[block],
    errno: statusErrno[status[block]]!,
  };
}
