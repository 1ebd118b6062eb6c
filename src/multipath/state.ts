/**
 * The states of a path, as a table: what each means, who sets it, and whether it carries I/O. The state is not stored;
 * it is derived from facts that have one owner each, so that no order of events can lead to an illegal one.
 */

/** 0: carries no I/O; 1 is the first choice, and a higher number a later one. */
export type PathRank = 0 | 1 | 2 | 3 | 4;

export const pathStates = {
  'live-optimized': {
    carries: 1,
    meaning: 'I/O goes here first.',
    setBy: 'the array: its ANA (ALUA) state for the volume on this controller is optimized, or it reports none',
  },
  'live-non-optimized': {
    carries: 2,
    meaning: 'I/O goes here only while no optimized path lives.',
    setBy: 'the array: its ANA (ALUA) state is non-optimized',
  },
  probation: {
    carries: 3,
    meaning: 'It came back and has to stay up for a while; I/O goes here only while no live path is left.',
    setBy:
      'multipath: after a loss, if a failback delay is set or the path comes and goes; ends by itself or by `path restore`',
  },
  suspect: {
    carries: 4,
    meaning:
      'Commands lie on it without an answer, or one for much longer than on others, while other paths answer; I/O goes here only while no other is left.',
    setBy: 'multipath, from what came back over each path; ends a while after it answers again',
  },
  inaccessible: {
    carries: 0,
    meaning: 'The connection stands, but the array serves the volume elsewhere.',
    setBy:
      'the array: its ANA (ALUA) state is inaccessible, in transition or lost for good; a transition longer than ' +
      'ANATT makes the association reset the controller: then the path is down',
  },
  connecting: {
    carries: 0,
    meaning: 'The controller is being connected for the first time.',
    setBy: 'the association, until its first controller is ready on this reactor',
  },
  down: {
    carries: 0,
    meaning: 'The connection was lost; it is being made anew.',
    setBy: 'the association, when a queue of the controller ended',
  },
  disabled: {
    carries: 0,
    meaning: 'The administrator took it out.',
    setBy: 'the administrator, by `causeway path fail`; `causeway path restore` ends it',
  },
  removed: {
    carries: 0,
    meaning: 'The volume is no longer reached this way; the path goes when its last command has ended.',
    setBy: 'the host, when the path is taken out or the array removed the volume',
  },
} as const satisfies Record<string, { carries: PathRank; meaning: string; setBy: string }>;

export type PathState = keyof typeof pathStates;

/** Every state; the place in this list stands for it in counters, where 0 is a path that nothing is known of yet. */
export const pathStateNames: readonly PathState[] = [
  'connecting',
  'live-optimized',
  'live-non-optimized',
  'inaccessible',
  'down',
  'disabled',
  'removed',
  'probation',
  'suspect',
];

/** What the array says of a volume on one controller. `optimized` where it reports nothing. */
export type Access = 'optimized' | 'non-optimized' | 'inaccessible' | 'transitioning' | 'lost';

/** The facts a state is made of, each with one owner. */
export interface PathFacts {
  /** The administrator's. */
  readonly disabled: boolean;
  /** The host's. */
  readonly removed: boolean;
  /** The queue pair's: it is open on this reactor. */
  readonly open: boolean;
  /** The queue pair's: it was open before. */
  readonly wasOpen: boolean;
  /** Multipath's: it has to stay up for a while (comebacks.ts). */
  readonly onProbation: boolean;
  /** Multipath's: nothing comes back over it (health.ts). */
  readonly suspect: boolean;
  /** The array's. */
  readonly access: Access;
}

/** The state that follows from the facts; the strongest reason not to use a path is the one that is shown. */
export function pathState(facts: PathFacts): PathState {
  if (facts.removed) return 'removed';
  if (facts.disabled) return 'disabled';
  if (!facts.open) return facts.wasOpen ? 'down' : 'connecting';
  if (facts.access !== 'optimized' && facts.access !== 'non-optimized') return 'inaccessible';
  if (facts.suspect) return 'suspect';
  if (facts.onProbation) return 'probation';
  return facts.access === 'optimized' ? 'live-optimized' : 'live-non-optimized';
}

export function pathRank(state: PathState): PathRank {
  return pathStates[state].carries;
}
