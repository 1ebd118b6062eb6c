/** One tag of a ublk queue and the request that it carries: made at start-up, used again and again. */
import type { Completer } from '../../block/request.ts';
import { Request } from '../../block/request.ts';
import type { Io } from '../../io/contract.ts';

/** Who takes up a request that came back from the device. */
export interface SlotOwner {
  onDeviceDone(slot: UblkSlot): void;
}

/** Where a tag stands in the kernel's world and in ours. */
export interface SlotPlace {
  readonly queue: number;
  readonly tag: number;
  /** The descriptors of the tag's queue, as words, and the first word of this tag's. Only the kernel writes there. */
  readonly descriptors: Uint32Array;
  readonly descriptor: number;
  /** Place of its payload, page-aligned. */
  readonly payload: number;
}

export class UblkSlot implements Completer {
  /** Its number among the slots of its server. */
  readonly index: number;
  readonly place: SlotPlace;
  readonly request: Request;
  /** A request stands there that was not taken up: the next program gets it. */
  held = false;
  /** The device still has a request that was answered already. Its tag goes its own way meanwhile. */
  orphaned = false;
  readonly #owner: SlotOwner;

  constructor(io: Io, owner: SlotOwner, index: number, place: SlotPlace) {
    this.index = index;
    this.place = place;
    this.#owner = owner;
    this.request = new Request(io, index);
  }

  onRequest(): void {
    this.#owner.onDeviceDone(this);
  }
}
