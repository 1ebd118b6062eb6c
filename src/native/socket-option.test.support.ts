/** What the kernel says of a socket, for tests. */
import { bind } from './libc.ts';

const getsockoptCall = bind<[number, number, number, Uint8Array, Uint8Array]>(
  'int getsockopt(int fd, int level, int name, uint8_t *value, uint8_t *length)',
);
const IPPROTO_TCP = 6;
const TCP_USER_TIMEOUT = 18;

/** TCP_USER_TIMEOUT of a TCP socket, milliseconds; 0 = the kernel's default; -1: it is no TCP socket. */
export function userTimeoutOf(fd: number): number {
  const value = new Uint32Array(1);
  const length = new Uint32Array([4]);
  const bytes = new Uint8Array(value.buffer);
  const failed = getsockoptCall(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, bytes, new Uint8Array(length.buffer)) !== 0;
  return failed ? -1 : (value[0] ?? -1);
}
