import type { Request } from '../block/request.ts';
import { type Status, status } from '../block/status.ts';
import type { Part } from '../fabric/contract.ts';

/** What the multipath device remembers of a request while its parts are under way. Pooled; made at start-up. */
export class Job {
  readonly index: number;
  request: Request | null = null;
  /** Bytes of the request that were made into parts. */
  issued = Number.NaN;
  /** Parts that are not decided yet. */
  outstanding = 0;
  /** What the flush ledger said when the request began. */
  losses = 0;
  /** The worst outcome so far; `ok` until something failed. */
  status: Status = status.ok;
  /** It stands in the line of those that wait for a path, room or parts. */
  waiting = false;

  /** Its number towards the ghost gate once a part of it was lost as a write of unknown outcome; else `nobody`. */
  owner = 0;

  constructor(index: number) {
    this.index = index;
    this.issued = 0;
  }
}

/** A list of parts, first in, first out, linked through the parts themselves. */
export class PartList {
  #head: Part | null = null;
  #tail: Part | null = null;
  size = 0;

  get first(): Part | null {
    return this.#head;
  }

  push(part: Part): void {
    part.next = null;
    if (this.#tail === null) this.#head = part;
    else this.#tail.next = part;
    this.#tail = part;
    this.size += 1;
  }

  /** Takes over all of another list. */
  take(other: PartList): void {
    for (let part = other.shift(); part !== null; part = other.shift()) this.push(part);
  }

  shift(): Part | null {
    const part = this.#head;
    if (part === null) return null;
    this.#head = part.next;
    if (this.#head === null) this.#tail = null;
    part.next = null;
    this.size -= 1;
    return part;
  }
}
