/**
 * From FUSE operations to block requests, and their outcomes back. The file system is one regular file, the root
 * itself, so there are no names, no directories and one inode.
 *
 * A loop device turns discard, and write-zeroes that may deallocate, into the same PUNCH_HOLE: the two cannot be told
 * apart here, and the second one promises zeroes. So a hole is always a write-zeroes, never a discard, which would be
 * allowed to keep old data.
 */
import type { BlockDevice } from '../../block/device.ts';
import { submitChecked } from '../../block/door.ts';
import { op, requestFlag } from '../../block/request.ts';
import { type Status, status, statusErrno } from '../../block/status.ts';
import type { Io, Memory } from '../../io/contract.ts';
import { errno } from '../../native/errno.ts';
import { ZeroWriter } from '../zero-writer.ts';
import {
  fallocateIn,
  fallocateInBytes,
  fallocateMode,
  fsyncInBytes,
  inHeader,
  inHeaderBytes,
  opcode,
  readIn,
  readInBytes,
  writeIn,
  writeInBytes,
  writeOutBytes,
} from './abi.ts';
import { FileOperations } from './file-operations.ts';
import type { FuseSlot, ReplyPort, SlotOwner } from './slot.ts';

const highWord = 0x1_0000_0000;

export class Dispatcher implements SlotOwner {
  readonly #memory: Memory;
  readonly #device: BlockDevice;
  readonly #payloadBytes: number;
  readonly #port: ReplyPort;
  readonly #file: FileOperations;
  readonly #zeroes: ZeroWriter;
  /** Requests that are with the device now. */
  underWay = 0;

  constructor(io: Io, device: BlockDevice, payloadBytes: number, port: ReplyPort) {
    this.#memory = io.memory;
    this.#device = device;
    this.#payloadBytes = payloadBytes;
    this.#port = port;
    this.#file = new FileOperations(io.memory, device);
    this.#zeroes = new ZeroWriter(io.memory, device);
  }

  /** Gives back what was taken. Nothing is under way any more. */
  close(): void {
    this.#zeroes.close();
  }

  /** Takes up the request whose header, argument and payload stand in the slot's places. */
  start(slot: FuseSlot): void {
    const words = this.#memory.u32;
    const header = slot.header >> 2;
    slot.uniqueLow = words[header + (inHeader.unique >> 2)]!;
    slot.uniqueHigh = words[header + (inHeader.unique >> 2) + 1]!;
    const argumentBytes = words[header]! - inHeaderBytes;
    const argument = slot.argument >> 2;
    switch (words[header + (inHeader.opcode >> 2)]) {
      case opcode.read: {
        const size = words[argument + (readIn.size >> 2)]!;
        if (argumentBytes < readInBytes || size > this.#payloadBytes) break;
        if (size === 0) {
          this.#port.reply(slot, 0, 0);
          return;
        }
        this.#submit(slot, op.read, this.#long(argument + (readIn.offset >> 2)), size, 0);
        return;
      }
      case opcode.write: {
        const size = words[argument + (writeIn.size >> 2)]!;
        if (argumentBytes !== writeInBytes + size || size > this.#payloadBytes) break;
        this.#submit(slot, op.write, this.#long(argument + (writeIn.offset >> 2)), size, 0);
        return;
      }
      case opcode.fsync:
        if (argumentBytes < fsyncInBytes) break;
        this.#submit(slot, op.flush, 0, 0, 0);
        return;
      case opcode.fallocate:
        if (argumentBytes < fallocateInBytes) break;
        this.#fallocate(slot, argument);
        return;
      case opcode.forget:
      case opcode.batchForget:
        this.#port.drop(slot);
        return;
      default: {
        const answer = this.#file.answer(slot, words[header + (inHeader.opcode >> 2)]!, argumentBytes);
        this.#port.reply(slot, answer < 0 ? -answer : 0, answer < 0 ? 0 : answer);
        return;
      }
    }
    this.#port.reply(slot, errno.EINVAL, 0);
  }

  /** A 64-bit field. What is not below 2^53 comes out as a number that no check of a range lets pass. */
  #long(word: number): number {
    const words = this.#memory.u32;
    return words[word + 1]! * highWord + words[word]!;
  }

  #fallocate(slot: FuseSlot, argument: number): void {
    const offset = this.#long(argument + (fallocateIn.offset >> 2));
    const length = this.#long(argument + (fallocateIn.length >> 2));
    const mode = this.#memory.u32[argument + (fallocateIn.mode >> 2)]! & ~fallocateMode.keepSize;
    if (mode !== fallocateMode.punchHole && mode !== fallocateMode.zeroRange) {
      this.#port.reply(slot, errno.EOPNOTSUPP, 0);
      return;
    }
    if (this.#device.geometry.canWriteZeroes) {
      const flags = mode === fallocateMode.punchHole ? 0 : requestFlag.keepAllocated;
      this.#submit(slot, op.writeZeroes, offset, length, flags);
      return;
    }
    const verdict = this.#zeroes.begin(slot, offset, length);
    if (verdict !== status.ok) {
      this.#port.reply(slot, statusErrno[verdict]!, 0);
      return;
    }
    this.#nextZeroes(slot);
  }

  #nextZeroes(slot: FuseSlot): void {
    this.#taken(slot);
    this.#zeroes.next(slot);
  }

  #submit(slot: FuseSlot, operation: 0 | 1 | 2 | 4, offset: number, length: number, flags: number): void {
    this.#taken(slot);
    slot.request.begin(operation, offset, length, operation <= op.write ? slot.payload : 0, flags, slot);
    submitChecked(this.#device, slot.request);
  }

  #taken(slot: FuseSlot): void {
    slot.underWay = true;
    this.underWay += 1;
  }

  /** For the slot: its request came back. */
  onDeviceDone(slot: FuseSlot): void {
    slot.underWay = false;
    this.underWay -= 1;
    const request = slot.request;
    const outcome: Status = request.status;
    if (outcome !== status.ok) {
      slot.zeroNext = 0;
      slot.zeroEnd = 0;
      this.#port.reply(slot, statusErrno[outcome]!, 0);
      return;
    }
    if (slot.zeroNext < slot.zeroEnd) {
      this.#nextZeroes(slot);
      return;
    }
    if (request.op === op.read) {
      this.#port.reply(slot, 0, request.length);
      return;
    }
    // The end of a range that was zeroed by writing answers as what it was: an fallocate.
    if (request.op === op.write && slot.zeroEnd === 0) {
      const words = this.#memory.u32;
      const payload = slot.payload >> 2;
      words[payload] = request.length;
      words[payload + 1] = 0;
      this.#port.reply(slot, 0, writeOutBytes);
      return;
    }
    slot.zeroNext = 0;
    slot.zeroEnd = 0;
    this.#port.reply(slot, 0, 0);
  }
}
