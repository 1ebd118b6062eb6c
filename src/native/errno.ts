/** The errno values that this program can meet (Linux, asm-generic), by name. */
import os from 'node:os';

export const errno = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  EMFILE: 24,
  ENOTTY: 25,
  ENOSPC: 28,
  EROFS: 30,
  EPIPE: 32,
  ENOSYS: 38,
  EBADE: 52,
  ENODATA: 61,
  ETIME: 62,
  ENOLINK: 67,
  EPROTO: 71,
  ENOTCONN: 107,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETUNREACH: 101,
  ECONNABORTED: 103,
  ECONNRESET: 104,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
  EALREADY: 114,
  ECANCELED: 125,
} as const;

const names = new Map<number, string>();
for (const [name, value] of Object.entries(os.constants.errno)) if (!names.has(value)) names.set(value, name);
for (const [name, value] of Object.entries(errno)) names.set(value, name);

/** `ECONNREFUSED` for 111; `errno 4711` for one that nobody knows. Takes -errno as well. */
export function errnoName(value: number): string {
  const positive = Math.abs(value);
  return names.get(positive) ?? `errno ${positive}`;
}
