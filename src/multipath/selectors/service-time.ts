import type { Selector } from '../selector.ts';
import type { Board } from './board.ts';

/**
 * The path on which the command would be done first if each path moved bytes as fast as its weight says: the least
 * (bytes under way + bytes of this command) / throughput. Among paths of one throughput that is the one with the fewest
 * bytes under way, whatever the command's size; so only the first of each throughput is looked at, at most `maxGroups`.
 */
export const serviceTime: Selector = {
  choose(board: Board, bytes: number): number {
    const { groupWeights, rankings } = board;
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let group = 0; group < groupWeights.length; group += 1) {
      const index = rankings[group]!.first;
      if (index === -1) continue;
      const time = (board.bytesInFlight[index]! + bytes) / groupWeights[group]!;
      if (time < least || (time === least && board.turns[index]! < board.turns[best]!)) {
        best = index;
        least = time;
      }
    }
    return best;
  },
  key: (board: Board, index: number) => board.bytesInFlight[index]!,
  tellsThroughputs: true,
  usesChance: false,
  keepsToOne: false,
  mayHedge: true,
};
