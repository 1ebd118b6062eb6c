/** A listening socket: one accept under way at a time, armed again after each. */
import { CausewayError } from '../../base/errors.ts';
import { closeDescriptor } from '../../native/descriptors.ts';
import { errno } from '../../native/errno.ts';
import { systemError } from '../../native/libc.ts';
import { encodeAddress, localAddress, makeListener, peerAddress, tuneSocket } from '../../native/sockets.ts';
import { opcode } from '../../uring/abi.ts';
import type { Address, Deferred, Listener, ListenerOwner, SocketOptions } from '../contract.ts';
import type { CompletionHandler } from './handlers.ts';
import { type SocketHome, UringSocket } from './socket.ts';

const token = { accept: 1, cancel: 2 } as const;
const backlog = 256;
const SOCK_CLOEXEC = 0o2000000;

export class UringListener implements Listener, CompletionHandler {
  readonly address: Address;
  readonly #home: SocketHome;
  readonly #owner: ListenerOwner;
  readonly #options: SocketOptions;
  readonly #fd: number;
  readonly #handle: number;
  #accepting = false;
  #cancels = 0;
  #closing: Deferred<void> | null = null;

  /** @throws CausewayError `address-in-use`, `address-not-available` */
  constructor(home: SocketHome, on: Address, owner: ListenerOwner, options: SocketOptions) {
    const where = `cannot listen on ${on.host}:${on.port}`;
    const encoded = encodeAddress(on);
    if (encoded === null) throw new CausewayError('address-not-available', `${where}: not a numeric address`);
    const fd = makeListener(encoded, backlog);
    if (fd === -errno.EADDRINUSE) throw systemError('address-in-use', where, errno.EADDRINUSE);
    if (fd < 0) throw systemError('address-not-available', where, -fd);
    this.#home = home;
    this.#owner = owner;
    this.#options = options;
    this.#fd = fd;
    this.address = { host: on.host, port: localAddress(fd).port };
    this.#handle = home.handlers.add(this);
    this.#arm();
  }

  #arm(): void {
    this.#accepting = true;
    this.#home.ring.push(opcode.accept, this.#fd, 0, 0, 0, SOCK_CLOEXEC, token.accept, this.#handle);
  }

  onCompletion(which: number, res: number): void {
    if (which === token.cancel) this.#cancels -= 1;
    else this.#onAccepted(res);
    const closing = this.#closing;
    if (closing !== null && !this.#accepting && this.#cancels === 0) this.#finish(closing);
  }

  #onAccepted(res: number): void {
    this.#accepting = false;
    if (res >= 0) {
      tuneSocket(res, this.#options);
      const socket = new UringSocket(this.#home, res);
      const owner = this.#closing === null ? this.#owner.onAccepted(socket, peerAddress(res)) : null;
      if (owner === null) socket.abort();
      else socket.owner = owner;
    }
    if (this.#closing !== null) return;
    switch (-res) {
      case errno.EBADF:
      case errno.EINVAL:
        this.#owner.onListenerFailed(res);
        return;
      default:
        // Everything else concerns one peer that went away again, or descriptors that ran out for now.
        this.#arm();
    }
  }

  close(): Promise<void> {
    if (this.#closing !== null) return this.#closing.promise;
    const closing = this.#home.deferred<void>();
    this.#closing = closing;
    if (this.#accepting) {
      this.#cancels += 1;
      const target = token.accept + this.#handle * 0x1_0000_0000;
      this.#home.ring.push(opcode.asyncCancel, -1, target, 0, 0, 0, token.cancel, this.#handle);
    } else {
      this.#finish(closing);
    }
    return closing.promise;
  }

  #finish(deferred: Deferred<void>): void {
    closeDescriptor(this.#fd);
    this.#home.handlers.remove(this.#handle);
    deferred.resolve();
  }
}
