/** A stream socket on the ring: one connect, one receive and one send at a time. */
import { assert } from '../../base/assert.ts';
import { closeDescriptor } from '../../native/descriptors.ts';
import { errno } from '../../native/errno.ts';
import { shutDownSocket } from '../../native/socket-pair.ts';
import { abortConnection, endConnection, socketAddressBytes } from '../../native/sockets.ts';
import { iovecBytes, msghdrBytes, msgNoSignal, msgWaitAll, opcode } from '../../uring/abi.ts';
import type { Ring } from '../../uring/ring.ts';
import { type Deferred, maxSegments, type Socket, type SocketOwner, type Task } from '../contract.ts';
import type { CompletionHandler, HandlerTable } from './handlers.ts';
import type { UringMemory } from './memory.ts';

const token = { connect: 1, receive: 2, send: 3, cancel: 4 } as const;

/** What a socket needs of its reactor. */
export interface SocketHome {
  readonly ring: Ring;
  readonly handlers: HandlerTable;
  readonly memory: UringMemory;
  later(task: Task): void;
  deferred<T>(): Deferred<T>;
}

export class UringSocket implements Socket, CompletionHandler, Task {
  receiving = false;
  sending = false;
  readonly #home: SocketHome;
  readonly #fd: number;
  readonly #family: 'tcp' | 'unix';
  readonly #handle: number;
  #owner: SocketOwner | null = null;
  /** msghdr, then the iovecs; the address of a connect is kept in the iovecs' room. */
  readonly #message: number;
  #connecting = false;
  #ending = false;
  #cancels = 0;
  #done = false;
  /** Bytes of the send under way that the kernel has not taken yet. */
  #sendLeft = 0;
  #sendTotal = 0;
  #segment = 0;
  #segments = 0;

  /** @param family `unix`: a connected one, which knows no RST; aborting it ends it for both sides at once */
  constructor(home: SocketHome, fd: number, family: 'tcp' | 'unix' = 'tcp') {
    this.#home = home;
    this.#fd = fd;
    this.#family = family;
    this.#handle = home.handlers.add(this);
    this.#message = home.memory.allocate(msghdrBytes + 8 + maxSegments * iovecBytes);
  }

  set owner(owner: SocketOwner) {
    this.#owner = owner;
  }

  connect(encoded: Uint8Array): void {
    assert(encoded.length <= socketAddressBytes, 'a socket address is too long');
    this.#connecting = true;
    const { memory } = this.#home;
    const place = this.#message + msghdrBytes + 8;
    memory.u8.set(encoded, place);
    this.#push(opcode.connect, memory.base + place, 0, encoded.length, 0, token.connect);
  }

  #push(operation: number, address: number, length: number, offset: number, flags: number, which: number): void {
    this.#home.ring.push(operation, this.#fd, address, length, offset, flags, which, this.#handle);
  }

  receive(place: number, length: number, all = false): void {
    assert(!this.receiving && !this.#ending, 'two receives at once, or one after the end');
    this.receiving = true;
    const flags = all ? msgNoSignal | msgWaitAll : msgNoSignal;
    this.#push(opcode.recv, this.#home.memory.base + place, length, 0, flags, token.receive);
  }

  interruptReceive(): void {
    // The kernel looks for it when this is handed over, so it can not meet the receive after this one.
    if (this.receiving && !this.#ending) this.#cancel(token.receive);
  }

  send(places: Int32Array, lengths: Int32Array, count: number): void {
    assert(!this.sending && !this.#ending, 'two sends at once, or one after the end');
    assert(count > 0 && count <= maxSegments, 'a send of too many segments');
    this.sending = true;
    const { view, base } = this.#home.memory;
    let total = 0;
    let at = this.#message + msghdrBytes + 8;
    for (let i = 0; i < count; i += 1) {
      const address = base + places[i]!;
      const length = lengths[i]!;
      view.setUint32(at, address >>> 0, true);
      view.setUint32(at + 4, (address / 0x1_0000_0000) | 0, true);
      view.setUint32(at + 8, length, true);
      view.setUint32(at + 12, 0, true);
      at += iovecBytes;
      total += length;
    }
    this.#sendTotal = total;
    this.#sendLeft = total;
    this.#segment = 0;
    this.#segments = count;
    this.#pushSend();
  }

  #pushSend(): void {
    const { memory } = this.#home;
    const { view } = memory;
    const vectors = this.#message + msghdrBytes + 8 + this.#segment * iovecBytes;
    const flags = msgNoSignal | msgWaitAll;
    if (this.#segments - this.#segment === 1) {
      const address = view.getUint32(vectors, true) + view.getUint32(vectors + 4, true) * 0x1_0000_0000;
      this.#push(opcode.send, address, view.getUint32(vectors + 8, true), 0, flags, token.send);
      return;
    }
    const pointer = memory.base + vectors;
    view.setUint32(this.#message + 16, pointer >>> 0, true);
    view.setUint32(this.#message + 20, (pointer / 0x1_0000_0000) | 0, true);
    view.setUint32(this.#message + 24, this.#segments - this.#segment, true);
    this.#push(opcode.sendmsg, memory.base + this.#message, 1, 0, flags, token.send);
  }

  /** Some bytes went out: moves the vectors past them. */
  #advance(bytes: number): void {
    const { view } = this.#home.memory;
    let left = bytes;
    while (left > 0) {
      const at = this.#message + msghdrBytes + 8 + this.#segment * iovecBytes;
      const length = view.getUint32(at + 8, true);
      if (left >= length) {
        left -= length;
        this.#segment += 1;
        continue;
      }
      const address = view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000 + left;
      view.setUint32(at, address >>> 0, true);
      view.setUint32(at + 4, (address / 0x1_0000_0000) | 0, true);
      view.setUint32(at + 8, length - left, true);
      left = 0;
    }
  }

  onCompletion(which: number, res: number): void {
    switch (which) {
      case token.receive:
        this.receiving = false;
        if (!this.#ending) this.#owner?.onReceived(res);
        break;
      case token.send:
        this.#onSent(res);
        break;
      case token.connect:
        this.#connecting = false;
        if (!this.#ending) this.#owner?.onConnected(res);
        break;
      default:
        this.#cancels -= 1;
    }
    if (this.#ending) this.#finishIfIdle();
  }

  #onSent(res: number): void {
    if (res > 0 && res < this.#sendLeft && !this.#ending) {
      this.#sendLeft -= res;
      this.#advance(res);
      this.#pushSend();
      return;
    }
    this.sending = false;
    // A send of some bytes answers at least one of them or an error; none at all would be an endless loop.
    if (!this.#ending) this.#owner?.onSent(res === 0 ? -errno.EIO : res < 0 ? res : this.#sendTotal);
  }

  abort(): void {
    if (this.#ending) return;
    this.#ending = true;
    if (this.#family === 'tcp') abortConnection(this.#fd);
    else shutDownSocket(this.#fd);
    this.#cancelAll();
  }

  close(): void {
    if (this.#ending) return;
    assert(!this.sending, 'an orderly end while something is being sent');
    this.#ending = true;
    endConnection(this.#fd);
    this.#cancelAll();
  }

  #cancelAll(): void {
    if (this.receiving) this.#cancel(token.receive);
    if (this.sending) this.#cancel(token.send);
    if (this.#connecting) this.#cancel(token.connect);
    // Even with nothing under way the owner is told later, never from inside its own call.
    this.#home.later(this);
  }

  #cancel(which: number): void {
    this.#cancels += 1;
    // The submission's user data is what is looked for: low word the token, high word the handle.
    const target = which + this.#handle * 0x1_0000_0000;
    this.#home.ring.push(opcode.asyncCancel, -1, target, 0, 0, 0, token.cancel, this.#handle);
  }

  run(): void {
    this.#finishIfIdle();
  }

  /**
   * Only when every operation and every cancel has completed does the kernel refer to none of our memory, and only then
   * may the handle be given to somebody else.
   */
  #finishIfIdle(): void {
    if (this.#done || this.receiving || this.sending || this.#connecting || this.#cancels > 0) return;
    this.#done = true;
    closeDescriptor(this.#fd);
    this.#home.memory.free(this.#message);
    this.#home.handlers.remove(this.#handle);
    const owner = this.#owner;
    this.#owner = null;
    owner?.onClosed();
  }
}
