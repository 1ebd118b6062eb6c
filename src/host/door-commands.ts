/**
 * NVMe commands of others for which an ordinary request of the device stands: read, write, flush, write zeroes, dataset
 * management. They go through the device's own door, and so by its paths, quarantine, flush ledger and read-only state,
 * as any request does.
 *
 * Whoever waits stops waiting after the command's time-out; the request itself goes on, and its buffer is given back when
 * it has ended.
 */
import { CausewayError } from '../base/errors.ts';
import { type BlockDevice, maxTransferBytes } from '../block/device.ts';
import { submitChecked } from '../block/door.ts';
import { type Op, op, Request, requestFlag } from '../block/request.ts';
import { type Status, status } from '../block/status.ts';
import { dsmDeallocate, ioOpcode, rwControl } from '../fabric/nvme-tcp/constants.ts';
import type { PassthroughCommand } from '../fabric/nvme-tcp/passthrough.ts';
import { dsmRangeBlocks, dsmRangeBytes, dsmRangeSlba } from '../fabric/nvme-tcp/sqe.ts';
import { sc } from '../fabric/nvme-tcp/status.ts';
import type { Io } from '../io/contract.ts';
import type { NvmeAnswer } from './passthrough.ts';

/** One request that a command asks for. */
interface Piece {
  readonly op: Op;
  readonly offset: number;
  readonly length: number;
  readonly flags: number;
}

/** CDW12 of read, write and write zeroes: NLB, limited retry (a hint), FUA, DEAC. Whatever else is set is not known here. */
const knownControl = 0x0000_ffff | 0x8000_0000 | rwControl.fua | rwControl.deac;
/** Host pathing error: the host itself could not carry it to the volume. */
const hostPathError = 0x370;

const noData = new Uint8Array(0);

export class DoorCommands {
  readonly #io: Io;
  readonly #device: BlockDevice;
  /** Requests that have not ended, whether somebody waits for them or not. */
  underWay = 0;

  constructor(io: Io, device: BlockDevice) {
    this.#io = io;
    this.#device = device;
  }

  /** @throws CausewayError `nvme-command-refused`, `invalid-argument`, `io-timed-out`, `out-of-memory` */
  async run(command: PassthroughCommand): Promise<NvmeAnswer> {
    const pieces = piecesOf(command, this.#device.geometry.blockBytes);
    let outcome: Status = status.ok;
    let data: Uint8Array = noData;
    const until = this.#io.clock.now() + command.timeoutMs;
    for (const piece of pieces) {
      const left = until - this.#io.clock.now();
      ({ outcome, data } = await this.#request(piece, command.data, left));
      if (outcome !== status.ok) break;
    }
    const code = statusOf(outcome, command.opcode === ioOpcode.read);
    return { status: code, doNotRetry: code !== 0, dw0: 0, dw1: 0, data, path: 'device' };
  }

  async #request(
    piece: Piece,
    payload: Uint8Array | null,
    timeoutMs: number,
  ): Promise<{ outcome: Status; data: Uint8Array }> {
    const { memory } = this.#io;
    const isRead = piece.op === op.read;
    const moves = isRead || piece.op === op.write;
    const place = moves ? memory.allocate(piece.length, 4096) : 0;
    if (moves && !isRead && payload !== null) memory.u8.set(payload, place);
    const done = this.#io.deferred<{ outcome: Status; data: Uint8Array }>();
    const timer = this.#io.timer(() => {
      done.reject(new CausewayError('io-timed-out', `the device did not answer in ${Math.round(timeoutMs)} ms`));
    });
    const request = new Request(this.#io, 0);
    request.begin(piece.op, piece.offset, piece.length, place, piece.flags, {
      onRequest: ({ status: outcome }) => {
        this.underWay -= 1;
        timer.disarm();
        const data = isRead && outcome === status.ok ? memory.u8.slice(place, place + piece.length) : noData;
        if (moves) memory.free(place);
        done.resolve({ outcome, data });
      },
    });
    this.underWay += 1;
    timer.arm(Math.max(0, timeoutMs));
    submitChecked(this.#device, request);
    return await done.promise;
  }
}

/** @throws CausewayError `nvme-command-refused`, `invalid-argument` */
function piecesOf(command: PassthroughCommand, blockBytes: number): Piece[] {
  const [cdw10 = 0, cdw11 = 0, cdw12 = 0, cdw13 = 0, cdw14 = 0, cdw15 = 0] = command.cdws;
  const { opcode, bytes } = command;
  if (opcode === ioOpcode.flush) return [{ op: op.flush, offset: 0, length: 0, flags: 0 }];
  if (opcode === ioOpcode.datasetManagement) return discards(command, blockBytes);
  // CDW13 holds hints alone, where no directive is named.
  if ((cdw12 & ~knownControl) !== 0 || cdw13 >>> 8 !== 0 || cdw14 !== 0 || cdw15 !== 0) {
    throw new CausewayError(
      'nvme-command-refused',
      'protection information and directives are not known to the device',
    );
  }
  // Inexact beyond 2^53, where the door refuses it in any case.
  const offset = (cdw11 * 0x1_0000_0000 + cdw10) * blockBytes;
  const length = ((cdw12 & 0xffff) + 1) * blockBytes;
  const fua = (cdw12 & rwControl.fua) === 0 ? 0 : requestFlag.fua;
  if (opcode === ioOpcode.writeZeroes) {
    if (bytes > 0) throw new CausewayError('invalid-argument', 'Write Zeroes moves no data');
    const flags = fua | ((cdw12 & rwControl.deac) === 0 ? requestFlag.keepAllocated : 0);
    return [{ op: op.writeZeroes, offset, length, flags }];
  }
  if (length !== bytes || length > maxTransferBytes) {
    throw new CausewayError(
      'invalid-argument',
      `${length} bytes are named and ${bytes} given; up to ${maxTransferBytes} go`,
    );
  }
  // A read that is to come from the medium is answered by the array as any other.
  if (opcode === ioOpcode.read) return [{ op: op.read, offset, length, flags: 0 }];
  return [{ op: op.write, offset, length, flags: fua }];
}

/** Of a dataset management, what it deallocates; its other attributes are hints. */
function discards({ cdws, data, bytes }: PassthroughCommand, blockBytes: number): Piece[] {
  const [cdw10 = 0, cdw11 = 0] = cdws;
  const ranges = (cdw10 & 0xff) + 1;
  if (data === null || bytes < ranges * dsmRangeBytes) {
    throw new CausewayError('invalid-argument', `${ranges} ranges are named, and ${bytes} bytes of them given`);
  }
  if ((cdw11 & dsmDeallocate) === 0) return [];
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Array.from({ length: ranges }, (_range, index) => index * dsmRangeBytes)
    .filter((at) => dsmRangeBlocks(view, at) > 0)
    .map((at) => ({
      op: op.discard,
      offset: dsmRangeSlba(view, at) * blockBytes,
      length: dsmRangeBlocks(view, at) * blockBytes,
      flags: 0,
    }));
}

/** The NVMe status that says what became of a request. */
function statusOf(outcome: Status, reading: boolean): number {
  switch (outcome) {
    case status.ok:
      return sc.success;
    case status.mediumError:
      return reading ? sc.unrecoveredReadError : sc.writeFault;
    case status.notSupported:
      return sc.invalidField;
    case status.noSpace:
      return sc.capacityExceeded;
    case status.readOnly:
      return sc.namespaceWriteProtected;
    case status.reservationConflict:
      return sc.reservationConflict;
    case status.invalid:
      return sc.lbaOutOfRange;
    case status.transport:
    case status.timedOut:
    case status.gone:
      return hostPathError;
    case status.busy:
      return sc.namespaceNotReady;
    default:
      return sc.internalError;
  }
}
