/**
 * From the kernel's requests to block requests, and their outcomes back: the tags of one reactor.
 *
 * A tag is either with the kernel, which waits for a request to put into it, or with us. The kernel writes a tag's
 * descriptor and payload only while it has the tag, and reads the payload only while it takes the answer; so a slot's
 * memory is the device's exactly from `start` until the request comes back.
 */
import { assert } from '../../base/assert.ts';
import type { BlockDevice } from '../../block/device.ts';
import { submitChecked } from '../../block/door.ts';
import { op, requestFlag } from '../../block/request.ts';
import { status, statusErrno } from '../../block/status.ts';
import type { Io } from '../../io/contract.ts';
import { errno, errnoName } from '../../native/errno.ts';
import { ioDescField, ioFlag, ioOp, ioOpMask, sectorBytes } from './abi.ts';
import { type SlotOwner, type SlotPlace, UblkSlot } from './slot.ts';

const highWord = 0x1_0000_0000;

/** Where answers go. */
export interface CommandPort {
  /**
   * Answers the tag's request with `result` (bytes, or -errno) and gives the tag back to the kernel, which puts the next
   * request's payload at the place `payload`.
   */
  commit(slot: UblkSlot, result: number, payload: number): void;
  /** The kernel has let go of every tag, and the device of every request. */
  onEmpty(): void;
}

export class Dispatcher implements SlotOwner {
  readonly slots: readonly UblkSlot[];
  readonly #device: BlockDevice;
  readonly #payloadBytes: number;
  readonly #scrap: number;
  readonly #port: CommandPort;
  /** Tags that the kernel has not let go of. */
  #alive: number;
  #quiet = false;
  #failing = false;
  /** Requests that are with the device now. */
  underWay = 0;
  /** The first failure that was not the end of the device. */
  failure: string | null = null;

  /**
   * @param scrap place of a payload that nobody reads
   */
  constructor(
    io: Io,
    device: BlockDevice,
    places: readonly SlotPlace[],
    payloadBytes: number,
    scrap: number,
    port: CommandPort,
  ) {
    this.#device = device;
    this.#payloadBytes = payloadBytes;
    this.#scrap = scrap;
    this.#port = port;
    this.slots = places.map((place, index) => new UblkSlot(io, this, index, place));
    this.#alive = places.length;
  }

  /** A tag came back from the kernel: with a request in it (0), or for good (-errno). */
  onTag(index: number, result: number): void {
    const slot = this.slots[index];
    assert(slot !== undefined, 'a ublk tag came back that does not exist');
    if (result === 0) {
      if (this.#failing) this.#port.commit(slot, -errno.EIO, this.#scrap);
      else if (this.#quiet) slot.held = true;
      else this.#start(slot);
      return;
    }
    if (result !== -errno.ENODEV) this.failure ??= `the kernel refused a tag: ${errnoName(result)}`;
    this.#alive -= 1;
    this.#checkEmpty();
  }

  /** Takes up nothing more; what was taken up is answered. */
  quiesce(): void {
    this.#quiet = true;
  }

  /**
   * From now on every request fails at once, those that are with the device included. A tag that is answered early goes
   * back to the kernel with a payload that nobody reads: its own is the device's until the request comes back.
   */
  fail(): void {
    this.#failing = true;
    for (const slot of this.slots) {
      const withDevice = slot.request.busy && !slot.orphaned;
      if (!slot.held && !withDevice) continue;
      slot.held = false;
      slot.orphaned = slot.request.busy;
      this.#port.commit(slot, -errno.EIO, this.#scrap);
    }
  }

  #start(slot: UblkSlot): void {
    const { descriptors: words, descriptor: at } = slot.place;
    const opFlags = words[at + (ioDescField.opFlags >> 2)]!;
    const length = words[at + (ioDescField.nrSectors >> 2)]! * sectorBytes;
    const sector = at + (ioDescField.startSector >> 2);
    // What is not below 2^53 comes out as a number that no check of a range lets pass.
    const offset = (words[sector + 1]! * highWord + words[sector]!) * sectorBytes;
    const fua = (opFlags & ioFlag.fua) === 0 ? 0 : requestFlag.fua;
    switch (opFlags & ioOpMask) {
      case ioOp.read:
        if (length > this.#payloadBytes) break;
        this.#submit(slot, op.read, offset, length, 0);
        return;
      case ioOp.write:
        if (length > this.#payloadBytes) break;
        this.#submit(slot, op.write, offset, length, fua);
        return;
      case ioOp.flush:
        this.#submit(slot, op.flush, 0, 0, 0);
        return;
      case ioOp.discard:
        this.#submit(slot, op.discard, offset, length, 0);
        return;
      case ioOp.writeZeroes: {
        const keep = (opFlags & ioFlag.noUnmap) === 0 ? 0 : requestFlag.keepAllocated;
        this.#submit(slot, op.writeZeroes, offset, length, fua | keep);
        return;
      }
      default:
        this.#port.commit(slot, -errno.EOPNOTSUPP, slot.place.payload);
        return;
    }
    this.#port.commit(slot, -errno.EINVAL, slot.place.payload);
  }

  #submit(slot: UblkSlot, operation: 0 | 1 | 2 | 3 | 4, offset: number, length: number, flags: number): void {
    this.underWay += 1;
    slot.request.begin(operation, offset, length, operation <= op.write ? slot.place.payload : 0, flags, slot);
    submitChecked(this.#device, slot.request);
  }

  onDeviceDone(slot: UblkSlot): void {
    this.underWay -= 1;
    const { request } = slot;
    if (slot.orphaned) {
      slot.orphaned = false;
      this.#checkEmpty();
      return;
    }
    if (request.status !== status.ok) {
      this.#port.commit(slot, -statusErrno[request.status]!, slot.place.payload);
      return;
    }
    // Only reads and writes are answered with what they moved.
    this.#port.commit(slot, request.op <= op.write ? request.length : 0, slot.place.payload);
  }

  #checkEmpty(): void {
    if (this.#alive === 0 && this.underWay === 0) this.#port.onEmpty();
  }
}
