import type { Address, Listener, ListenerOwner, SocketOptions } from '../contract.ts';
import { LoopDeferred } from '../deferred.ts';
import type { Body, Completion, Opened } from './body.ts';
import type { Link } from './link.ts';
import { SimSocket } from './sim-socket.ts';

/** Milliseconds until a closed listener has let go of its port, at most. */
const LONGEST_CLOSE = 1;

/** A simulated listening socket. What knocks is answered by the kernel at once and accepted by its owner later. */
export class SimListener implements Listener, Opened {
  readonly address: Address;
  readonly #body: Body;
  readonly #owner: ListenerOwner;
  readonly #options: SocketOptions;
  readonly #freePort: () => void;
  #open = true;
  #closing: LoopDeferred<void> | null = null;

  constructor(body: Body, address: Address, owner: ListenerOwner, options: SocketOptions, freePort: () => void) {
    this.address = address;
    this.#body = body;
    this.#owner = owner;
    this.#options = options;
    this.#freePort = freePort;
    body.opened.add(this);
  }

  /** A connection arrives: its end on this side. */
  accept(link: Link): SimSocket {
    const socket = new SimSocket(this.#body, this.#options);
    socket.startAccepted(link);
    const accepted: Completion = { reap: () => this.#onAccepted(socket, link) };
    this.#body.complete(accepted);
    return socket;
  }

  #onAccepted(socket: SimSocket, link: Link): void {
    const owner = this.#open ? this.#owner.onAccepted(socket, link.from) : null;
    if (owner === null) socket.abort();
    else socket.owner = owner;
  }

  close(): Promise<void> {
    if (this.#closing !== null) return this.#closing.promise;
    const closing = new LoopDeferred<void>(this.#body.core.onSettled);
    this.#closing = closing;
    this.#stop();
    const { core } = this.#body;
    const closed: Completion = { reap: () => closing.resolve() };
    const event = core.events.make(() => {
      this.#freePort();
      this.#body.complete(closed);
    });
    event.arm(core.between(0, LONGEST_CLOSE));
    return closing.promise;
  }

  /** Accepting fails for good. @param result -errno */
  fail(result: number): void {
    if (!this.#open) return;
    this.die();
    this.#body.complete({ reap: () => this.#owner.onListenerFailed(result) });
  }

  die(): void {
    this.#stop();
    this.#freePort();
  }

  describe(): string | null {
    return this.#open ? `listener on ${this.address.host}:${this.address.port}` : null;
  }

  #stop(): void {
    this.#open = false;
    this.#body.opened.delete(this);
  }
}
