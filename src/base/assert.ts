import { CausewayError } from './errors.ts';

/**
 * Ends the operation with a coded error if something that must hold does not. For our own mistakes only: bad input
 * from outside gets its own code. `message` should be a constant, so that the good case allocates nothing.
 * @throws CausewayError `assertion`
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new CausewayError('assertion', message);
}

/** For the branch of a switch that no value can reach; the compiler checks that none is left. */
export function unreachable(value: never): never {
  throw new CausewayError('assertion', `unexpected value ${String(value)}`);
}

/**
 * The value, which must be there: for look-ups whose index is known to be right.
 * @throws CausewayError `assertion`
 */
export function defined<T>(value: T | null | undefined, message: string): T {
  if (value === null || value === undefined) throw new CausewayError('assertion', message);
  return value;
}
