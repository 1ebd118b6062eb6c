/** What becomes of the commands under way when a connection ends: a row of the outcome table for each breakage. */
import { type Breakage, breakage, breakageName } from './breakage.ts';
import { outcome } from './status.ts';

const outcomes = new Int32Array(breakageName.length).fill(outcome.connectionLost);
outcomes[breakage.headerDigest] = outcome.headerDigestError;
outcomes[breakage.protocolError] = outcome.hostTerminated;
outcomes[breakage.terminatedByPeer] = outcome.targetTerminated;

export function lossOutcomeOf(how: Breakage): number {
  return outcomes[how]!;
}
