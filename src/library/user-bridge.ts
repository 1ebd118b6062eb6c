/**
 * The main thread's end of a bridge: takes the requests that reactors send over, has the program's device carry them out,
 * and answers. The program's code only ever gets memory of its own: a payload is copied while the request is surely
 * still waiting (bridge-cells.ts), so a device that answers late, twice or never can harm nobody but itself.
 */
import { op, opName, requestFlag } from '../block/request.ts';
import { type Status, status } from '../block/status.ts';
import { defined } from '../base/assert.ts';
import { BridgeCells } from '../host/bridge-cells.ts';
import { type BridgeMessage, bridgeWords } from '../host/bridge-device.ts';
import type { CausewayHost } from '../host/host.ts';
import type { ReactorThread } from '../host/reactor-thread.ts';
import type { BridgeListener } from '../host/source.ts';
import { messageOf, statusOfError } from './status-errors.ts';
import type { UserDevice } from './user-device.ts';

/** Told of every request that the device failed, in a sentence. */
export type FailureListener = (message: string, error: unknown) => void;

/** One request, as it came. */
interface Order {
  readonly number: number;
  readonly op: number;
  readonly flags: number;
  readonly offset: number;
  readonly length: number;
  readonly place: number;
}

/** What one reactor's requests have in common. */
class BridgeEnd {
  readonly #device: UserDevice;
  readonly #number: number;
  readonly #reactor: ReactorThread;
  readonly #cells: BridgeCells;
  readonly #onFailure: FailureListener;
  #done: number[] = [];

  constructor(
    device: UserDevice,
    number: number,
    reactor: ReactorThread,
    cells: BridgeCells,
    onFailure: FailureListener,
  ) {
    this.#device = device;
    this.#number = number;
    this.#reactor = reactor;
    this.#cells = cells;
    this.#onFailure = onFailure;
  }

  onMessage(message: BridgeMessage): void {
    if ('ping' in message) {
      this.#reactor.tell('bridge.alive', this.#number);
      return;
    }
    const words = message.requests;
    const word = (at: number): number => defined(words[at], 'a word of a request');
    for (let at = 0; at < words.length; at += bridgeWords) {
      const number = word(at);
      const [operation, flags, offset, length] = [word(at + 1), word(at + 2), word(at + 3), word(at + 4)];
      this.#start({ number, op: operation, flags, offset, length, place: word(at + 5) });
    }
  }

  #start(order: Order): void {
    const device = this.#device;
    const { offset, length } = order;
    switch (order.op) {
      case op.read: {
        const into = new Uint8Array(length);
        this.#run(order, () => device.read(into, offset), into);
        return;
      }
      case op.write: {
        // Given up meanwhile: the payload may be somebody else's by now.
        if (!this.#cells.hold(order.number)) return;
        const from = this.#reactor.memory.slice(order.place, order.place + length);
        this.#cells.release(order.number);
        this.#run(order, () => this.#write(from, offset, (order.flags & requestFlag.fua) !== 0));
        return;
      }
      case op.flush:
        this.#run(order, () => device.flush?.());
        return;
      case op.discard:
        this.#run(order, () => device.discard?.(offset, length));
        return;
      default:
        this.#run(order, () => device.writeZeroes?.(offset, length));
    }
  }

  /** Durable before it is answered, if that is asked for. */
  async #durably(written: unknown): Promise<void> {
    await written;
    await this.#device.flush?.();
  }

  #write(from: Uint8Array, offset: number, durable: boolean): unknown {
    const written = this.#device.write?.(from, offset);
    return durable ? this.#durably(written) : written;
  }

  #run(order: Order, call: () => unknown, into: Uint8Array | null = null): void {
    let result: unknown;
    try {
      result = call();
    } catch (error) {
      this.#fail(order, error);
      return;
    }
    // Whatever an object is, awaiting it is right: it is a promise, or nothing that matters.
    if (typeof result === 'object' && result !== null) {
      Promise.resolve(result).then(
        () => this.#succeed(order, into),
        (error: unknown) => this.#fail(order, error),
      );
    } else {
      this.#succeed(order, into);
    }
  }

  #succeed(order: Order, into: Uint8Array | null): void {
    if (into !== null && into.length !== order.length) {
      this.#fail(order, new Error('the memory to be filled was given away (transferred) instead'));
      return;
    }
    if (!this.#cells.hold(order.number)) return;
    if (into !== null) this.#reactor.memory.set(into, order.place);
    this.#answer(order.number, status.ok);
  }

  #fail(order: Order, error: unknown): void {
    const outcome = statusOfError(error);
    const { offset, length } = order;
    const what = opName[order.op] ?? 'request';
    const where = order.op === op.flush ? '' : ` of ${length} bytes at ${offset}`;
    this.#onFailure(`${what}${where} failed: ${messageOf(error)}`, error);
    if (this.#cells.hold(order.number)) this.#answer(order.number, outcome);
  }

  /** Answers of one go travel in one message. The request is held, so the reactor waits for this. */
  #answer(number: number, outcome: Status): void {
    if (this.#done.length === 0) queueMicrotask(() => this.#flush());
    this.#done.push(number, outcome);
  }

  #flush(): void {
    const done = this.#done;
    this.#done = [];
    this.#reactor.tell('bridge.done', { device: this.#number, done });
  }
}

/** Makes the main thread's end of a bridge, once the device has its number. */
export function connectUserDevice(
  host: CausewayHost,
  device: UserDevice,
  number: number,
  cells: readonly SharedArrayBuffer[],
  onFailure: FailureListener,
): BridgeListener {
  const ends = host.reactors.map(
    (reactor, index) =>
      new BridgeEnd(device, number, reactor, new BridgeCells(defined(cells[index], 'cells')), onFailure),
  );
  return (reactor, message) => defined(ends[reactor], 'a reactor').onMessage(message);
}
