/**
 * Who may touch the payload of a bridged request: one shared word a request, moved by both threads.
 *
 * The reactor may have to give a request up that the main thread has not answered (the user's device never answers, or
 * the main thread stands still). From then on the payload's memory is somebody else's, so the main thread asks for it
 * before each copy and holds it for the length of that copy, and the reactor gives up only what is not held. Each word
 * also carries how often its slot was used, so that a late answer never meets the slot's next request.
 *
 *     idle ──begin──▶ underWay ──hold──▶ held ──release──▶ underWay
 *                        │                 └──(answered)──▶ idle, by the reactor that got the answer
 *                        └──give up──▶ idle
 */

/** More than any kernel device has request slots: 1024 queues of 16. Beyond them a request is answered `busy`. */
export const bridgeSlots = 16_384;

const stateBits = 2;
const state = { idle: 0, underWay: 1, held: 2 } as const;
/** Uses of a slot that are told apart. A stale answer would have to be 16 million uses old to be mistaken. */
const uses = 2 ** 24;

export const bridgeCellsBytes = bridgeSlots * Int32Array.BYTES_PER_ELEMENT;

export class BridgeCells {
  readonly #words: Int32Array;

  constructor(shared: SharedArrayBuffer) {
    this.#words = new Int32Array(shared);
  }

  /** Reactor. Takes an idle slot; returns the request's number. */
  begin(slot: number): number {
    const use = ((Atomics.load(this.#words, slot) >> stateBits) + 1) % uses;
    Atomics.store(this.#words, slot, (use << stateBits) | state.underWay);
    return slot + use * bridgeSlots;
  }

  /** Main thread. True if the request still waits for its answer: its payload is then safe to touch until `release`. */
  hold(number: number): boolean {
    return this.#move(number, state.underWay, state.held);
  }

  /** Main thread. The request goes on. */
  release(number: number): void {
    this.#move(number, state.held, state.underWay);
  }

  /** Reactor. True if the request is given up now; false while the main thread copies or has just answered. */
  giveUp(number: number): boolean {
    return this.#move(number, state.underWay, state.idle);
  }

  /** Reactor. The answer has come; true if it is that of the request which the slot has now. */
  end(number: number): boolean {
    return this.#move(number, state.held, state.idle);
  }

  #move(number: number, from: number, to: number): boolean {
    const use = Math.floor(number / bridgeSlots) << stateBits;
    return Atomics.compareExchange(this.#words, slotOf(number), use | from, use | to) === (use | from);
  }
}

export function slotOf(number: number): number {
  return number % bridgeSlots;
}
