/** The ports of an array that runs in this process, and the state that somebody put each of them into. */
import { CausewayError } from '../base/errors.ts';
import type { ArrayHandle, PortState } from '../demo/array-thread.ts';

export interface PortView {
  /** From 1, as people name it. */
  readonly number: number;
  readonly address: string;
  readonly port: number;
  readonly state: PortState;
}

export interface ArrayView {
  readonly subsystem: string;
  readonly url: string;
  readonly ports: readonly PortView[];
}

export class PortBoard {
  readonly array: ArrayHandle;
  readonly #states: PortState[];
  /** What was asked for last: the array may still be on its way there. */
  readonly #wanted: PortState[];
  /** The last order of each port; the next one waits for it, so that they are carried out in the order they were given. */
  readonly #last: Promise<unknown>[];
  readonly #changed: (port: PortView) => void;

  /** @param changed called after a port came into another state */
  constructor(array: ArrayHandle, changed: (port: PortView) => void) {
    this.array = array;
    this.#states = array.ports.map(() => 'open');
    this.#wanted = array.ports.map(() => 'open');
    this.#last = array.ports.map(() => Promise.resolve());
    this.#changed = changed;
  }

  view(): ArrayView {
    const { subsystem, url, ports } = this.array;
    return { subsystem, url, ports: ports.map((_port, index) => this.#viewOf(index)) };
  }

  /** The state of the port that a path leads to, by the path's id; null if it leads elsewhere. */
  stateOf(id: string): PortState | null {
    return this.#states[this.#indexOf(id)] ?? null;
  }

  /** The number of that port; null if the path leads elsewhere. */
  numberOf(id: string): number | null {
    const index = this.#indexOf(id);
    return index < 0 ? null : index + 1;
  }

  /** @throws CausewayError `no-such-port`, `address-in-use` */
  async set(number: number, state: PortState): Promise<void> {
    const index = number - 1;
    if (this.#states[index] === undefined) {
      const { length } = this.#states;
      throw new CausewayError('no-such-port', `the array has no port ${number}: its ports are 1 to ${length}`);
    }
    this.#wanted[index] = state;
    const order = (this.#last[index] ?? Promise.resolve()).then(() => this.array.setPort(index, state));
    this.#last[index] = order.catch(() => undefined);
    try {
      await order;
    } catch (error) {
      this.#wanted[index] = this.#states[index] ?? 'open';
      throw error;
    }
    if (this.#states[index] === state) return;
    this.#states[index] = state;
    this.#changed(this.#viewOf(index));
  }

  /** Into this state, or, if it is in it (or on its way there) already, back to open. */
  async toggle(number: number, state: 'closed' | 'blackholed'): Promise<void> {
    await this.set(number, this.#wanted[number - 1] === 'open' ? state : 'open');
  }

  #indexOf(id: string): number {
    return this.array.ports.findIndex(({ address, port }) => `${address}:${port}` === id);
  }

  #viewOf(index: number): PortView {
    const { address, port } = this.array.ports[index] ?? { address: '', port: 0 };
    return { number: index + 1, address, port, state: this.#states[index] ?? 'open' };
  }
}
