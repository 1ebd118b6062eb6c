/** A request as whoever issued it knows it, whatever becomes of the host that has it. */
import type { Op } from '../src/block/request.ts';

export interface Issued {
  readonly op: Op;
  readonly flags: number;
  readonly block: number;
  readonly count: number;
  /** The number of the write; 0 if it is none. */
  readonly value: number;
  /** The checker's number of its issue; 0: it is none at all. */
  readonly issuedAt: number;
  /** Milliseconds of virtual time: when the host got it. */
  readonly startedAt: number;
}
