/** TCP sockets by system call: made, tuned, listened on and aborted here; data goes through io_uring. */
import net from 'node:net';
import { closeDescriptor } from './descriptors.ts';
import { bind, lastErrno } from './libc.ts';

const AF_UNSPEC = 0;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_TCP = 6;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_LINGER = 13;
const TCP_NODELAY = 1;
const TCP_USER_TIMEOUT = 18;
const SHUT_RDWR = 2;

/** Room for any socket address we use (sockaddr_in6 is 28 bytes). */
export const socketAddressBytes = 28;

const socketCall = bind<[number, number, number]>('int socket(int domain, int type, int protocol)');
const setsockoptCall = bind<[number, number, number, Uint8Array, number]>(
  'int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)',
);
const bindCall = bind<[number, Uint8Array, number]>('int bind(int fd, const uint8_t *address, uint32_t length)');
const listenCall = bind<[number, number]>('int listen(int fd, int backlog)');
const connectCall = bind<[number, Uint8Array, number]>('int connect(int fd, const uint8_t *address, uint32_t length)');
const shutdownCall = bind<[number, number]>('int shutdown(int fd, int how)');
const getsocknameCall = bind<[number, Uint8Array, Uint8Array]>(
  'int getsockname(int fd, uint8_t *address, uint8_t *length)',
);
const getpeernameCall = bind<[number, Uint8Array, Uint8Array]>(
  'int getpeername(int fd, uint8_t *address, uint8_t *length)',
);

export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

/** sockaddr_in or sockaddr_in6 of a numeric address; null if it is none. */
export function encodeAddress(address: SocketAddress): Uint8Array | null {
  const family = net.isIP(address.host);
  if (family === 0 || !Number.isInteger(address.port) || address.port < 0 || address.port > 65535) return null;
  const bytes = new Uint8Array(family === 4 ? 16 : socketAddressBytes);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, family === 4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, address.port);
  if (family === 4) {
    bytes.set(address.host.split('.').map(Number), 4);
    return bytes;
  }
  const [text = '', zone] = address.host.split('%');
  bytes.set(parseIpv6(text), 8);
  if (zone !== undefined) view.setUint32(24, Number(zone) || 0, true);
  return bytes;
}

function parseIpv6(text: string): number[] {
  const withoutV4 = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, a: string, b: string, c: string, d: string) => {
    const high = (Number(a) << 8) | Number(b);
    const low = (Number(c) << 8) | Number(d);
    return `${high.toString(16)}:${low.toString(16)}`;
  });
  const [head = '', tail] = withoutV4.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = tail === undefined ? 0 : 8 - left.length - right.length;
  const words = [...left, ...new Array<string>(missing).fill('0'), ...right].map((word) => Number.parseInt(word, 16));
  return words.flatMap((word) => [word >> 8, word & 0xff]);
}

function decodeAddress(bytes: Uint8Array): SocketAddress {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const port = view.getUint16(2);
  if (view.getUint16(0, true) === AF_INET) return { host: bytes.subarray(4, 8).join('.'), port };
  const words: string[] = [];
  for (let i = 0; i < 8; i += 1) words.push(view.getUint16(8 + 2 * i).toString(16));
  return { host: words.join(':'), port };
}

function option(fd: number, level: number, name: number, ...values: number[]): void {
  const bytes = new Uint8Array(new Int32Array(values).buffer);
  setsockoptCall(fd, level, name, bytes, bytes.length);
}

export interface SocketTuning {
  /** Milliseconds; 0 = the kernel's default. */
  readonly userTimeout?: number;
  readonly bufferBytes?: number;
}

/**
 * What every data socket needs: no delay of small packets, and SO_LINGER{on,0}: whoever closes it, be it the death of
 * the process, discards what is queued and sends RST, so that nothing of ours is delivered later.
 */
export function tuneSocket(fd: number, tuning: SocketTuning): void {
  option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  option(fd, SOL_SOCKET, SO_LINGER, 1, 0);
  if (tuning.userTimeout !== undefined && tuning.userTimeout > 0) {
    option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, tuning.userTimeout);
  }
  if (tuning.bufferBytes !== undefined) {
    option(fd, SOL_SOCKET, SO_SNDBUF, tuning.bufferBytes);
    option(fd, SOL_SOCKET, SO_RCVBUF, tuning.bufferBytes);
  }
}

/** A stream socket fit for this (encoded) address, or -errno. */
export function makeSocket(encoded: Uint8Array): number {
  const fd = socketCall(encoded.length === 16 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return fd < 0 ? -lastErrno() : fd;
}

/** A listening socket, or -errno. */
export function makeListener(encoded: Uint8Array, backlog: number): number {
  const fd = makeSocket(encoded);
  if (fd < 0) return fd;
  option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (bindCall(fd, encoded, encoded.length) === 0 && listenCall(fd, backlog) === 0) return fd;
  const failed = -lastErrno();
  closeDescriptor(fd);
  return failed;
}

const unspecified = new Uint8Array(16);
new DataView(unspecified.buffer).setUint16(0, AF_UNSPEC, true);

/**
 * Aborts a connection now: RST to the peer, queues discarded. Works while ring requests still refer to the socket;
 * they complete with an error.
 */
export function abortConnection(fd: number): void {
  connectCall(fd, unspecified, unspecified.length);
}

/** Ends both directions in order (FIN). Lingering is switched off first, or the close would discard and reset. */
export function endConnection(fd: number): void {
  option(fd, SOL_SOCKET, SO_LINGER, 0, 0);
  shutdownCall(fd, SHUT_RDWR);
}

function nameOf(call: typeof getsocknameCall, fd: number): SocketAddress {
  const bytes = new Uint8Array(socketAddressBytes);
  const length = new Uint8Array(new Uint32Array([socketAddressBytes]).buffer);
  return call(fd, bytes, length) === 0 ? decodeAddress(bytes) : { host: '0.0.0.0', port: 0 };
}

export function localAddress(fd: number): SocketAddress {
  return nameOf(getsocknameCall, fd);
}

export function peerAddress(fd: number): SocketAddress {
  return nameOf(getpeernameCall, fd);
}
