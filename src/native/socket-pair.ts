/** Pairs of connected UNIX stream sockets. */
import { bind, lastErrno } from './libc.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SHUT_RDWR = 2;
const MSG_PEEK = 0x2;
const MSG_DONTWAIT = 0x40;
const F_DUPFD_CLOEXEC = 1030;

const socketpairCall = bind<[number, number, number, Uint8Array]>(
  'int socketpair(int domain, int type, int protocol, uint8_t *pair)',
);
const shutdownCall = bind<[number, number]>('int shutdown(int fd, int how)');
const recvCall = bind<[number, Uint8Array, number, number]>(
  'int64_t recv(int fd, uint8_t *bytes, size_t length, int flags)',
);
const fcntlCall = bind<[number, number, number]>('int fcntl(int fd, int command, int argument)');

/** Two connected sockets, close-on-exec; or -errno. */
export function makeSocketPair(): readonly [number, number] | number {
  const pair = new Int32Array(2);
  const result = socketpairCall(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, new Uint8Array(pair.buffer));
  return result < 0 ? -lastErrno() : [pair[0]!, pair[1]!];
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
