/**
 * A selector names the path of the next command. It is a pure function of a snapshot (the board: who carries I/O and has
 * room, loads, latencies, weights, whose turn it was), of the command's size, the time and a random number. It keeps
 * nothing and changes nothing; what it needs to remember stands on the board, which `PathSet` keeps.
 */
import type { Board } from './selectors/board.ts';
import { failoverOnly } from './selectors/failover-only.ts';
import { latency } from './selectors/latency.ts';
import { leastBlocks } from './selectors/least-blocks.ts';
import { queueDepth } from './selectors/queue-depth.ts';
import { roundRobin } from './selectors/round-robin.ts';
import { serviceTime } from './selectors/service-time.ts';
import { weighted } from './selectors/weighted.ts';

export interface Selector {
  /**
   * The index of a path that carries I/O and has room; -1 when none has.
   * @param bytes payload of the command that is to be sent
   * @param now reactor's clock, milliseconds
   * @param chance 32 random bits, or 0 unless `usesChance`
   */
  readonly choose: (board: Board, bytes: number, now: number, chance: number) => number;
  /** By what paths with room are ranked, the least first; null: no ranking is needed. Changes with that path's load only. */
  readonly key: ((board: Board, index: number) => number) | null;
  /** A ranking for each different throughput (weight) instead of one for all. */
  readonly tellsThroughputs: boolean;
  readonly usesChance: boolean;
  /** It names one path only, the same on all reactors of the device (`Board.active`). */
  readonly keepsToOne: boolean;
  /** A second copy of a slow read may go over another path than the one it names. */
  readonly mayHedge: boolean;
}

export const selectorNames = [
  'queue-depth',
  'round-robin',
  'least-blocks',
  'service-time',
  'latency',
  'weighted',
  'failover-only',
] as const;

/** Weights of paths are whole numbers from 1 to this. */
export const maxWeight = 1000;

export type SelectorName = (typeof selectorNames)[number];

export const selectors: Readonly<Record<SelectorName, Selector>> = {
  'queue-depth': queueDepth,
  'round-robin': roundRobin,
  'least-blocks': leastBlocks,
  'service-time': serviceTime,
  latency,
  weighted,
  'failover-only': failoverOnly,
};

export function isSelectorName(text: string): text is SelectorName {
  return Object.hasOwn(selectors, text);
}
