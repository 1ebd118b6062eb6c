import type { Selector } from '../selector.ts';
import type { Board } from './board.ts';

/**
 * Of two paths picked by chance the one whose next command should be back sooner: its smoothed latency (see
 * smoothed-latency.ts) times the commands that would then be under way. Two by chance are nearly as good as the best of
 * all, cost the same for any number of paths, and do not send everybody (other reactors, other hosts) to the same one.
 */
export const latency: Selector = {
  choose(board: Board, _bytes: number, now: number, chance: number): number {
    const { ready, readyCount } = board;
    if (readyCount === 0) return -1;
    if (readyCount === 1) return ready[0]!;
    // Two different places: one half of the random bits for each. There are at most 64, so 16 bits are even enough.
    const first = ((chance >>> 16) * readyCount) >>> 16;
    let second = ((chance & 0xffff) * (readyCount - 1)) >>> 16;
    if (second >= first) second += 1;
    return soonerOf(board, ready[first]!, ready[second]!, now);
  },
  key: null,
  tellsThroughputs: false,
  usesChance: true,
  keepsToOne: false,
  mayHedge: true,
};

function soonerOf(board: Board, a: number, b: number, now: number): number {
  const costA = costOf(board, a, now);
  const costB = costOf(board, b, now);
  if (costA === costB) return board.turns[a]! < board.turns[b]! ? a : b;
  return costA < costB ? a : b;
}

function costOf(board: Board, index: number, now: number): number {
  const inFlight = board.inFlight[index]!;
  return board.latency.expected(index, inFlight > 0, now) * (inFlight + 1);
}
