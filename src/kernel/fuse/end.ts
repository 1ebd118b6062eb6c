import { errno } from '../../native/errno.ts';

/**
 * True for the errno values (positive) with which operations on /dev/fuse end when the connection does: unmounted
 * (ENODEV), aborted (ECONNABORTED), not connected any more (ENOTCONN), or cancelled because the descriptor goes.
 */
export function isEndOfConnection(error: number): boolean {
  switch (error) {
    case errno.ENODEV:
    case errno.ENOTCONN:
    case errno.ECONNABORTED:
    case errno.ECANCELED:
      return true;
    default:
      return false;
  }
}
