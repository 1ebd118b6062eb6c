import type { Selector } from '../selector.ts';
import type { Board } from './board.ts';

/**
 * Each path in turn, for at least `minimumRun` commands in a row; one without room is passed over. In turn means: the
 * path that was used longest ago. So one that had no room, or just came, is next, once.
 */
export const roundRobin: Selector = {
  choose(board: Board): number {
    const { last } = board;
    if (last !== -1 && board.run < board.minimumRun && board.hasRoom[last] === 1) return last;
    return board.rankings[0]!.first;
  },
  // All are equal, so that the ranking is by turns alone.
  key: () => 0,
  tellsThroughputs: false,
  usesChance: false,
  keepsToOne: false,
  mayHedge: true,
};
