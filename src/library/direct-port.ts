/**
 * Requests from the main thread to a device of a reactor: payloads are copied to and from slots of the reactor's memory,
 * and what is larger than a slot travels in several pieces.
 */
import { defined } from '../base/assert.ts';
import { CausewayError } from '../base/errors.ts';
import { maxTransferBytes } from '../block/device.ts';
import { type Op, op, opName } from '../block/request.ts';
import { status } from '../block/status.ts';
import type { DirectIo } from '../host/direct-channel.ts';
import type { ReactorThread } from '../host/reactor-thread.ts';
import { errorOfStatus } from './status-errors.ts';

export class DirectPort {
  readonly #reactor: ReactorThread;
  readonly #device: number;
  /** Where the slots' payloads stand in the reactor's memory. */
  readonly #places: readonly number[];
  readonly #free: number[];
  readonly #waiting: ((slot: number) => void)[] = [];
  #idle: (() => void)[] = [];
  #underWay = 0;

  private constructor(reactor: ReactorThread, device: number, places: readonly number[]) {
    this.#reactor = reactor;
    this.#device = device;
    this.#places = places;
    this.#free = places.map((_place, slot) => slot);
  }

  static async open(reactor: ReactorThread, device: number): Promise<DirectPort> {
    const { slots } = await reactor.call<{ slots: readonly number[] }>('channel.open', device);
    return new DirectPort(reactor, device, slots);
  }

  /** Calls that were not answered yet. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Resolves when nothing is under way any more. */
  idle(): Promise<void> {
    if (this.#underWay === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Reads to (or writes from) all of `payload`. Rejects with the first error, once all pieces have come back. */
  async transfer(operation: 0 | 1, payload: Uint8Array, offset: number, name: string): Promise<void> {
    this.#underWay += 1;
    try {
      const pieces: Promise<void>[] = [];
      const total = payload.length;
      let trouble: CausewayError | null = null;
      for (let done = 0; done < total; done += maxTransferBytes) {
        const slot = await this.#take();
        if (payload.length !== total) {
          this.#give(slot);
          trouble = givenAway(name);
          break;
        }
        const piece = payload.subarray(done, Math.min(done + maxTransferBytes, total));
        const sent = this.#piece(slot, operation, piece, offset + done, name);
        // It may fail long before it is looked at below.
        sent.catch(() => {});
        pieces.push(sent);
      }
      const results = await Promise.allSettled(pieces);
      const failed = results.find((result) => result.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
      if (trouble !== null) throw trouble;
    } finally {
      this.#oneLess();
    }
  }

  /** A request without payload. */
  async order(operation: Exclude<Op, 0 | 1>, offset: number, length: number, name: string): Promise<void> {
    this.#underWay += 1;
    try {
      const slot = await this.#take();
      try {
        await this.#submit({ slot, op: operation, flags: 0, offset, length }, name);
      } finally {
        this.#give(slot);
      }
    } finally {
      this.#oneLess();
    }
  }

  async #piece(slot: number, operation: 0 | 1, piece: Uint8Array, offset: number, name: string): Promise<void> {
    try {
      const place = defined(this.#places[slot], 'a slot');
      const { length } = piece;
      if (operation === op.write) this.#reactor.memory.set(piece, place);
      await this.#submit({ slot, op: operation, flags: 0, offset, length }, name);
      if (piece.length !== length) throw givenAway(name);
      if (operation === op.read) piece.set(this.#reactor.memory.subarray(place, place + length));
    } finally {
      this.#give(slot);
    }
  }

  async #submit(io: DirectIo, name: string): Promise<void> {
    const outcome = await this.#reactor.call<number>('channel.io', { device: this.#device, io });
    if (outcome === status.ok) return;
    const where = io.op === op.flush ? '' : ` of ${io.length} bytes at ${io.offset}`;
    throw errorOfStatus(outcome, `${opName[io.op]}${where} of ${name}`);
  }

  #take(): Promise<number> {
    const slot = this.#free.pop();
    if (slot !== undefined) return Promise.resolve(slot);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #give(slot: number): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(slot);
    else next(slot);
  }

  #oneLess(): void {
    this.#underWay -= 1;
    if (this.#underWay > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }
}

function givenAway(name: string): CausewayError {
  return new CausewayError(
    'invalid-argument',
    `the memory of a request to ${name} was given away (transferred) meanwhile`,
  );
}
