/** Generic netlink sockets: made, sent to and received from without ever waiting for an answer. */
import { bind, lastErrno } from './libc.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_GENERIC = 16;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const MSG_DONTWAIT = 0x40;
const MSG_TRUNC = 0x20;

const socketCall = bind<[number, number, number]>('int socket(int domain, int type, int protocol)');
const setsockoptCall = bind<[number, number, number, Uint8Array, number]>(
  'int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)',
);
const sendCall = bind<[number, Uint8Array, number, number]>(
  'int64_t send(int fd, const uint8_t *bytes, size_t length, int flags)',
);
const recvCall = bind<[number, Uint8Array, number, number]>(
  'int64_t recv(int fd, uint8_t *bytes, size_t length, int flags)',
);

/** A generic netlink socket to the kernel, or -errno. Errors come with the kernel's own words where it has some. */
export function openGenericNetlink(): number {
  const fd = socketCall(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_GENERIC);
  if (fd < 0) return -lastErrno();
  const on = new Uint8Array(new Int32Array([1]).buffer);
  // Both are known since Linux 4.12; without them an error is a bare number.
  setsockoptCall(fd, SOL_NETLINK, NETLINK_CAP_ACK, on, on.length);
  setsockoptCall(fd, SOL_NETLINK, NETLINK_EXT_ACK, on, on.length);
  return fd;
}

/**
 * Sends one message; 0, or -errno. The kernel carries it out before this returns, so what the message asks for may wait
 * even though the socket does not.
 */
export function sendNetlink(fd: number, message: Uint8Array): number {
  const sent = sendCall(fd, message, message.length, MSG_DONTWAIT);
  return sent < 0 ? -lastErrno() : 0;
}

/**
 * Receives what is there: the bytes of one datagram, or -errno (EAGAIN: nothing is there). One that is longer than `into`
 * has its full length returned, so that its loss is seen.
 */
export function receiveNetlink(fd: number, into: Uint8Array): number {
  const got = recvCall(fd, into, into.length, MSG_DONTWAIT | MSG_TRUNC);
  return got < 0 ? -lastErrno() : got;
}
