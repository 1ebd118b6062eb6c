/**
 * The C library, through koffi: the only door to the operating system below Node. Every function here is synchronous
 * and short; what may wait goes through io_uring instead. Pointers are plain numbers: user addresses stay below 2^47.
 */
import koffi from 'koffi';
import { CausewayError, type ErrorCode } from '../base/errors.ts';
import { errnoName } from './errno.ts';

const library = koffi.load(null);

type Value = number | bigint | string | null | Uint8Array;

/** Binds one C function by its prototype, e.g. `int close(int fd)`. Start-up only. */
export function bind<Arguments extends readonly Value[]>(prototype: string): (...args: Arguments) => number {
  // The prototype says what the types say; koffi checks the arguments of every call against it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- koffi checks every call
  return library.func(prototype) as (...args: Arguments) => number;
}

/** errno of the last bound call of this thread that failed. Ask before anything else is called. */
export function lastErrno(): number {
  return koffi.errno();
}

/** A view of memory that stands at `address`, valid until it is unmapped. Costs about 2 microseconds. */
export function viewOf(address: number, length: number): ArrayBuffer {
  // koffi aborts the process on a null pointer: refuse it here.
  if (!(address > 0)) throw new CausewayError('assertion', 'a view of no memory was asked for');
  return koffi.view(BigInt(address), length);
}

/** The error for a failed system call: names the call, what it was about and the errno. */
export function systemError(code: ErrorCode, what: string, errno: number, hint?: string): CausewayError {
  const message = `${what}: ${errnoName(errno)}`;
  return hint === undefined ? new CausewayError(code, message) : new CausewayError(code, message, { hint });
}
