/** A connection whose socket could not even be made is told of like one that failed: later, never from inside `open`. */
import { CausewayError } from '../../base/errors.ts';
import type { Task } from '../../io/contract.ts';

/** errno values: EADDRNOTAVAIL and EMFILE. */
const noSuchAddress = 99;
const tooManyFiles = 24;

/** The result that stands for what making a socket threw. @throws what is no coded error */
export function stillbornErrno(error: unknown): number {
  if (!(error instanceof CausewayError)) throw error;
  return error.code === 'address-not-available' ? -noSuchAddress : -tooManyFiles;
}

/** Control. */
export class StillbornConnection implements Task {
  readonly #connection: { failStillborn(): void };

  constructor(connection: { failStillborn(): void }) {
    this.#connection = connection;
  }

  run(): void {
    this.#connection.failStillborn();
  }
}
