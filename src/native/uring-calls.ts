/** The three system calls of io_uring (the same numbers on every architecture since they were added together). */
import { bind, lastErrno } from './libc.ts';

const SYS_io_uring_setup = 425;
const SYS_io_uring_enter = 426;
const SYS_io_uring_register = 427;

const setupCall = bind<[number, number, Uint8Array]>(
  'long syscall(long number, unsigned int entries, uint8_t *params)',
);
const enterCall = bind<[number, number, number, number, number, number, number]>(
  'long syscall(long number, int fd, unsigned int submit, unsigned int complete, unsigned int flags, uintptr_t argument, size_t size)',
);
const registerBytesCall = bind<[number, number, number, Uint8Array, number]>(
  'long syscall(long number, int fd, unsigned int opcode, uint8_t *argument, unsigned int count)',
);

/** A ring descriptor, or -errno. `params` is io_uring_params, read and written. */
export function uringSetup(entries: number, params: Uint8Array): number {
  const fd = setupCall(SYS_io_uring_setup, entries, params);
  return fd < 0 ? -lastErrno() : fd;
}

/** Submissions taken, or -errno. */
export function uringEnter(
  fd: number,
  submit: number,
  complete: number,
  flags: number,
  argument: number,
  size: number,
): number {
  const result = enterCall(SYS_io_uring_enter, fd, submit, complete, flags, argument, size);
  return result < 0 ? -lastErrno() : result;
}

export function uringRegisterBytes(fd: number, opcode: number, argument: Uint8Array, count: number): number {
  const result = registerBytesCall(SYS_io_uring_register, fd, opcode, argument, count);
  return result < 0 ? -lastErrno() : result;
}
