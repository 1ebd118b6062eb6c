/**
 * How the lead and the reactors reach each other: a message port between two threads, with the doorbell of the one that
 * may be asleep; or, on the lead's own reactor, a queue that is served later in the same batch. What is posted arrives
 * in order, and never from inside `post`.
 */
import type { MessagePort } from 'node:worker_threads';
import type { LeadLink, ReactorLink, ToLead, ToReactor } from '../fabric/nvme-tcp/messages.ts';
import type { Io, Task } from '../io/contract.ts';
import { ringDoorbell } from '../native/descriptors.ts';

/** Messages to this very reactor. */
class Mailbox<Message> implements Task {
  readonly #io: Io;
  readonly #receive: (message: Message) => void;
  #messages: Message[] = [];

  constructor(io: Io, receive: (message: Message) => void) {
    this.#io = io;
    this.#receive = receive;
  }

  post(message: Message): void {
    this.#messages.push(message);
    if (this.#messages.length === 1) this.#io.later(this);
  }

  run(): void {
    const messages = this.#messages;
    this.#messages = [];
    for (const message of messages) this.#receive(message);
  }
}

/** The way to one reactor of another thread. */
export interface ReactorPort {
  readonly port: MessagePort;
  /** Wakes that reactor. */
  readonly doorbell: number;
}

/** On the lead: number 0 is the lead's own reactor, the others are reached through ports. */
export class Lead implements LeadLink {
  readonly reactors: number;
  readonly #own: Mailbox<ToReactor>;
  readonly #ports: readonly ReactorPort[];

  constructor(
    io: Io,
    ports: readonly ReactorPort[],
    toOwnReactor: (message: ToReactor) => void,
    fromReactor: (reactor: number, message: ToLead) => void,
  ) {
    this.reactors = ports.length + 1;
    this.#own = new Mailbox(io, toOwnReactor);
    this.#ports = ports;
    for (const [index, { port }] of ports.entries()) {
      port.on('message', (message: ToLead) => fromReactor(index + 1, message));
      // The loop keeps its thread alive; this must not keep it from ending.
      port.unref();
    }
  }

  post(reactor: number, message: ToReactor): void {
    if (reactor === 0) {
      this.#own.post(message);
      return;
    }
    const to = this.#ports[reactor - 1];
    if (to === undefined) return;
    to.port.postMessage(message);
    ringDoorbell(to.doorbell);
  }

  close(): void {
    for (const { port } of this.#ports) port.close();
  }
}

/** On the lead's own reactor. */
export function ownLink(io: Io, receive: (message: ToLead) => void): ReactorLink {
  return new Mailbox(io, receive);
}

/** On another reactor. */
export function portLink(lead: ReactorPort, receive: (message: ToReactor) => void): ReactorLink {
  lead.port.on('message', receive);
  lead.port.unref();
  return {
    post(message) {
      lead.port.postMessage(message);
      ringDoorbell(lead.doorbell);
    },
  };
}
