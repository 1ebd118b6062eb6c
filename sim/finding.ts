/** What a run can find wrong. */
export type FindingKind =
  /** A read showed what the block could not hold. */
  | 'wrong-read'
  /** A request ended with an error for which nothing in the run accounts. */
  | 'error'
  /** A request did not end in time, or ended twice. */
  | 'liveness'
  /** The code under test threw. */
  | 'crash'
  /** Something was not given back at the end. */
  | 'leak';

export class Finding extends Error {
  readonly kind: FindingKind;
  /** The block that it is about; -1 if none. */
  readonly block: number;

  constructor(kind: FindingKind, message: string, block = -1) {
    super(message);
    this.kind = kind;
    this.block = block;
  }
}
