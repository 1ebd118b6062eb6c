/** One of four paths answers 20 ms late: what is left of the throughput, by selector. */
import type { Goal, TitledTable } from '../case.ts';
import { type FabricPair, fabricPair } from '../fabric-pair.ts';
import { runFio } from '../fio.ts';
import type { Rig } from '../rig.ts';
import { type Contestant, type Series, seriesOf, takeTurns } from '../rounds.ts';
import { ratio, summarize } from '../summary.ts';
import { percent, shortNumber } from '../table.ts';
import { randomRead32 } from '../workloads.ts';
import { paths } from './scene.ts';

const delayMilliseconds = 20;
const wantedShare = 0.7;
/** The last one is measured for comparison: it sends a quarter of everything over the slow path. */
const selectors = ['queue-depth', 'latency', 'round-robin'] as const;
type Selector = (typeof selectors)[number];
const withGoal: readonly Selector[] = ['queue-depth', 'latency'];

export interface SlowPath {
  readonly table: TitledTable;
  readonly goals: readonly Goal[];
  readonly series: readonly Series[];
}

export async function measureSlowPath(rig: Rig): Promise<SlowPath> {
  const pair = await fabricPair(rig, paths, 'fuse', { pinned: false });
  const contestants = selectors.flatMap((selector) => [
    contestant(pair, selector, 0),
    contestant(pair, selector, delayMilliseconds),
  ]);
  const series = await takeTurns(contestants, [randomRead32], rig);
  await pair.end();
  return { table: table(series), goals: goals(series), series };
}

function nameOf(selector: Selector, delay: number): string {
  return delay === 0 ? selector : `${selector}, one path slow`;
}

function contestant({ host, array, volume }: FabricPair, selector: Selector, delay: number): Contestant {
  return {
    name: nameOf(selector, delay),
    processes: [host.watched, array.watched],
    measure: async (workload, seconds) => {
      await host.call('host.selector', { name: volume.name, selector });
      await array.call('array.fault', { name: 'delayAnswers', args: [1, delay] });
      return await runFio(volume.device, workload, seconds);
    },
  };
}

function iops(series: readonly Series[], selector: Selector, delay: number): number {
  const { samples } = seriesOf(series, nameOf(selector, delay), randomRead32);
  return summarize(samples.map((sample) => sample.iops)).median;
}

function shareOf(series: readonly Series[], selector: Selector): number {
  return ratio(iops(series, selector, delayMilliseconds), iops(series, selector, 0));
}

function table(series: readonly Series[]): TitledTable {
  const cells = (selector: Selector, delay: number): string[] => {
    const { samples } = seriesOf(series, nameOf(selector, delay), randomRead32);
    const { median, spread } = summarize(samples.map((sample) => sample.iops));
    const p99 = summarize(samples.map((sample) => sample.p99)).median;
    return [shortNumber(median), percent(spread), shortNumber(p99)];
  };
  return {
    title: `${randomRead32.name} while one of ${paths} paths answers ${delayMilliseconds} ms late`,
    head: ['selector', 'IOPS', '±', 'p99 µs', 'IOPS, one slow', '±', 'p99 µs', 'share'],
    rows: selectors.map((selector) => {
      const row: string[] = [selector];
      row.push(...cells(selector, 0), ...cells(selector, delayMilliseconds), percent(shareOf(series, selector)));
      return row;
    }),
  };
}

function goals(series: readonly Series[]): Goal[] {
  return withGoal.map((selector) => ({
    what: `one path slow, ${selector}: share of the throughput that is left`,
    wanted: wantedShare,
    reached: shareOf(series, selector),
    unit: 'share',
  }));
}
