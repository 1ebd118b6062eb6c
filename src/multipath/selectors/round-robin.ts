import type { Candidate } from '../selector.ts';

/** Each path in turn; one that has no room is passed over. */
export function roundRobin(candidates: readonly Candidate[], last: number): number {
  const count = candidates.length;
  for (let step = 1; step <= count; step += 1) {
    const index = (last + step) % count;
    if (candidates[index]!.hasRoom) return index;
  }
  return -1;
}
