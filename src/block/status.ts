/**
 * How a block request ended. Small integers, because they are stored in slots and looked up in arrays on the data path.
 */
export const status = {
  ok: 0,
  /** Nothing more is known than that it failed (EIO). */
  ioError: 1,
  /** The medium lost the data (ENODATA). */
  mediumError: 2,
  /** The device does not do this (EOPNOTSUPP). */
  notSupported: 3,
  /** The array is out of space (ENOSPC). */
  noSpace: 4,
  /** Write to something that is read-only (EROFS). */
  readOnly: 5,
  /** Another host holds a reservation (EBADE). */
  reservationConflict: 6,
  /** Range, alignment or flags are wrong (EINVAL). */
  invalid: 7,
  /** No way to the volume is left (ENOLINK). */
  transport: 8,
  /** It took too long (ETIMEDOUT). */
  timedOut: 9,
  /** The device goes away (ENODEV). */
  gone: 10,
  /** Too many at once; try again (EAGAIN). */
  busy: 11,
} as const;

export type Status = (typeof status)[keyof typeof status];

/** The errno that a kernel device answers with, by status. */
export const statusErrno: readonly number[] = [0, 5, 61, 95, 28, 30, 52, 22, 67, 110, 19, 11];

/** The name that people read, by status. */
export const statusName: readonly string[] = [
  'ok',
  'io-error',
  'medium-error',
  'not-supported',
  'no-space',
  'read-only',
  'reservation-conflict',
  'invalid',
  'transport',
  'timed-out',
  'gone',
  'busy',
];

/** The status that stands for an errno (positive) of a backing file or device. */
export function statusOfErrno(errno: number): Status {
  switch (errno) {
    case 0:
      return status.ok;
    case 61:
      return status.mediumError;
    case 95:
    case 38:
      return status.notSupported;
    case 28:
    case 122:
      return status.noSpace;
    case 30:
    case 1:
      return status.readOnly;
    case 52:
      return status.reservationConflict;
    case 22:
      return status.invalid;
    case 67:
      return status.transport;
    case 110:
      return status.timedOut;
    case 19:
    case 6:
      return status.gone;
    case 11:
      return status.busy;
    default:
      return status.ioError;
  }
}
