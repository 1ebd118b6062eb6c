/**
 * What becomes of a part that failed. When it may be sent again:
 * - It surely was not executed, or executing it twice is harmless (reads): at once.
 * - A write, write-zeroes or discard that the array may still execute after the connection is gone (a ghost) needs care,
 *   because a ghost that comes after its retry was answered may undo what was written since.
 *   `quarantine` sends it again at once and keeps everything else off its range until the controller that has it is
 *   fenced (ghost-gate.ts). `strict` holds it back until then: the request is not answered, so whatever the ghost does to
 *   the range happens while the write is still under way, which any reader has to expect; after the fence only the retry
 *   can change the range, and it carries the same data. `none` sends it again at once and can lose data when the ghost
 *   comes late; it exists for arrays known to drain, and for showing the harm.
 * - An answer of the volume (medium error, out of range, reservation conflict, …) is final and goes up. So is any other
 *   answer that comes again and again; the loss of a path is none, and is never counted.
 */
import { op, type Op } from '../block/request.ts';
import { type Part, verdict } from '../fabric/contract.ts';

/** How often a part is sent again on an answer that asks for patience (CRD). */
const refusalsHere = 8;
/** How often a part is sent elsewhere on the array's own answer, before the answer is believed. */
const refusalsElsewhere = 64;

export const fate = {
  /** The request fails with the part's status. */
  up: 0,
  /** Waits for the fence of the controller that has it. */
  hold: 1,
  /** Goes again after the delay that the array asked for. */
  later: 2,
  /** Goes again as soon as a path takes it. */
  again: 3,
} as const;

export type Fate = (typeof fate)[keyof typeof fate];

/** It writes to the volume. */
export function changesData(operation: Op): boolean {
  return operation !== op.read && operation !== op.flush;
}

/** @param hold it is a ghost that nothing but time makes harmless */
export function fateOf(part: Part, hold: boolean): Fate {
  const here = (part.verdict & verdict.retryHere) !== 0 && part.refusals <= refusalsHere;
  const elsewhere = (part.verdict & verdict.retryElsewhere) !== 0 && part.refusals <= refusalsElsewhere;
  if (!here && !elsewhere) return fate.up;
  if (hold) return fate.hold;
  return here ? fate.later : fate.again;
}
