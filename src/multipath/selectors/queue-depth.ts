import type { Selector } from '../selector.ts';
import type { Board } from './board.ts';

/**
 * The path with the fewest commands under way: a slow path fills up and so gets less. Among equals the one that was used
 * longest ago, so that light load is spread too.
 */
export const queueDepth: Selector = {
  choose: (board: Board) => board.rankings[0]!.first,
  key: (board: Board, index: number) => board.inFlight[index]!,
  tellsThroughputs: false,
  usesChance: false,
  keepsToOne: false,
  mayHedge: true,
};
