/** What the kernel knows of the calling thread: on which CPU it may run, and under which name it is shown. */
import { bind, lastErrno } from './libc.ts';

const PR_SET_NAME = 15;
/** CPUs that a set has room for, as in the C library's cpu_set_t. */
const setBits = 1024;

const setAffinityCall = bind<[number, number, Uint8Array]>(
  'int sched_setaffinity(int tid, size_t length, const uint8_t *set)',
);
const setNameCall = bind<[number, string]>('int prctl(int option, const char *name)');

/** Lets the calling thread run on this CPU only. 0, or -errno: EINVAL for a CPU that is not there or not ours to use. */
export function pinThread(cpu: number): number {
  const set = new Uint8Array(setBits / 8);
  if (Number.isInteger(cpu) && cpu >= 0 && cpu < setBits) set[cpu >> 3] = 1 << (cpu & 7);
  return setAffinityCall(0, set.length, set) < 0 ? -lastErrno() : 0;
}

/** Names the calling thread for `top -H` and the like; cut to 15 bytes. */
export function nameThread(name: string): void {
  setNameCall(PR_SET_NAME, name);
}
