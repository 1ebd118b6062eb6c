/** What a process in the I/O path tells the kernel about itself. */
import fs from 'node:fs';
import { bind, lastErrno } from './libc.ts';

const PR_SET_IO_FLUSHER = 57;

const prctlCall = bind<[number, number, number, number, number]>(
  'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)',
);

/**
 * The calling thread must not wait for memory that only its own I/O can free (Linux 5.6, needs CAP_SYS_RESOURCE). It
 * is a flag of the thread, inherited by fork, exec and new threads: set it before node starts its helper threads, that
 * is, in a first stage which then runs node. 0, or -errno.
 */
export function setIoFlusher(on: boolean): number {
  return prctlCall(PR_SET_IO_FLUSHER, on ? 1 : 0, 0, 0, 0) < 0 ? -lastErrno() : 0;
}

/** The lowest value of oom_score_adj: never chosen by the out-of-memory killer. */
export const neverKilled = -1000;

/** Sets this process's oom_score_adj. False if it may not (lowering needs CAP_SYS_RESOURCE). */
export function setOomScore(score: number): boolean {
  try {
    fs.writeFileSync('/proc/self/oom_score_adj', String(score));
    return true;
  } catch {
    return false;
  }
}
