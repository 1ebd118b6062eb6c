/** Descriptors of another process: pidfd_open(2) and pidfd_getfd(2), Linux 5.6. */
import { closeDescriptor } from './descriptors.ts';
import { bind, lastErrno } from './libc.ts';

// The same numbers on every architecture since they were added together.
const SYS_pidfd_open = 434;
const SYS_pidfd_getfd = 438;

const openCall = bind<[number, number, number]>('long syscall(long number, int pid, unsigned int flags)');
const getCall = bind<[number, number, number, number]>(
  'long syscall(long number, int pidfd, int fd, unsigned int flags)',
);

/**
 * A descriptor here of what `fd` is in process `pid`, or -errno: ESRCH if there is no such process, EBADF if it has no
 * such descriptor, EPERM without the right to trace it. Close-on-exec is set.
 */
export function descriptorOf(pid: number, fd: number): number {
  const process = openCall(SYS_pidfd_open, pid, 0);
  if (process < 0) return -lastErrno();
  const got = getCall(SYS_pidfd_getfd, process, fd, 0);
  const result = got < 0 ? -lastErrno() : got;
  closeDescriptor(process);
  return result;
}
