/**
 * Commands of the NVM command set (NVM Command Set, "I/O Commands"): flush, write, read, write zeroes, dataset
 * management. Everything that can be said from the entry alone is said when it arrives; the rest is the device's.
 */
import { op, requestFlag } from '../block/request.ts';
import { type Status, status } from '../block/status.ts';
import { dsmMaxRanges, ioOpcode } from '../fabric/nvme-tcp/constants.ts';
import {
  dsmRangeBlocks,
  dsmRangeBytes,
  dsmRangeSlba,
  sqeBlocks,
  sqeDeac,
  sqeDsmDeallocates,
  sqeDsmRanges,
  sqeFua,
  sqeNsid,
  sqeSglLength,
  sqeSlba,
} from '../fabric/nvme-tcp/sqe.ts';
import type { Command } from './command.ts';
import { checkSgl } from './intake.ts';
import { acceptReservation, executeReservation, isReservation } from './reservation-commands.ts';
import type { CommandHandler, Queue } from './queue.ts';
import { sc } from './status-codes.ts';
import type { Volume } from './volume.ts';

/** The NVMe status of a device's answer; reads and writes fail in different words. */
export function statusOfDevice(outcome: Status, reading: boolean): number {
  switch (outcome) {
    case status.ok:
      return sc.success;
    case status.mediumError:
    case status.ioError:
      return reading ? sc.unrecoveredRead : sc.writeFault;
    case status.noSpace:
      return sc.capacityExceeded;
    case status.readOnly:
      return sc.writeProtected;
    case status.invalid:
      return sc.lbaOutOfRange;
    case status.notSupported:
      return sc.invalidField;
    case status.reservationConflict:
      return sc.reservationConflict;
    case status.busy:
    case status.gone:
      return sc.namespaceNotReady;
    default:
      return sc.internalError;
  }
}

export class IoHandler implements CommandHandler {
  accept(queue: Queue, command: Command, view: DataView, at: number): number {
    const controller = queue.controller;
    if (controller === null || !controller.acceptsIo) return sc.commandSequenceError;
    const opcode = command.opcode;
    if (
      opcode !== ioOpcode.read &&
      opcode !== ioOpcode.write &&
      opcode !== ioOpcode.flush &&
      opcode !== ioOpcode.writeZeroes &&
      opcode !== ioOpcode.datasetManagement &&
      !isReservation(opcode)
    ) {
      return opcode === ioOpcode.fabrics ? sc.commandSequenceError : sc.invalidOpcode;
    }
    const volume = queue.subsystem.volume(sqeNsid(view, at));
    if (volume === null) return sc.invalidNamespace;
    const refusal = queue.port.ana.refusal(volume.anagrpid);
    if (refusal !== 0) return refusal;
    command.volume = volume;
    command.cacheOwner = controller.cntlid;
    if (opcode === ioOpcode.flush) return sc.success;
    if (isReservation(opcode)) {
      const answer = acceptReservation(command, view, at, queue.subsystem.config.limits.mdtsBytes);
      return answer === sc.success ? checkSgl(queue, view, at, command.dataLength, command.toHost) : answer;
    }
    if (opcode !== ioOpcode.read && volume.readOnly) return sc.writeProtected;
    if (opcode === ioOpcode.datasetManagement) return this.#acceptRanges(queue, command, view, at);
    return this.#acceptTransfer(queue, command, volume, view, at);
  }

  #acceptTransfer(queue: Queue, command: Command, volume: Volume, view: DataView, at: number): number {
    const slba = sqeSlba(view, at);
    const blocks = sqeBlocks(view, at);
    // `slba` may be inexact beyond 2^53, but then it is far beyond the end of any volume.
    if (slba + blocks > volume.blocks) return sc.lbaOutOfRange;
    command.offset = slba * volume.blockBytes;
    command.length = blocks * volume.blockBytes;
    const durable = sqeFua(view, at) || queue.controller?.wce === false;
    command.flags = durable ? requestFlag.fua : 0;
    if (command.opcode === ioOpcode.writeZeroes) {
      if (!sqeDeac(view, at)) command.flags |= requestFlag.keepAllocated;
      return sc.success;
    }
    if (command.length > queue.subsystem.config.limits.mdtsBytes) return sc.invalidField;
    command.toHost = command.opcode === ioOpcode.read;
    if (command.toHost) command.flags = 0;
    command.dataLength = command.length;
    return checkSgl(queue, view, at, command.length, command.toHost);
  }

  #acceptRanges(queue: Queue, command: Command, view: DataView, at: number): number {
    command.ranges = sqeDsmRanges(view, at);
    // Only Deallocate does anything; the other attributes are hints that may be ignored.
    command.deallocates = sqeDsmDeallocates(view, at);
    command.rangeAt = 0;
    // Hosts may bring the whole list of 256 ranges, however many of them count: Linux always does.
    command.dataLength = sqeSglLength(view, at);
    if (command.dataLength < command.ranges * dsmRangeBytes || command.dataLength > dsmMaxRanges * dsmRangeBytes) {
      return sc.dataSglLengthInvalid;
    }
    return checkSgl(queue, view, at, command.dataLength, false);
  }

  execute(queue: Queue, command: Command): void {
    const volume = command.volume!;
    if (volume.removed) {
      queue.complete(command, sc.namespaceNotReady);
      return;
    }
    const { hostid } = queue.controller!.host;
    if (isReservation(command.opcode)) {
      queue.complete(command, executeReservation(volume.reservations, hostid, command, queue.memory.view));
      return;
    }
    // Only now, so that a command of a host that lost the reservation meanwhile does nothing any more, however late.
    if (volume.reservations.conflicts(hostid, command.opcode === ioOpcode.read)) {
      queue.complete(command, sc.reservationConflict);
      return;
    }
    queue.subsystem.health.note(command);
    switch (command.opcode) {
      case ioOpcode.read:
        command.request.begin(op.read, command.offset, command.length, command.buffer, 0, command);
        break;
      case ioOpcode.write:
        command.request.begin(op.write, command.offset, command.length, command.buffer, command.flags, command);
        break;
      case ioOpcode.writeZeroes:
        command.request.begin(op.writeZeroes, command.offset, command.length, 0, command.flags, command);
        break;
      case ioOpcode.flush:
        if (!volume.needsFlush) {
          queue.complete(command, sc.success);
          return;
        }
        command.request.begin(op.flush, 0, 0, 0, 0, command);
        break;
      default:
        this.#deallocate(queue, command, volume);
        return;
    }
    volume.submit(command);
  }

  /** Checks all ranges before the first is carried out. */
  #deallocate(queue: Queue, command: Command, volume: Volume): void {
    const { view } = queue.memory;
    for (let range = 0; range < command.ranges; range += 1) {
      const at = command.buffer + range * dsmRangeBytes;
      if (dsmRangeSlba(view, at) + dsmRangeBlocks(view, at) > volume.blocks) {
        queue.complete(command, sc.lbaOutOfRange);
        return;
      }
    }
    if (!command.deallocates || volume.keepsOnDeallocate) {
      queue.complete(command, sc.success);
      return;
    }
    this.#nextRange(queue, command, volume);
  }

  #nextRange(queue: Queue, command: Command, volume: Volume): void {
    const { view } = queue.memory;
    while (command.rangeAt < command.ranges) {
      const at = command.buffer + command.rangeAt * dsmRangeBytes;
      command.rangeAt += 1;
      const length = dsmRangeBlocks(view, at) * volume.blockBytes;
      if (length === 0) continue;
      command.request.begin(op.discard, dsmRangeSlba(view, at) * volume.blockBytes, length, 0, 0, command);
      volume.submit(command);
      return;
    }
    queue.complete(command, sc.success);
  }

  requestDone(queue: Queue, command: Command): void {
    const volume = command.volume!;
    volume.ended();
    const outcome = command.request.status;
    if (command.opcode === ioOpcode.datasetManagement && outcome === status.ok && !volume.removed) {
      this.#nextRange(queue, command, volume);
      return;
    }
    queue.complete(command, statusOfDevice(outcome, command.toHost));
  }
}
