/** flock(2): a lock that goes with the descriptor, and so with the process. */
import { bind, lastErrno } from './libc.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;

const flockCall = bind<[number, number]>('int flock(int fd, int operation)');

/** Takes the exclusive lock of an open file without waiting. 0, or -errno: EAGAIN if somebody else has it. */
export function tryLock(fd: number): number {
  return flockCall(fd, LOCK_EX | LOCK_NB) < 0 ? -lastErrno() : 0;
}
