/** How a request ended, as an error with a code; and the other way round, what an error of a program's device means. */
import os from 'node:os';
import { CausewayError, type ErrorCode } from '../base/errors.ts';
import { type Status, status, statusOfErrno } from '../block/status.ts';
import { errno } from '../native/errno.ts';

type Failure = Exclude<keyof typeof status, 'ok'>;

const codeOfFailure: Readonly<Record<Failure, ErrorCode>> = {
  ioError: 'io-failed',
  mediumError: 'medium-error',
  notSupported: 'not-supported',
  noSpace: 'no-space',
  readOnly: 'read-only',
  reservationConflict: 'reservation-conflict',
  invalid: 'invalid-request',
  transport: 'no-path',
  timedOut: 'io-timed-out',
  gone: 'volume-gone',
  busy: 'too-many-requests',
};

const failures = Object.entries(codeOfFailure).map(([name, code]) => ({ code, outcome: outcomeOf(name) }));

function outcomeOf(name: string): Status {
  for (const [known, value] of Object.entries(status)) if (known === name) return value;
  return status.ioError;
}

/** Node's own table lacks some that Linux has. */
const errnoByName = new Map<string, number>([...Object.entries(os.constants.errno), ...Object.entries(errno)]);

/** @param what was asked, for the message: `read of 4096 bytes at 0 of "volume"` */
export function errorOfStatus(outcome: number, what: string): CausewayError {
  const code = failures.find((failure) => failure.outcome === outcome)?.code ?? 'io-failed';
  return new CausewayError(code, `${what} failed: ${code}`);
}

/**
 * What a request ends with whose device threw `error`: what its `code` says, if that is an error of a volume
 * (`no-space`) or the name of an errno (`ENOSPC`); an input/output error otherwise.
 */
export function statusOfError(error: unknown): Status {
  if (typeof error !== 'object' || error === null || !('code' in error) || typeof error.code !== 'string') {
    return status.ioError;
  }
  const { code } = error;
  const own = failures.find((failure) => failure.code === code);
  if (own !== undefined) return own.outcome;
  const value = errnoByName.get(code);
  return value === undefined ? status.ioError : statusOfErrno(value);
}

/** What was thrown, in words. A program may throw anything. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  try {
    return String(error);
  } catch {
    return 'something that cannot be shown';
  }
}
