import type { Candidate } from '../selector.ts';

/**
 * The path with the fewest commands under way: a slow path fills up and so gets less. Among equals the one after the
 * last choice, so that light load is spread too.
 */
export function queueDepth(candidates: readonly Candidate[], last: number): number {
  const count = candidates.length;
  let best = -1;
  let least = Number.POSITIVE_INFINITY;
  let index = last + 1 >= count ? 0 : last + 1;
  for (let step = 0; step < count; step += 1) {
    const candidate = candidates[index]!;
    if (candidate.inFlight < least && candidate.hasRoom) {
      best = index;
      least = candidate.inFlight;
      if (least === 0) break;
    }
    index += 1;
    if (index === count) index = 0;
  }
  return best;
}
