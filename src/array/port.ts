/**
 * A port of the array: where it listens, its own ANA states, its connections, and what is wrong with it on purpose.
 */
import { CausewayError } from '../base/errors.ts';
import type { Address, Deferred, Listener, ListenerOwner, Socket, SocketOwner } from '../io/contract.ts';
import { AnaStates } from './ana.ts';
import type { Command } from './command.ts';
import type { PortConfig } from './config.ts';
import { type HeldCommands, PortFaults } from './port-faults.ts';
import { type CommandHandler, Queue } from './queue.ts';
import type { Subsystem } from './subsystem.ts';

export class Port implements ListenerOwner, HeldCommands {
  readonly subsystem: Subsystem;
  readonly portid: number;
  readonly offers: 'all' | 'subsystem' | 'discovery';
  readonly ana: AnaStates;
  readonly faults: PortFaults;
  readonly queues = new Set<Queue>();
  /** Where it listens; the port number is known once it has listened for the first time. */
  address: Address;
  readonly #advertise: string;
  readonly #connectHandler: CommandHandler;
  #listener: Listener | null = null;
  /** The order to listen or close that came last; it never fails. */
  #last: Promise<void> = Promise.resolve();
  #empty: Deferred<void> | null = null;

  constructor(subsystem: Subsystem, config: PortConfig, portid: number, connectHandler: CommandHandler) {
    this.subsystem = subsystem;
    this.portid = portid;
    this.offers = config.offers ?? 'all';
    this.address = config.address;
    this.#advertise = config.advertise ?? config.address.host;
    this.ana = new AnaStates(subsystem.config.anaGroups, config.ana);
    this.faults = new PortFaults(subsystem.io, this);
    this.#connectHandler = connectHandler;
  }

  /** New connections are possible. */
  get open(): boolean {
    return this.#listener !== null;
  }

  /** Where hosts are told to find it. */
  get advertised(): Address {
    return { host: this.#advertise, port: this.address.port };
  }

  /** Control. Harmless when it listens already. @throws CausewayError `address-in-use`, `address-not-available` */
  listen(): Promise<void> {
    return this.#inOrder(async () => {
      if (this.#listener !== null) return;
      const listener = await this.subsystem.io.listen(this.address, this);
      this.#listener = listener;
      // Port 0 picked one: it stays this one when the port is closed and opened again.
      this.address = listener.address;
      this.subsystem.discoveryChanged();
    });
  }

  /** Control. Stops listening and cuts all connections; resolves when the address is free. */
  close(): Promise<void> {
    this.abortAll();
    return this.#inOrder(async () => {
      const listener = this.#listener;
      this.#listener = null;
      if (listener === null) return;
      // Those that came in since; from here on nobody does.
      this.abortAll();
      await listener.close();
      this.subsystem.discoveryChanged();
    });
  }

  /** The address is free for one listener only when the one before is gone: orders are carried out one by one. */
  #inOrder(order: () => Promise<void>): Promise<void> {
    const done = this.#last.then(order);
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** Control. Resolves when all queues, ghosts included, are gone. */
  async drained(): Promise<void> {
    if (this.queues.size === 0) return;
    this.#empty ??= this.subsystem.io.deferred<void>();
    await this.#empty.promise;
  }

  /** Cuts all connections (RST). */
  abortAll(): void {
    for (const queue of this.queues) queue.abort();
  }

  onAccepted(socket: Socket): SocketOwner | null {
    const { subsystem } = this;
    if (this.#listener === null || this.faults.refusing) return null;
    if (this.#connections() >= subsystem.config.limits.maxConnections) return null;
    let queue: Queue;
    try {
      queue = new Queue(subsystem, this, this.#connectHandler);
    } catch (error) {
      // No memory for its buffers: this one is refused, the others go on.
      if (error instanceof CausewayError && error.code === 'out-of-memory') return null;
      throw error;
    }
    subsystem.stats.connections += 1;
    this.queues.add(queue);
    queue.connection.adopt(socket);
    return queue.connection;
  }

  #connections(): number {
    let sum = 0;
    for (const port of this.subsystem.ports) sum += port.queues.size;
    return sum;
  }

  onListenerFailed(): void {
    this.#listener = null;
  }

  /** Nothing of a queue is left. */
  queueGone(queue: Queue): void {
    this.queues.delete(queue);
    if (this.queues.size === 0 && this.#empty !== null) {
      this.#empty.resolve();
      this.#empty = null;
    }
  }

  onHeldExecution(command: Command): void {
    command.owner.heldExecution(command);
    this.faults.changed();
  }

  onHeldAnswer(command: Command): void {
    command.owner.heldAnswer(command);
    this.faults.changed();
  }

  onGhost(command: Command): void {
    command.owner.ghostExecution(command);
  }
}
