/**
 * A memory volume as a kernel device: ours over FUSE (both transports) and a loop device, against qemu-storage-daemon's
 * FUSE export with the same loop device over it, and a loop device over a file with nothing in user space: the floor.
 */
import type { AttachOptions } from '../../src/host/contract.ts';
import type { BenchCase, CaseReport, Goal, TitledTable } from '../case.ts';
import { fillDevice, runFio } from '../fio.ts';
import { loopOver } from '../peers/loop.ts';
import { exportWithQemu } from '../peers/qemu.ts';
import { makeImage, makeTmpfs } from '../peers/tmpfs.ts';
import type { Rig } from '../rig.ts';
import { type Contestant, type Series, seriesOf, takeTurns } from '../rounds.ts';
import { namePrefix } from '../leftovers.ts';
import { Subject } from '../subject-client.ts';
import type { WatchedProcess } from '../cpu-time.ts';
import { mediansOf, ratio, summarize } from '../summary.ts';
import { percent, shortNumber, times } from '../table.ts';
import { randomRead1, randomRead32, randomWrite32, read128k, type Workload, write128k } from '../workloads.ts';

const blockBytes = 4096;
const uring = 'ours, io_uring';
const classic = 'ours, classic';
const qemu = 'qemu';
const floor = 'loop alone';

const workloads = [randomRead1, randomRead32, randomWrite32, read128k, write128k];
/** How often the peer's IOPS ours shall be, over io_uring. */
const goals = new Map<Workload, number>([
  [randomRead1, 1.3],
  [randomRead32, 2.5],
  [randomWrite32, 1.5],
  [read128k, 3],
  [write128k, 3],
]);

function onDevice(name: string, device: string, processes: readonly WatchedProcess[]): Contestant {
  return { name, processes, measure: (workload, seconds) => runFio(device, workload, seconds) };
}

async function ours(rig: Rig, name: string, fuseTransport: 'uring' | 'classic'): Promise<Contestant> {
  const { subject } = await Subject.start('causeway', rig.cleanup);
  await subject.call('host.start', {});
  const options: AttachOptions = { name: `${namePrefix}${fuseTransport}`, kernelDevice: 'fuse', fuseTransport };
  const url = `mem:${rig.volumeBytes}?block-size=${blockBytes}`;
  const { device } = await subject.call('host.attach', { urls: [url], options });
  await fillDevice(device);
  return onDevice(name, device, [subject.watched]);
}

async function peers(rig: Rig): Promise<Contestant[]> {
  const directory = await makeTmpfs(2 * rig.volumeBytes, rig.cleanup);
  const exported = await exportWithQemu(makeImage(directory, 'qemu', rig.volumeBytes), rig.cleanup);
  const overQemu = await loopOver(exported.file, blockBytes, rig.cleanup);
  await fillDevice(overQemu);
  const alone = await loopOver(makeImage(directory, 'alone', rig.volumeBytes), blockBytes, rig.cleanup);
  await fillDevice(alone);
  return [onDevice(qemu, overQemu, [exported.process]), onDevice(floor, alone, [])];
}

function iopsTable(all: readonly Series[], names: readonly string[]): TitledTable {
  return {
    title: 'IOPS (median, and the distance between the extremes), and ours over io_uring as a multiple of',
    head: ['', ...names.flatMap((name) => [name, '±']), '× qemu', '× loop alone', 'classic × qemu'],
    rows: workloads.map((workload) => {
      const of = (name: string): number => iopsOf(all, name, workload);
      const cells = names.flatMap((name) => {
        const { median, spread } = summarize(seriesOf(all, name, workload).samples.map((sample) => sample.iops));
        return [shortNumber(median), percent(spread)];
      });
      const ratios = [ratio(of(uring), of(qemu)), ratio(of(uring), of(floor)), ratio(of(classic), of(qemu))];
      return [workload.name, ...cells, ...ratios.map(times)];
    }),
  };
}

function iopsOf(all: readonly Series[], name: string, workload: Workload): number {
  return summarize(seriesOf(all, name, workload).samples.map((sample) => sample.iops)).median;
}

function costTable(all: readonly Series[], names: readonly string[]): TitledTable {
  return {
    title:
      'Median latency in µs, and CPU seconds per million I/Os of all parts together (load generator, kernel threads)',
    head: ['', ...names.flatMap((name) => [name, 'CPU'])],
    rows: workloads.map((workload) => [
      workload.name,
      ...names.flatMap((name) => {
        const { samples } = seriesOf(all, name, workload);
        const latency = summarize(samples.map((sample) => sample.p50)).median;
        const parts = Object.values(mediansOf(samples.map((sample) => sample.cpuPerMillion)));
        return [shortNumber(latency), shortNumber(parts.reduce((sum, one) => sum + one, 0))];
      }),
    ]),
  };
}

async function run(rig: Rig): Promise<CaseReport> {
  const contestants = [await ours(rig, uring, 'uring'), await ours(rig, classic, 'classic'), ...(await peers(rig))];
  const series = await takeTurns(contestants, workloads, rig);
  const names = contestants.map(({ name }) => name);
  const reached = [...goals].map(([workload, wanted]): Goal => {
    const value = ratio(iopsOf(series, uring, workload), iopsOf(series, qemu, workload));
    return {
      what: `${workload.name}, io_uring transport, against qemu-storage-daemon`,
      wanted,
      reached: value,
      unit: 'times',
    };
  });
  return { tables: [iopsTable(series, names), costTable(series, names)], goals: reached, series };
}

export const kernelDevice: BenchCase = {
  name: 'kernel-device',
  title: 'A memory volume as a kernel device: FUSE and loop',
  needs: { fio: 'fio', 'qemu-storage-daemon': 'qemu-system-common' },
  run,
};
