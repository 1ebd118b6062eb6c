/** The initiator alone against the embedded array over loopback TCP: no kernel device, load made on the reactor itself. */
import type { BenchCase, CaseReport, Goal, TitledTable } from '../case.ts';
import { fabricPair, generated } from '../fabric-pair.ts';
import type { Rig } from '../rig.ts';
import { type Series, seriesOf, takeTurns } from '../rounds.ts';
import { mediansOf, ratio, summarize } from '../summary.ts';
import { percent, shortNumber } from '../table.ts';
import { randomRead1, randomRead128, randomRead32, read128k, type Workload } from '../workloads.ts';

const workloads = [randomRead1, randomRead32, randomRead128, read128k];
const onePath = 'one path';
const fourPaths = 'four paths';
const wantedIops = 300_000;
const wantedShare = 0.95;

function medianIops(all: readonly Series[], name: string, workload: Workload): number {
  return summarize(seriesOf(all, name, workload).samples.map((sample) => sample.iops)).median;
}

function table(all: readonly Series[]): TitledTable {
  return {
    title: 'Initiator on one CPU, array on the other. CPU: seconds per million I/Os',
    head: ['', 'paths', 'IOPS', '±', 'MB/s', 'p50 µs', 'p99 µs', 'CPU initiator', 'CPU array', 'four/one'],
    rows: workloads.flatMap((workload) =>
      [onePath, fourPaths].map((name) => {
        const { samples } = seriesOf(all, name, workload);
        const iops = summarize(samples.map((sample) => sample.iops));
        const cpu = mediansOf(samples.map((sample) => sample.cpuPerMillion));
        const middle = (pick: (sample: (typeof samples)[number]) => number): string =>
          shortNumber(summarize(samples.map(pick)).median);
        const share = ratio(medianIops(all, fourPaths, workload), medianIops(all, onePath, workload));
        return [
          name === onePath ? workload.name : '',
          name === onePath ? '1' : '4',
          shortNumber(iops.median),
          percent(iops.spread),
          middle((sample) => sample.bytesPerSecond / 1e6),
          middle((sample) => sample.p50),
          middle((sample) => sample.p99),
          shortNumber(cpu['reactor-0'] ?? Number.NaN),
          shortNumber(cpu['array'] ?? Number.NaN),
          name === onePath ? '' : percent(share),
        ];
      }),
    ),
  };
}

async function run(rig: Rig): Promise<CaseReport> {
  const pairs = [await fabricPair(rig, 1, 'none'), await fabricPair(rig, 4, 'none')];
  const contestants = pairs.map((pair, index) => generated(index === 0 ? onePath : fourPaths, pair));
  const series = await takeTurns(contestants, workloads, rig);
  const most = Math.max(...[onePath, fourPaths].map((name) => medianIops(series, name, randomRead128)));
  const goals: Goal[] = [
    { what: '4k random read QD128, IOPS', wanted: wantedIops, reached: most, unit: 'number' },
    ...workloads.map((workload): Goal => {
      const reached = ratio(medianIops(series, fourPaths, workload), medianIops(series, onePath, workload));
      return { what: `${workload.name}, four paths as a share of one`, wanted: wantedShare, reached, unit: 'share' };
    }),
  ];
  return { tables: [table(series)], goals, series };
}

export const initiator: BenchCase = {
  name: 'initiator',
  title: 'The initiator alone against the embedded array',
  needs: { fio: 'fio' },
  run,
};
