/** Pairs of connected UNIX stream sockets. */
import { bind, lastErrno } from './libc.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SHUT_RDWR = 2;
const MSG_PEEK = 0x2;
const MSG_DONTWAIT = 0x40;
const F_DUPFD_CLOEXEC = 1030;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;

const socketpairCall = bind<[number, number, number, Uint8Array]>(
  'int socketpair(int domain, int type, int protocol, uint8_t *pair)',
);
const shutdownCall = bind<[number, number]>('int shutdown(int fd, int how)');
const recvCall = bind<[number, Uint8Array, number, number]>(
  'int64_t recv(int fd, uint8_t *bytes, size_t length, int flags)',
);
const setsockoptCall = bind<[number, number, number, Uint8Array, number]>(
  'int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)',
);
const fcntlCall = bind<[number, number, number]>('int fcntl(int fd, int command, int argument)');

/** Two connected sockets, close-on-exec; or -errno. Each sends up to `bufferBytes` before its peer has to receive. */
export function makeSocketPair(bufferBytes: number): readonly [number, number] | number {
  const pair = new Int32Array(2);
  const result = socketpairCall(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, new Uint8Array(pair.buffer));
  if (result < 0) return -lastErrno();
  const value = new Uint8Array(new Int32Array([bufferBytes]).buffer);
  // Without the right to more than usual it is as much as usual.
  for (const fd of pair) setsockoptCall(fd, SOL_SOCKET, SO_SNDBUFFORCE, value, value.length);
  return [pair[0]!, pair[1]!];
}

/** Ends both directions, for everybody who has the socket open; the peer sees the end. */
export function shutDownSocket(fd: number): void {
  shutdownCall(fd, SHUT_RDWR);
}

/** True if the peer has ended, and everything that it sent before was received. */
export function peerHasEnded(fd: number): boolean {
  const got = recvCall(fd, new Uint8Array(1), 1, MSG_PEEK | MSG_DONTWAIT);
  return got === 0;
}

/** A second descriptor of the same open file, or -errno. Close-on-exec. */
export function duplicateDescriptor(fd: number): number {
  const copy = fcntlCall(fd, F_DUPFD_CLOEXEC, 0);
  return copy < 0 ? -lastErrno() : copy;
}
