/**
 * From NBD requests to block requests, and their outcomes back. A request that is larger than a payload (somebody raised
 * the queue's limit) is carried out in pieces, one after the other; it fails as a whole if one of them does.
 */
import type { BlockDevice } from '../../block/device.ts';
import { submitChecked } from '../../block/door.ts';
import { op, requestFlag } from '../../block/request.ts';
import { type Status, status } from '../../block/status.ts';
import type { Io } from '../../io/contract.ts';
import { ZeroWriter } from '../zero-writer.ts';
import { statusError } from './abi.ts';
import type { NbdSlot, SlotOwner } from './slot.ts';

/** Where the answer to a request goes. */
export interface ReplyPort {
  /** Answers with an error of the protocol (0: none) and the first `dataBytes` of the slot's data. */
  reply(slot: NbdSlot, error: number, dataBytes: number): void;
}

export class Dispatcher implements SlotOwner {
  readonly #device: BlockDevice;
  readonly #payloadBytes: number;
  readonly #port: ReplyPort;
  readonly #zeroes: ZeroWriter;
  /** Requests that are with the device now. */
  underWay = 0;

  constructor(io: Io, device: BlockDevice, payloadBytes: number, port: ReplyPort) {
    this.#device = device;
    this.#payloadBytes = payloadBytes;
    this.#port = port;
    this.#zeroes = new ZeroWriter(io.memory, device);
  }

  /** Gives back what was taken. Nothing is under way any more. */
  close(): void {
    this.#zeroes.close();
  }

  /** Takes up the request that stands in the slot; the data of a write has arrived. */
  start(slot: NbdSlot): void {
    slot.done = 0;
    this.underWay += 1;
    if (slot.operation === op.writeZeroes && !this.#device.geometry.canWriteZeroes) this.#writeZeroes(slot);
    else this.#submit(slot);
  }

  /** The kernel does not do it itself if we say that we cannot: it fails whoever asked for zeroes. */
  #writeZeroes(slot: NbdSlot): void {
    const verdict = this.#zeroes.begin(slot, slot.offset, slot.length);
    if (verdict === status.ok) this.#zeroes.next(slot, slot.flags & requestFlag.fua);
    else this.#end(slot, verdict);
  }

  #submit(slot: NbdSlot): void {
    const { request, operation, done } = slot;
    const left = slot.length - done;
    const carriesData = operation === op.read || operation === op.write;
    const piece = carriesData && left > this.#payloadBytes ? this.#payloadBytes : left;
    request.begin(operation, slot.offset + done, piece, carriesData ? slot.data + done : 0, slot.flags, slot);
    slot.done = done + piece;
    submitChecked(this.#device, request);
  }

  /** For the slot: its request came back. */
  onDeviceDone(slot: NbdSlot): void {
    const { request } = slot;
    if (request.status === status.ok && slot.zeroNext < slot.zeroEnd) {
      this.#zeroes.next(slot, slot.flags & requestFlag.fua);
    } else if (request.status === status.ok && slot.zeroEnd === 0 && slot.done < slot.length) {
      this.#submit(slot);
    } else if (request.status === status.notSupported && request.op === op.writeZeroes) {
      // What it stands on cannot do it, which shows only now.
      this.#writeZeroes(slot);
    } else {
      this.#end(slot, request.status);
    }
  }

  #end(slot: NbdSlot, outcome: Status): void {
    slot.zeroNext = 0;
    slot.zeroEnd = 0;
    this.underWay -= 1;
    const isRead = outcome === status.ok && slot.operation === op.read;
    this.#port.reply(slot, statusError[outcome]!, isRead ? slot.length : 0);
  }
}
