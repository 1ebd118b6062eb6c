/** System calls on descriptors that Node's fs does not offer or would make asynchronous. */
import { bind, lastErrno, systemError } from './libc.ts';

export const openFlag = {
  readOnly: 0,
  writeOnly: 1,
  readWrite: 2,
  create: 0o100,
  exclusive: 0o200,
  nonBlock: 0o4000,
  direct: 0o40000,
  closeOnExec: 0o2000000,
} as const;

const openCall = bind<[string, number, number]>('int open(const char *path, int flags, int mode)');
const closeCall = bind<[number]>('int close(int fd)');
const eventfdCall = bind<[number, number]>('int eventfd(unsigned int initial, int flags)');
const readCall = bind<[number, Uint8Array, number]>('int64_t read(int fd, uint8_t *buffer, size_t length)');
const writeCall = bind<[number, Uint8Array, number]>('int64_t write(int fd, const uint8_t *buffer, size_t length)');
const ioctlCall = bind<[number, number, number]>('int ioctl(int fd, unsigned long request, uintptr_t argument)');
const ioctlBytesCall = bind<[number, number, Uint8Array]>(
  'int ioctl(int fd, unsigned long request, uint8_t *argument)',
);

/** A descriptor, or -errno. Close-on-exec is always set. */
export function openPath(path: string, flags: number, mode = 0o600): number {
  const fd = openCall(path, flags | openFlag.closeOnExec, mode);
  return fd < 0 ? -lastErrno() : fd;
}

export function closeDescriptor(fd: number): void {
  closeCall(fd);
}

/** Bytes read, or -errno. For short control reads. */
export function readDescriptor(fd: number, into: Uint8Array): number {
  const got = readCall(fd, into, into.length);
  return got < 0 ? -lastErrno() : got;
}

/** Bytes written, or -errno. For short control writes. */
export function writeDescriptor(fd: number, bytes: Uint8Array): number {
  const put = writeCall(fd, bytes, bytes.length);
  return put < 0 ? -lastErrno() : put;
}

/** The result of an ioctl with a number as its argument, or -errno. */
export function ioctlNumber(fd: number, request: number, argument: number): number {
  const result = ioctlCall(fd, request, argument);
  return result < 0 ? -lastErrno() : result;
}

/** The result of an ioctl with a structure as its argument, read and written in place, or -errno. */
export function ioctlBytes(fd: number, request: number, argument: Uint8Array): number {
  const result = ioctlBytesCall(fd, request, argument);
  return result < 0 ? -lastErrno() : result;
}

const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;
const one = new Uint8Array(new BigUint64Array([1n]).buffer);

/** An eventfd: the doorbell that wakes a thread which sleeps in its ring. Any thread may ring it. */
export function makeDoorbell(): number {
  const fd = eventfdCall(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw systemError('out-of-memory', 'cannot make an eventfd', lastErrno());
  return fd;
}

export function ringDoorbell(fd: number): void {
  writeCall(fd, one, 8);
}
