/** One connection of the simulated network: its handshake and its two directions. */
import { errno } from '../../native/errno.ts';
import type { Address, SocketOptions, Timer } from '../contract.ts';
import type { Core } from './core.ts';
import type { NetworkFaults } from './faults.ts';
import { Pipe, type Wire } from './pipe.ts';
import type { SimSocket } from './sim-socket.ts';

/** Powers of two of which the seed picks one for a connection: from far smaller than a PDU's data to far larger. */
const SMALLEST_CAPACITY_BITS = 12;
const CAPACITY_CHOICES = 8;
/** How often a SYN that was not answered is sent again: after 1, 3, 7, … seconds, as Linux does. */
const SYN_RETRY = 1000;

/** Where a link finds who listens. */
export interface Switchboard {
  readonly core: Core;
  readonly faults: NetworkFaults;
  /** The server's end of a new connection, queued to be accepted; null if nobody listens there. */
  accept(link: Link): SimSocket | null;
  /** Nobody uses the link any more. */
  forget(link: Link): void;
}

export class Link implements Wire {
  readonly to: Address;
  readonly from: Address;
  readonly client: SimSocket;
  server: SimSocket | null = null;
  /** Client to server, and back. */
  readonly up: Pipe;
  readonly down: Pipe;
  readonly #board: Switchboard;
  readonly #syn: Timer;
  readonly #answer: Timer;
  readonly #reset: Timer;
  #retry = SYN_RETRY;
  #refusal = 0;

  constructor(board: Switchboard, client: SimSocket, from: Address, to: Address, options: SocketOptions) {
    const { core } = board;
    this.#board = board;
    this.client = client;
    this.from = from;
    this.to = to;
    this.up = new Pipe(core, this, capacity(core, options));
    this.down = new Pipe(core, this, capacity(core, options));
    this.#syn = core.events.make(() => this.#onSyn());
    this.#answer = core.events.make(() => this.#onAnswer());
    this.#reset = core.events.make(() => {
      this.client.onReset();
      this.server?.onReset();
    });
    this.#syn.arm(this.delay());
  }

  get cut(): boolean {
    return this.#board.faults.isCut(this.to, this.from.host);
  }

  delay(): number {
    return this.#board.faults.nextDelay(this.to, this.from.host);
  }

  /** What is on its way is lost; soon both ends see a reset. */
  drop(): void {
    this.up.stop();
    this.down.stop();
    if (!this.#reset.armed) this.#reset.arm(this.delay());
  }

  onWhole(): void {
    this.up.onWhole();
    this.down.onWhole();
  }

  /** One end is closed for its owner. What it sent may still be on its way; the other end is told in its own time. */
  onEndClosed(): void {
    if (!this.client.closed || (this.server !== null && !this.server.closed)) return;
    this.#syn.disarm();
    this.#answer.disarm();
    this.#reset.disarm();
    this.up.stop();
    this.down.stop();
    this.#board.forget(this);
  }

  #onSyn(): void {
    if (this.client.ending) return;
    if (this.cut) {
      this.#syn.arm(this.#retry);
      this.#retry *= 2;
      return;
    }
    this.#refusal = this.#board.faults.refusal(this.to, this.from.host);
    if (this.#refusal === 0) {
      this.server = this.#board.accept(this);
      if (this.server === null) this.#refusal = errno.ECONNREFUSED;
    }
    this.#answer.arm(this.delay());
  }

  #onAnswer(): void {
    if (this.cut) {
      this.#answer.arm(SYN_RETRY);
      return;
    }
    this.client.onAnswered(-this.#refusal);
  }
}

/** Rounded up to a power of two where the caller named the buffers' size. */
function capacity(core: Core, options: SocketOptions): number {
  const drawn = SMALLEST_CAPACITY_BITS + core.random.below(CAPACITY_CHOICES);
  if (options.bufferBytes === undefined) return 2 ** drawn;
  return 2 ** Math.ceil(Math.log2(Math.max(64, 2 * options.bufferBytes)));
}
