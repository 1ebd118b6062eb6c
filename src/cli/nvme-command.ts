/**
 * An NVMe command and its answer on their way over the control socket: data travels as base64. What arrives is another
 * process's word; whether the command itself may be sent is checked where it is sent.
 */
import { CausewayError } from '../base/errors.ts';
import type { PassthroughCommand } from '../fabric/nvme-tcp/passthrough.ts';
import { outcomeName } from '../fabric/nvme-tcp/status.ts';
import { callControl } from '../host/control-client.ts';
import { isRecord, type Params } from '../host/control-protocol.ts';
import type { NvmeAnswer } from '../host/passthrough.ts';

/** The way to the process and back, besides what the command itself may take, milliseconds. */
const patience = 20_000;
/** Without a time-out of its own a command has a minute. */
const usualTimeout = 60_000;

function numberOf(params: Params, key: string): number {
  const value = params[key];
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  throw malformed(key);
}

function malformed(key: string): CausewayError {
  return new CausewayError('control-protocol', `"${key}" is missing in what was asked, or is malformed`);
}

function bytesOf(text: unknown): Uint8Array | null {
  return typeof text === 'string' ? new Uint8Array(Buffer.from(text, 'base64')) : null;
}

/** @throws CausewayError `control-protocol` */
export function nvmeCommand(params: Params): PassthroughCommand {
  const { queue } = params;
  if (queue !== 'admin' && queue !== 'io') throw malformed('queue');
  const cdws: unknown = params['cdws'];
  if (!Array.isArray(cdws) || !cdws.every((dword): dword is number => typeof dword === 'number'))
    throw malformed('cdws');
  return {
    queue,
    opcode: numberOf(params, 'opcode'),
    nsid: numberOf(params, 'nsid'),
    cdw2: numberOf(params, 'cdw2'),
    cdw3: numberOf(params, 'cdw3'),
    cdws,
    bytes: numberOf(params, 'bytes'),
    data: bytesOf(params['data']),
    timeoutMs: numberOf(params, 'timeoutMs'),
  };
}

export function answerAsData({ status, doNotRetry, dw0, dw1, data, path }: NvmeAnswer): Params {
  return { status, doNotRetry, dw0, dw1, data: Buffer.from(data).toString('base64'), path };
}

/** Has the process of this device send the command. @throws CausewayError those of `Attachment.nvme` and callControl */
export async function askNvme(name: string, command: PassthroughCommand, allowDangerous = false): Promise<NvmeAnswer> {
  const data = command.data === null ? null : Buffer.from(command.data).toString('base64');
  const timeout = (command.timeoutMs === 0 ? usualTimeout : command.timeoutMs) + patience;
  const answer = await callControl(name, 'nvme', { ...command, data, allowDangerous }, timeout);
  if (!isRecord(answer) || typeof answer['path'] !== 'string') {
    throw new CausewayError('control-protocol', `${name} answered with something that is no completion of a command`);
  }
  return {
    status: numberOf(answer, 'status'),
    doNotRetry: answer['doNotRetry'] === true,
    dw0: numberOf(answer, 'dw0'),
    dw1: numberOf(answer, 'dw1'),
    data: bytesOf(answer['data']) ?? new Uint8Array(0),
    path: answer['path'],
  };
}

/** A command with what most have left out. */
export function nvmeCommandOf(
  fields: Pick<PassthroughCommand, 'queue' | 'opcode'> & Partial<PassthroughCommand>,
): PassthroughCommand {
  return { nsid: 0, cdw2: 0, cdw3: 0, cdws: [0, 0, 0, 0, 0, 0], bytes: 0, data: null, timeoutMs: 0, ...fields };
}

/** @throws CausewayError `nvme-command-failed` if the array answered with another status than success */
export async function runNvme(name: string, what: string, command: PassthroughCommand): Promise<NvmeAnswer> {
  const answer = await askNvme(name, command);
  checkStatus(name, what, answer);
  return answer;
}

/** @throws CausewayError `reservation-conflict`, `nvme-command-failed` */
export function checkStatus(name: string, what: string, { status, path }: NvmeAnswer): void {
  if (status === 0) return;
  const code = `0x${status.toString(16)}`;
  const hint =
    status === 0x083 ? '`causeway nvme resv-report NAME` shows who holds the volume and who is registered.' : undefined;
  throw new CausewayError(
    status === 0x083 ? 'reservation-conflict' : 'nvme-command-failed',
    `${name}: ${what} ended with status ${code}, ${outcomeName(status)} (over ${path})`,
    hint === undefined ? {} : { hint },
  );
}
