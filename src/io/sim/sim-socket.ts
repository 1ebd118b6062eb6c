/** A simulated TCP socket: see the contract; every wait of it is an event of the world. */
import { assert } from '../../base/assert.ts';
import { errno } from '../../native/errno.ts';
import { maxSegments, type Socket, type SocketOptions, type SocketOwner, type Timer } from '../contract.ts';
import type { Body, Completion, Opened } from './body.ts';
import type { Link } from './link.ts';
import { ending, type Pipe, type PipeReader, type PipeWriter } from './pipe.ts';
import { SendOperation } from './send-operation.ts';
import { Claim } from './sim-memory.ts';

/** How long Linux tries to connect, and how long it waits for acknowledgements, if nobody says otherwise. */
const CONNECT_TIMEOUT = 127_000;
const ACKNOWLEDGE_TIMEOUT = 924_000;
/** The longest that operations of an aborted socket take to let go of their memory, milliseconds. */
const LONGEST_CLOSE = 2;

export class SimSocket implements Socket, PipeReader, PipeWriter, Opened {
  receiving = false;
  sending = false;
  /** `abort` or `close` was called: the owner hears nothing but `onClosed`. */
  ending = false;
  closed = false;
  readonly #body: Body;
  readonly #options: SocketOptions;
  #owner: SocketOwner | null = null;
  #link!: Link;
  #in!: Pipe;
  #out!: Pipe;
  /** The handshake is done. */
  #open = false;
  /** The owner knows that the connection stands. */
  #usable = false;
  /** 0, or -errno of what ended the connection. */
  #failure = 0;
  readonly #receiveClaim = new Claim();
  #receivePlace = 0;
  #receiveLength = 0;
  #receiveDone = 0;
  #receiveAll = false;
  /** Receives so far, and the one that was to end early. */
  #receives = 0;
  #interrupted = 0;
  readonly #sendOperation: SendOperation;
  readonly #pump: Timer;
  readonly #patience: Timer;
  readonly #connectPatience: Timer;
  readonly #closing: Timer;
  readonly #interrupting: Timer;
  readonly #connectDone: Completion = { reap: () => this.#reapConnect() };
  readonly #receiveReady: Completion = { reap: () => this.#reapReceive() };
  readonly #sendDone: Completion = { reap: () => this.#reapSend() };
  readonly #closeDone: Completion = { reap: () => this.#reapClose() };
  readonly #interruptDone: Completion = { reap: () => this.#reapInterrupted() };
  #receiveQueued = false;
  #sendQueued = false;

  constructor(body: Body, options: SocketOptions) {
    const { events } = body.core;
    this.#body = body;
    this.#options = options;
    this.#sendOperation = new SendOperation(body.memory);
    this.#pump = events.make(() => this.#onPump());
    this.#patience = events.make(() => this.#onPatience());
    this.#connectPatience = events.make(() => this.onAnswered(-errno.ETIMEDOUT));
    this.#closing = events.make(() => this.#body.complete(this.#closeDone));
    this.#interrupting = events.make(() => this.#body.complete(this.#interruptDone));
    body.opened.add(this);
  }

  /** The client's end: waits for the handshake. */
  startConnecting(link: Link, owner: SocketOwner): void {
    this.#attach(link, link.down, link.up);
    this.#owner = owner;
    this.#connectPatience.arm(this.#options.userTimeout || CONNECT_TIMEOUT);
  }

  /** The server's end: stands at once, and waits to be accepted. */
  startAccepted(link: Link): void {
    this.#attach(link, link.up, link.down);
    this.#open = true;
    this.#usable = true;
  }

  set owner(owner: SocketOwner) {
    this.#owner = owner;
  }

  #attach(link: Link, incoming: Pipe, outgoing: Pipe): void {
    this.#link = link;
    this.#in = incoming;
    this.#out = outgoing;
    incoming.reader = this;
    outgoing.writer = this;
  }

  /** The handshake ended: 0 or -errno. */
  onAnswered(result: number): void {
    if (this.ending || this.#open || this.#failure !== 0) return;
    this.#connectPatience.disarm();
    if (result === 0) this.#open = true;
    else this.#failure = result;
    this.#body.complete(this.#connectDone);
  }

  #reapConnect(): void {
    if (this.ending) return;
    this.#usable = this.#open;
    // A connection that stood and was reset since is told as a connection that stands: the first receive says the rest.
    this.#owner?.onConnected(this.#open ? 0 : this.#failure);
  }

  receive(place: number, length: number, all = false): void {
    assert(!this.receiving && !this.ending, 'two receives at once, or one after the end');
    assert(length > 0, 'a receive of no bytes');
    assert(this.#usable, 'a receive before the connection stands');
    this.#body.memory.claim(this.#receiveClaim, 'receive', place, length, true);
    this.receiving = true;
    this.#receives += 1;
    this.#receivePlace = place;
    this.#receiveLength = length;
    this.#receiveDone = 0;
    this.#receiveAll = all;
    this.#queueReceive();
  }

  #queueReceive(): void {
    if (!this.receiving || this.#receiveQueued || this.ending) return;
    if (this.#in.available === 0 && this.#in.ended === ending.none && this.#failure === 0) return;
    this.#receiveQueued = true;
    this.#body.complete(this.#receiveReady);
  }

  interruptReceive(): void {
    if (!this.receiving || this.ending) return;
    this.#interrupted = this.#receives;
    this.#interrupting.arm(this.#body.core.between(0, LONGEST_CLOSE));
  }

  #reapInterrupted(): void {
    // The receive it was meant for may have ended by itself, and another one have begun.
    if (this.ending || !this.receiving || this.#interrupted !== this.#receives) return;
    this.#endReceive(this.#receiveDone > 0 ? this.#receiveDone : -errno.ECANCELED);
  }

  #endReceive(result: number): void {
    this.receiving = false;
    this.#body.memory.release(this.#receiveClaim);
    this.#owner?.onReceived(result);
  }

  /** Bytes are written to memory here, as late as possible: whoever looks earlier sees that nothing is there. */
  #reapReceive(): void {
    this.#receiveQueued = false;
    if (this.ending || !this.receiving) return;
    const left = this.#receiveLength - this.#receiveDone;
    const { u8 } = this.#body.memory;
    this.#receiveDone += this.#in.read(u8, this.#receivePlace + this.#receiveDone, left);
    const over = this.#failure !== 0 || this.#in.ended !== ending.none;
    const complete = this.#receiveDone === this.#receiveLength || (!this.#receiveAll && this.#receiveDone > 0);
    if (!complete && !(over && this.#in.available === 0)) {
      this.#queueReceive();
      return;
    }
    this.#endReceive(this.#receiveDone > 0 ? this.#receiveDone : this.#failure);
  }

  send(places: Int32Array, lengths: Int32Array, count: number): void {
    assert(!this.sending && !this.ending, 'two sends at once, or one after the end');
    assert(count > 0 && count <= maxSegments, 'a send of too many segments');
    assert(this.#usable, 'a send before the connection stands');
    this.#sendOperation.begin(places, lengths, count);
    this.sending = true;
    this.#pump.arm(this.#body.core.between(0, 0.02));
  }

  /** Memory is read here, some time after the send was submitted, and as far as there is room. */
  #onPump(): void {
    if (!this.sending || this.#sendQueued || this.ending) return;
    const operation = this.#sendOperation;
    if (this.#failure === 0) {
      operation.copyInto(this.#out);
      if (!this.#patience.armed) this.#patience.arm(this.#acknowledgeTimeout);
      if (!operation.copied) return;
    }
    this.#sendQueued = true;
    this.#body.complete(this.#sendDone);
  }

  #reapSend(): void {
    this.#sendQueued = false;
    if (this.ending) return;
    const { copied, total } = this.#sendOperation;
    this.#sendOperation.end();
    this.sending = false;
    this.#owner?.onSent(copied ? total : this.#sendFailure());
  }

  /** Which of the two the kernel says depends on who of several operations learns of a reset first. */
  #sendFailure(): number {
    return this.#failure === -errno.ECONNRESET && this.#body.core.oneIn(2) ? -errno.EPIPE : this.#failure;
  }

  onRoom(): void {
    if (this.sending && !this.#pump.armed) this.#pump.arm(this.#link.delay());
  }

  onArrival(): void {
    if (this.ending) {
      // Nobody is here any more: what comes is dropped and answered with RST, which also tells a peer whose RST was lost.
      if (this.#in.discard() > 0) this.#out.reset(false);
      return;
    }
    if (this.#in.ended === ending.rst) this.#fail(-errno.ECONNRESET);
    this.#queueReceive();
  }

  /** Somebody between the two reset the connection. */
  onReset(): void {
    if (!this.ending) this.#fail(-errno.ECONNRESET);
  }

  get #acknowledgeTimeout(): number {
    return this.#options.userTimeout || ACKNOWLEDGE_TIMEOUT;
  }

  /** Sent bytes have been on their way for too long: the connection is given up, and the peer is not told. */
  #onPatience(): void {
    if (this.ending || this.#failure !== 0 || this.#out.inFlight === 0) return;
    const left = this.#out.progressAt + this.#acknowledgeTimeout - this.#body.core.now();
    if (left > 0) this.#patience.arm(left);
    else this.#fail(-errno.ETIMEDOUT);
  }

  #fail(result: number): void {
    if (this.#failure !== 0) return;
    this.#out.stop();
    if (!this.#open) {
      this.onAnswered(result);
      return;
    }
    this.#failure = result;
    this.#queueReceive();
    if (this.sending) this.#pump.arm(0);
  }

  abort(): void {
    if (this.ending) return;
    this.#end();
    this.#out.reset(true);
  }

  close(): void {
    if (this.ending) return;
    assert(!this.sending, 'an orderly end while something is being sent');
    this.#end();
    if (!this.#open) {
      this.#out.reset(true);
      return;
    }
    const unread = this.#in.discard() > 0;
    this.#out.finish();
    // As Linux does: whoever closes without having read everything tells the peer by a RST behind the FIN.
    if (unread && this.#body.core.oneIn(2)) this.#out.reset(false);
  }

  #end(): void {
    this.ending = true;
    this.#connectPatience.disarm();
    this.#patience.disarm();
    this.#pump.disarm();
    this.#interrupting.disarm();
    this.#closing.arm(this.#body.core.between(0, LONGEST_CLOSE));
  }

  #reapClose(): void {
    const { memory, core } = this.#body;
    // Until now the memory of a cancelled receive was the kernel's: what stands there is anybody's guess.
    if (this.receiving && core.oneIn(2)) memory.fill(this.#receivePlace, 0xcd, this.#receiveLength);
    this.receiving = false;
    memory.release(this.#receiveClaim);
    if (this.sending) this.#sendOperation.end();
    this.sending = false;
    this.#close();
    const owner = this.#owner;
    this.#owner = null;
    owner?.onClosed();
  }

  #close(): void {
    this.closed = true;
    this.#body.opened.delete(this);
    this.#link.onEndClosed();
  }

  /** As SO_LINGER{on,0} wants it: the peer sees a reset, what was queued is lost. */
  die(): void {
    if (!this.ending) {
      this.#end();
      this.#out.reset(true);
    }
    this.#closing.disarm();
    this.#owner = null;
    this.#close();
  }

  describe(): string | null {
    const doing: string[] = [];
    if (!this.#open && this.#failure === 0) doing.push('connecting');
    if (this.receiving) doing.push(`receiving ${this.#receiveDone} of ${this.#receiveLength}`);
    if (this.sending) doing.push(`sending ${this.#sendOperation.total}, ${this.#out.inFlight} on their way`);
    if (this.ending) doing.push('closing');
    if (doing.length === 0) return null;
    const { from, to } = this.#link;
    return `socket ${from.host}:${from.port} to ${to.host}:${to.port}: ${doing.join(', ')}`;
  }
}
