/**
 * The ioctls of an NVMe character device (include/uapi/linux/nvme_ioctl.h), as they come over CUSE: what is to be copied
 * from the caller, the command that it hands in, and the answer. Pure functions of what the kernel says.
 *
 * The kernel copies nothing by itself. An ioctl comes first with nothing; then with the structure that its argument points
 * to, after we asked for that; then with the data that the structure points to, too. Nothing is kept between the rounds:
 * the caller may have written something else there meanwhile, so each round is judged by what it brought itself, and one
 * whose sizes do not fit its own structure is refused.
 */
import { direction } from '../../fabric/nvme-tcp/command-slot.ts';
import { directionOf, isBidirectional, type PassthroughCommand } from '../../fabric/nvme-tcp/passthrough.ts';
import { errno } from '../../native/errno.ts';
import { mostIoctlBytes } from './abi.ts';

/** _IO('N', n) and _IOWR('N', n, structure). */
export const nvmeIoctl = {
  id: 0x4e40,
  adminCommand: 0xc048_4e41,
  ioCommand: 0xc048_4e43,
  rescan: 0x4e46,
  adminCommand64: 0xc050_4e47,
  ioCommand64: 0xc050_4e48,
} as const;

/** struct nvme_passthru_cmd; nvme_passthru_cmd64 has the same fields, and a result of 64 bits behind them. */
export const passthruBytes = 72;
export const passthru64Bytes = 80;
export const passthruCommand = {
  opcode: 0,
  flags: 1,
  nsid: 4,
  cdw2: 8,
  cdw3: 12,
  metadata: 16,
  addr: 24,
  metadataLen: 32,
  dataLen: 36,
  cdw10: 40,
  timeoutMs: 64,
  result: 68,
  result64: 72,
} as const;

/** What is to be copied: an address of the caller's. Whether it is one, the kernel finds out. */
export interface Iovec {
  readonly base: bigint;
  readonly length: number;
}

/** One round of an ioctl. */
export interface IoctlRequest {
  readonly cmd: number;
  readonly arg: bigint;
  /** What was copied from the caller. */
  readonly input: Uint8Array;
  /** How many bytes will be copied to it. */
  readonly outSize: number;
}

export type IoctlStep =
  | { readonly kind: 'refused'; readonly errno: number }
  /** Its result, without anything else. */
  | { readonly kind: 'result'; readonly result: number }
  /** Come again with this. */
  | { readonly kind: 'retry'; readonly inputs: readonly Iovec[]; readonly outputs: readonly Iovec[] }
  | { readonly kind: 'command'; readonly command: PassthroughCommand; readonly structure: Uint8Array };

/** How a command ended, as far as an ioctl can tell it. */
export interface IoctlAnswer {
  readonly status: number;
  readonly doNotRetry: boolean;
  readonly dw0: number;
  readonly dw1: number;
  readonly data: Uint8Array;
}

function refused(code: number): IoctlStep {
  return { kind: 'refused', errno: code };
}

/** @param nsid of the volume, the answer to NVME_IOCTL_ID */
export function ioctlStep(request: IoctlRequest, nsid: number): IoctlStep {
  switch (request.cmd) {
    case nvmeIoctl.id:
      return { kind: 'result', result: nsid };
    case nvmeIoctl.rescan:
      // Namespaces are watched all the time.
      return { kind: 'result', result: 0 };
    case nvmeIoctl.adminCommand:
      return passthruStep(request, 'admin', passthruBytes);
    case nvmeIoctl.ioCommand:
      return passthruStep(request, 'io', passthruBytes);
    case nvmeIoctl.adminCommand64:
      return passthruStep(request, 'admin', passthru64Bytes);
    case nvmeIoctl.ioCommand64:
      return passthruStep(request, 'io', passthru64Bytes);
    default:
      return refused(errno.ENOTTY);
  }
}

function passthruStep({ arg, input, outSize }: IoctlRequest, queue: 'admin' | 'io', bytes: number): IoctlStep {
  const whole = { base: arg, length: bytes };
  if (input.length === 0 && outSize === 0) return { kind: 'retry', inputs: [whole], outputs: [whole] };
  if (input.length < bytes) return refused(errno.EINVAL);
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const opcode = view.getUint8(passthruCommand.opcode);
  const dataLength = view.getUint32(passthruCommand.dataLen, true);
  const hasMetadata =
    view.getBigUint64(passthruCommand.metadata, true) !== 0n || view.getUint32(passthruCommand.metadataLen, true) !== 0;
  if (view.getUint8(passthruCommand.flags) !== 0 || hasMetadata) return refused(errno.EINVAL);
  if (dataLength > mostIoctlBytes - bytes) return refused(errno.EINVAL);
  const way = dataLength === 0 ? direction.none : directionOf(opcode);
  if (dataLength > 0 && (isBidirectional(opcode) || way === direction.none)) return refused(errno.EINVAL);
  const isOut = way === direction.out;
  const isIn = way === direction.in;
  const inSize = bytes + (isOut ? dataLength : 0);
  const wantedOut = bytes + (isIn ? dataLength : 0);
  if (input.length !== inSize || outSize !== wantedOut) {
    // The round that brings the structure alone; any other one is not what we asked for.
    if (input.length !== bytes || outSize !== bytes) return refused(errno.EINVAL);
    const data = { base: view.getBigUint64(passthruCommand.addr, true), length: dataLength };
    return { kind: 'retry', inputs: isOut ? [whole, data] : [whole], outputs: isIn ? [whole, data] : [whole] };
  }
  const dword = (at: number): number => view.getUint32(at, true);
  return {
    kind: 'command',
    command: {
      queue,
      opcode,
      nsid: dword(passthruCommand.nsid),
      cdw2: dword(passthruCommand.cdw2),
      cdw3: dword(passthruCommand.cdw3),
      cdws: [0, 1, 2, 3, 4, 5].map((index) => dword(passthruCommand.cdw10 + 4 * index)),
      bytes: dataLength,
      data: isOut ? input.slice(bytes, inSize) : null,
      timeoutMs: dword(passthruCommand.timeoutMs),
    },
    structure: input.slice(0, bytes),
  };
}

/** DNR in what an ioctl returns: the status field of the completion without its phase tag. */
const doNotRetryBit = 0x4000;

/** What the ioctl returns: 0, or the status of the completion. */
export function ioctlResult({ status, doNotRetry }: IoctlAnswer): number {
  return status === 0 ? 0 : status | (doNotRetry ? doNotRetryBit : 0);
}

/** What is copied to the caller: its structure with the result, and the data if it succeeded. */
export function ioctlOutput(structure: Uint8Array, answer: IoctlAnswer): Uint8Array {
  const data = answer.status === 0 ? answer.data : new Uint8Array(0);
  const bytes = new Uint8Array(structure.length + data.length);
  bytes.set(structure);
  bytes.set(data, structure.length);
  const view = new DataView(bytes.buffer);
  if (structure.length === passthruBytes) {
    view.setUint32(passthruCommand.result, answer.dw0, true);
  } else {
    view.setUint32(passthruCommand.result64, answer.dw0, true);
    view.setUint32(passthruCommand.result64 + 4, answer.dw1, true);
  }
  return bytes;
}
