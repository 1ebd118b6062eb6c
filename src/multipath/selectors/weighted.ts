import type { Selector } from '../selector.ts';
import type { Board } from './board.ts';

/**
 * Each path as many commands as its weight says, evenly spread: of weights 5, 1 and 1 the first takes five of seven, not
 * five in a row. The path whose next command is due first takes it; a path of weight w is due w times in every unit of
 * that time. This gives the order of smooth weighted round robin without a look at every path.
 */
export const weighted: Selector = {
  choose: (board: Board) => board.rankings[0]!.first,
  key: (board: Board, index: number) => board.dues[index]!,
  tellsThroughputs: false,
  usesChance: false,
  keepsToOne: false,
  mayHedge: true,
};
