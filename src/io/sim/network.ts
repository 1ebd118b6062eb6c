/** The network of a world: who listens where, which connections there are, and what is wrong with it. */
import { CausewayError } from '../../base/errors.ts';
import { errno } from '../../native/errno.ts';
import type { Address, ListenerOwner, SocketOptions, SocketOwner } from '../contract.ts';
import type { Body } from './body.ts';
import type { Core } from './core.ts';
import { type Delay, type FaultTarget, NetworkFaults } from './faults.ts';
import { Link, type Switchboard } from './link.ts';
import { SimListener } from './sim-listener.ts';
import { SimSocket } from './sim-socket.ts';

const FIRST_FREE_PORT = 49_152;
const PORTS = 65_536;
/** A listener on one of these hears on every address of its port. */
const ANYWHERE = ['0.0.0.0', '::'] as const;

export class Network implements Switchboard, FaultTarget {
  readonly core: Core;
  readonly faults: NetworkFaults;
  readonly #listeners = new Map<string, SimListener>();
  readonly #links = new Set<Link>();
  #nextPort = FIRST_FREE_PORT;

  constructor(core: Core, usual: Delay) {
    this.core = core;
    this.faults = new NetworkFaults(core, this, usual);
  }

  connect(body: Body, to: Address, owner: SocketOwner, options: SocketOptions): SimSocket {
    const socket = new SimSocket(body, options);
    const link = new Link(this, socket, { host: body.name, port: this.#freePort(body.name) }, to, options);
    this.#links.add(link);
    socket.startConnecting(link, owner);
    return socket;
  }

  /** @throws CausewayError `address-in-use`, `address-not-available` */
  listen(body: Body, on: Address, owner: ListenerOwner, options: SocketOptions): SimListener {
    if (!Number.isInteger(on.port) || on.port < 0 || on.port >= PORTS) {
      throw new CausewayError('address-not-available', `cannot listen on ${on.host}:${on.port}: no such port`);
    }
    const address = { host: on.host, port: on.port === 0 ? this.#freePort(on.host) : on.port };
    const name = `${address.host}:${address.port}`;
    if (this.#listeners.has(name)) {
      throw new CausewayError('address-in-use', `cannot listen on ${name}: somebody listens there`);
    }
    const listener = new SimListener(body, address, owner, options, () => this.#listeners.delete(name));
    this.#listeners.set(name, listener);
    return listener;
  }

  /** The listener at this address fails for good, as if its interface had gone away. */
  failListener(at: Address, error: number = errno.EINVAL): void {
    this.#listeners.get(`${at.host}:${at.port}`)?.fail(-error);
  }

  accept(link: Link): SimSocket | null {
    const { host, port } = link.to;
    for (const name of [host, ...ANYWHERE]) {
      const listener = this.#listeners.get(`${name}:${port}`);
      if (listener !== undefined) return listener.accept(link);
    }
    return null;
  }

  forget(link: Link): void {
    this.#links.delete(link);
  }

  *connectionsTo(where: string, from: string | undefined): Iterable<Link> {
    for (const link of this.#links) {
      if (from !== undefined && link.from.host !== from) continue;
      const { host, port } = link.to;
      if (where === host || where === `${host}:${port}` || where === link.from.host) yield link;
    }
  }

  #freePort(host: string): number {
    for (let tries = 0; tries < PORTS - FIRST_FREE_PORT; tries += 1) {
      const port = this.#nextPort;
      this.#nextPort = port + 1 === PORTS ? FIRST_FREE_PORT : port + 1;
      if (!this.#listeners.has(`${host}:${port}`)) return port;
    }
    throw new CausewayError('address-in-use', `every port of ${host} is taken`);
  }
}
