/** What writes that overlap nothing lose while ranges of the volume are in quarantine. */
import type { Goal, TitledTable } from '../case.ts';
import { type FabricPair, fabricPair } from '../fabric-pair.ts';
import { runFio } from '../fio.ts';
import type { Rig } from '../rig.ts';
import { type Contestant, type Series, seriesOf, takeTurns } from '../rounds.ts';
import { ratio, summarize } from '../summary.ts';
import { percent, shortNumber } from '../table.ts';
import { randomWrite32, type Workload } from '../workloads.ts';
import { until, viewOf } from './look.ts';
import { paths } from './scene.ts';

const blockBytes = 4096;
/** Writes that are lost with one path of four. */
const lostWrites = 50;
/** They lie in front of what is measured. */
const apart: Workload = { ...randomWrite32, name: '4k random write QD32, apart', offsetBytes: 1024 * blockBytes };
const wantedShare = 0.9;
const katoMilliseconds = 1000;
/** A sample begins only if the quarantine lasts so much longer than it, milliseconds: fio takes its time to start. */
const reserve = 1500;
/** From the loss until all four paths live again and the sample begins. */
const comeback = 4000;
const without = 'nothing in quarantine';
const within = `${lostWrites} ranges in quarantine`;
/** Commands are held in the array for longer than anything here takes. */
const heldMilliseconds = 600_000;

export interface QuarantineCost {
  readonly table: TitledTable;
  readonly goals: readonly Goal[];
  readonly series: readonly Series[];
}

export async function measureQuarantine(rig: Rig): Promise<QuarantineCost> {
  const pair = await fabricPair(rig, paths, 'fuse', {
    pinned: false,
    array: { crossControllerReset: false },
    attach: { keepAlive: katoMilliseconds, quiesceTime: rig.seconds * 1000 + reserve + comeback, flapLimit: 0 },
  });
  const series = await takeTurns([outside(pair), inside(pair)], [apart], rig);
  await pair.end();
  const share = ratio(iops(series, within), iops(series, without));
  return { table: table(series, share), goals: [goal(share)], series };
}

function outside(pair: FabricPair): Contestant {
  return {
    name: without,
    processes: [pair.host.watched, pair.array.watched],
    measure: async (workload, seconds) => {
      await until('the fence', async () => (await viewOf(pair)).fences.length === 0);
      return await runFio(pair.volume.device, workload, seconds);
    },
  };
}

function inside(pair: FabricPair): Contestant {
  let losses = 0;
  return {
    name: within,
    processes: [pair.host.watched, pair.array.watched],
    measure: async (workload, seconds) => {
      const left = Math.max(0, ...(await viewOf(pair)).fences.map(({ remaining }) => remaining));
      if (left < seconds * 1000 + reserve) {
        await until('the fence', async () => (await viewOf(pair)).fences.length === 0);
        await loseWrites(pair, (losses % paths) + 1);
        losses += 1;
      }
      const measured = await runFio(pair.volume.device, workload, seconds);
      const kept = rangesIn(await viewOf(pair));
      if (kept < lostWrites) throw new Error(`only ${kept} ranges were in quarantine to the end of the sample`);
      return measured;
    },
  };
}

function rangesIn({ fences }: Awaited<ReturnType<typeof viewOf>>): number {
  return fences.reduce((sum, { ranges }) => sum + ranges, 0);
}

/** Loses a path with `lostWrites` writes under way on it, and waits until all paths carry I/O again. */
async function loseWrites(pair: FabricPair, port: number): Promise<void> {
  const { array, host, volume } = pair;
  const all = Array.from({ length: paths }, (_unused, index) => index + 1);
  const hold = async (ports: readonly number[], milliseconds: number): Promise<void> => {
    for (const each of ports) {
      await array.call('array.fault', { name: 'delayExecution', args: [each, { milliseconds, writesOnly: true }] });
    }
  };
  await hold(all, heldMilliseconds);
  // One block after the other, as many on each path.
  const requests = paths * lostWrites;
  const plan = { pattern: 'write', blockBytes, depth: requests, milliseconds: 60_000, requests } as const;
  const writes = host.call('host.generate', { name: volume.name, plan });
  await until('the writes under way', async () => {
    const { paths: each } = await viewOf(pair);
    return each.every(({ counters }) => counters.inFlight >= lostWrites);
  });
  await array.call('array.fault', { name: 'cutPort', args: [port] });
  await hold(all, 0);
  const { errors } = await writes;
  if (errors > 0) throw new Error(`${errors} writes failed`);
  await until('all paths', async () => (await viewOf(pair)).paths.every(({ state }) => state === 'live-optimized'));
}

function iops(series: readonly Series[], name: string): number {
  return summarize(seriesOf(series, name, apart).samples.map((sample) => sample.iops)).median;
}

function table(series: readonly Series[], share: number): TitledTable {
  return {
    title: 'Writes that overlap nothing, while ranges elsewhere on the volume wait for a fence, and while none does',
    head: ['', 'IOPS', '±', 'p99 µs', 'share'],
    rows: [without, within].map((name) => {
      const { samples } = seriesOf(series, name, apart);
      const { median, spread } = summarize(samples.map((sample) => sample.iops));
      const p99 = summarize(samples.map((sample) => sample.p99)).median;
      return [name, shortNumber(median), percent(spread), shortNumber(p99), name === within ? percent(share) : ''];
    }),
  };
}

function goal(share: number): Goal {
  return {
    what: 'throughput of writes that overlap nothing during quarantine, as a share of that without',
    wanted: wantedShare,
    reached: share,
    unit: 'share',
  };
}
