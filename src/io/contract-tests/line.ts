/** A connection as the tests use it: each callback as a promise, and a record of every callback that came. */
import assert from 'node:assert/strict';
import type { Address, Deferred, Io, Listener, ListenerOwner, Socket, SocketOwner } from '../contract.ts';
import type { ContractBodies } from './bodies.ts';

export class Line implements SocketOwner {
  readonly io: Io;
  readonly calls: string[] = [];
  readonly connected: Deferred<number>;
  readonly closed: Deferred<void>;
  socket!: Socket;
  #received: Deferred<number> | null = null;
  #sent: Deferred<number> | null = null;
  /** True while this side calls into the socket: no callback may come from there. */
  #inside = false;

  constructor(io: Io) {
    this.io = io;
    this.connected = io.deferred<number>();
    this.closed = io.deferred<void>();
  }

  connect(to: Address): Promise<number> {
    this.submit(() => {
      this.socket = this.io.connect(to, this);
    });
    return this.connected.promise;
  }

  receive(place: number, length: number, all = false): Promise<number> {
    const received = this.io.deferred<number>();
    this.#received = received;
    this.submit(() => this.socket.receive(place, length, all));
    assert.equal(this.socket.receiving, true);
    return received.promise;
  }

  /** Sends from these places; the arrays are spoilt at once, as the contract allows. */
  send(segments: readonly { place: number; length: number }[]): Promise<number> {
    const sent = this.io.deferred<number>();
    this.#sent = sent;
    const places = Int32Array.from(segments, (segment) => segment.place);
    const lengths = Int32Array.from(segments, (segment) => segment.length);
    this.submit(() => this.socket.send(places, lengths, segments.length));
    places.fill(-1);
    lengths.fill(-1);
    assert.equal(this.socket.sending, true);
    return sent.promise;
  }

  abort(): Promise<void> {
    this.submit(() => this.socket.abort());
    return this.closed.promise;
  }

  close(): Promise<void> {
    this.submit(() => this.socket.close());
    return this.closed.promise;
  }

  /** Receives until `bytes` are there or the connection ends; the bytes there are. */
  async receiveUpTo(place: number, bytes: number): Promise<{ bytes: number; last: number }> {
    let done = 0;
    let last = 1;
    while (done < bytes && last > 0) {
      last = await this.receive(place + done, bytes - done);
      if (last > 0) done += last;
    }
    return { bytes: done, last };
  }

  submit(call: () => void): void {
    this.#inside = true;
    call();
    this.#inside = false;
  }

  #note(call: string): void {
    assert.equal(this.#inside, false, `${call} came from inside a submission`);
    this.calls.push(call);
  }

  onConnected(result: number): void {
    this.#note('connected');
    this.connected.resolve(result);
  }

  onReceived(result: number): void {
    this.#note('received');
    assert.equal(this.socket.receiving, false);
    this.#received?.resolve(result);
  }

  onSent(result: number): void {
    this.#note('sent');
    assert.equal(this.socket.sending, false);
    this.#sent?.resolve(result);
  }

  onClosed(): void {
    this.#note('closed');
    this.closed.resolve();
  }
}

/** Accepts connections one by one. */
export class Door implements ListenerOwner {
  readonly #io: Io;
  readonly #accepted: Line[] = [];
  #waiting: Deferred<Line> | null = null;
  listener!: Listener;
  refuse = false;

  constructor(io: Io) {
    this.#io = io;
  }

  async open(host: string): Promise<Address> {
    this.listener = await this.#io.listen({ host, port: 0 }, this);
    assert.ok(this.listener.address.port > 0);
    return this.listener.address;
  }

  onAccepted(socket: Socket, peer: Address): SocketOwner | null {
    // A peer that went away again may have no port any more.
    assert.ok(peer.port >= 0);
    if (this.refuse) return null;
    const line = new Line(this.#io);
    line.socket = socket;
    if (this.#waiting === null) this.#accepted.push(line);
    else this.#waiting.resolve(line);
    this.#waiting = null;
    return line;
  }

  onListenerFailed(result: number): void {
    assert.fail(`the listener failed: ${result}`);
  }

  async next(): Promise<Line> {
    const line = this.#accepted.shift();
    if (line !== undefined) return line;
    this.#waiting = this.#io.deferred<Line>();
    return this.#waiting.promise;
  }
}

/** A connection from `io` to `other`, with both its ends. */
export async function connectedPair(bodies: ContractBodies): Promise<{ near: Line; far: Line; door: Door }> {
  const door = new Door(bodies.other);
  const address = await door.open(bodies.host);
  const near = new Line(bodies.io);
  assert.equal(await near.connect(address), 0);
  const far = await door.next();
  return { near, far, door };
}
