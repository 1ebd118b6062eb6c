/**
 * A selector picks the path of the next command. It is a pure function of a snapshot: the paths that may carry I/O now
 * (all of one rank, at least one, never empty), their loads, and where the last choice fell.
 */
import { queueDepth } from './selectors/queue-depth.ts';
import { roundRobin } from './selectors/round-robin.ts';

/** What a selector may look at of a path. */
export interface Candidate {
  /** Commands under way. */
  readonly inFlight: number;
  readonly bytesInFlight: number;
  /** A command slot is free. */
  readonly hasRoom: boolean;
}

/**
 * Returns the index of the chosen path, or -1 when none has room.
 * @param last index of the previous choice within the same candidates, -1 for none
 */
export type Selector = (candidates: readonly Candidate[], last: number) => number;

export const selectors = {
  'queue-depth': queueDepth,
  'round-robin': roundRobin,
} as const satisfies Record<string, Selector>;

export type SelectorName = keyof typeof selectors;

export const selectorNames: readonly SelectorName[] = ['queue-depth', 'round-robin'];

export function isSelectorName(text: string): text is SelectorName {
  return Object.hasOwn(selectors, text);
}
