import type { Selector } from '../selector.ts';
import type { Board } from './board.ts';

/**
 * One path only: the first in order that carries I/O on all reactors, and that one for as long as it does (see
 * active-path.ts). While it has no room,
 * commands wait although others have: some arrays pay dearly for every change of path. An earlier path that
 * comes back does not take over by itself; one of a better rank does.
 */
export const failoverOnly: Selector = {
  choose: (board: Board) => (board.active !== -1 && board.hasRoom[board.active] === 1 ? board.active : -1),
  key: null,
  tellsThroughputs: false,
  usesChance: false,
  keepsToOne: true,
  mayHedge: false,
};
