/**
 * The whole way: fio on the kernel device, over FUSE and loop to the initiator, over four TCP paths to the array, and
 * back; against what its two halves, measured alone on the same CPUs, could make together at best if they took turns.
 */
import type { BenchCase, CaseReport, Goal, TitledTable } from '../case.ts';
import { type FabricPair, fabricPair, generated } from '../fabric-pair.ts';
import { fillDevice, runFio } from '../fio.ts';
import { cpus } from '../machine.ts';
import type { Rig } from '../rig.ts';
import { type Contestant, type Series, seriesOf, takeTurns } from '../rounds.ts';
import { namePrefix } from '../leftovers.ts';
import { Subject } from '../subject-client.ts';
import { inSeries, mediansOf, ratio, summarize } from '../summary.ts';
import { percent, shortNumber } from '../table.ts';
import { randomRead1, randomRead32, randomWrite32, read128k, type Workload } from '../workloads.ts';

const paths = 4;
const workloads = [randomRead1, randomRead32, randomWrite32, read128k];
const front = 'device alone (a)';
const back = 'fabric alone (b)';
const both = 'whole way';
const contestants = [front, back, both];
const wantedShare = 0.8;

/** A memory volume behind the kernel device, its reactor on the CPU where the whole way has its reactor too. */
async function deviceAlone(rig: Rig): Promise<Contestant> {
  const { subject } = await Subject.start('causeway', rig.cleanup);
  const [cpu] = cpus();
  await subject.call('host.start', cpu === undefined ? {} : { cpus: [cpu] });
  const options = { name: `${namePrefix}a`, kernelDevice: 'fuse', fuseTransport: 'uring' } as const;
  const { device } = await subject.call('host.attach', { urls: [`mem:${rig.volumeBytes}`], options });
  await fillDevice(device);
  const measure = (workload: Workload, seconds: number): ReturnType<typeof runFio> => runFio(device, workload, seconds);
  return { name: front, processes: [subject.watched], measure };
}

function throughAll(pair: FabricPair): Contestant {
  return {
    name: both,
    processes: [pair.host.watched, pair.array.watched],
    measure: (workload, seconds) => runFio(pair.volume.device, workload, seconds),
  };
}

function iops(all: readonly Series[], name: string, workload: Workload): number {
  return summarize(seriesOf(all, name, workload).samples.map((sample) => sample.iops)).median;
}

function reachedShare(all: readonly Series[], workload: Workload): number {
  const best = inSeries(iops(all, front, workload), iops(all, back, workload));
  return ratio(iops(all, both, workload), best);
}

function iopsTable(all: readonly Series[]): TitledTable {
  return {
    title: 'IOPS, and the whole way as a share of 1/(1/a + 1/b)',
    head: ['', 'a', '±', 'b', '±', 'whole', '±', '1/(1/a+1/b)', 'share', 'p50 µs', 'p99 µs'],
    rows: workloads.map((workload) => {
      const cells = contestants.flatMap((name) => {
        const { median, spread } = summarize(seriesOf(all, name, workload).samples.map((sample) => sample.iops));
        return [shortNumber(median), percent(spread)];
      });
      const best = inSeries(iops(all, front, workload), iops(all, back, workload));
      const { samples } = seriesOf(all, both, workload);
      const p50 = summarize(samples.map((sample) => sample.p50)).median;
      const p99 = summarize(samples.map((sample) => sample.p99)).median;
      const last = [shortNumber(best), percent(reachedShare(all, workload)), shortNumber(p50), shortNumber(p99)];
      return [workload.name, ...cells, ...last];
    }),
  };
}

function costTable(all: readonly Series[]): TitledTable {
  const parts = ['fio', 'kernel threads', 'reactor-0', 'array'];
  return {
    title: 'CPU seconds per million I/Os, by part',
    head: ['', '', ...parts, 'rest', 'all'],
    rows: workloads.flatMap((workload) =>
      contestants.map((name, place) => {
        const medians = mediansOf(seriesOf(all, name, workload).samples.map((sample) => sample.cpuPerMillion));
        const sum = Object.values(medians).reduce((a, b) => a + b, 0);
        const named = parts.map((part) => medians[part] ?? 0);
        const rest = sum - named.reduce((a, b) => a + b, 0);
        named.push(rest, sum);
        return [place === 0 ? workload.name : '', name].concat(named.map(shortNumber));
      }),
    ),
  };
}

async function run(rig: Rig): Promise<CaseReport> {
  const alone = await deviceAlone(rig);
  const fabric = generated(back, await fabricPair(rig, paths, 'none'));
  const pair = await fabricPair(rig, paths, 'fuse');
  const series = await takeTurns([alone, fabric, throughAll(pair)], workloads, rig);
  const goals = workloads.map(
    (workload): Goal => ({
      what: `${workload.name}, the whole way as a share of 1/(1/a + 1/b)`,
      wanted: wantedShare,
      reached: reachedShare(series, workload),
      unit: 'share',
    }),
  );
  return { tables: [iopsTable(series), costTable(series)], goals, series };
}

export const wholeWay: BenchCase = {
  name: 'whole-way',
  title: 'The whole way, from fio on the device to the array and back',
  needs: { fio: 'fio' },
  run,
};
