import { CausewayError, type ErrorCode } from '../../base/errors.ts';
import { errno } from '../../native/errno.ts';

/** What an ioctl ends with that could not be carried out, by why. */
const byCode: Partial<Record<ErrorCode, number>> = {
  'nvme-command-refused': errno.EPERM,
  'nvme-command-dangerous': errno.EACCES,
  'nvme-wrong-namespace': errno.EINVAL,
  'invalid-argument': errno.EINVAL,
  'device-not-quiet': errno.EBUSY,
  'too-many-requests': errno.EAGAIN,
  'no-path': errno.ENOLINK,
  'io-timed-out': errno.ETIMEDOUT,
  'out-of-memory': errno.ENOMEM,
};

/** `EIO` where nothing more can be said: also for a command of unknown outcome. */
export function ioctlErrno(error: unknown): number {
  return (error instanceof CausewayError ? byCode[error.code] : undefined) ?? errno.EIO;
}
