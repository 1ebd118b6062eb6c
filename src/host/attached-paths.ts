/** What has to be known of a volume's paths between attaching it and serving it: for the host, and the simulator's. */
import type { DeviceStatistics } from '../multipath/statistics.ts';
import { mergedPathState } from './volume-counters.ts';
import { type AttachedVolume, liveIndexes } from './volume-lead.ts';

/** Between two looks whether the paths are known everywhere, and how long that may take. Milliseconds. */
const placingStep = 5;
const longestPlacing = 500;

/**
 * How many of the reactors serve the volume. An array may grant fewer I/O queues than there are reactors. A reactor
 * without one on some controller would have fewer paths than the others, or none, and let requests wait although a path
 * lives.
 */
export function reactorsServed(reactors: number, { associations }: AttachedVolume): number {
  const granted = associations.filter(({ state }) => state === 'live').map(({ queues }) => queues);
  return Math.max(1, Math.min(reactors, ...granted));
}

/**
 * Waits until the paths that live are known to all reactors that serve: word of them is on its way. A path that a
 * reactor refuses is not waited for longer than that.
 * @param statistics of the reactors that serve
 */
export async function pathsPlaced(
  attached: AttachedVolume,
  statistics: readonly DeviceStatistics[],
  sleep: (milliseconds: number) => Promise<unknown>,
): Promise<void> {
  const live = liveIndexes(attached);
  for (let waited = 0; waited < longestPlacing; waited += placingStep) {
    if (live.every((index) => mergedPathState(statistics, index) !== 'connecting')) return;
    await sleep(placingStep);
  }
}
