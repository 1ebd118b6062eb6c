import type { Selector } from '../selector.ts';
import type { Board } from './board.ts';

/** The path with the fewest bytes under way: large commands weigh more than small ones. Among equals as `queue-depth`. */
export const leastBlocks: Selector = {
  choose: (board: Board) => board.rankings[0]!.first,
  key: (board: Board, index: number) => board.bytesInFlight[index]!,
  tellsThroughputs: false,
  usesChance: false,
  keepsToOne: false,
  mayHedge: true,
};
