/** Memory and time: resident size after start, for each volume and path; time from start to a usable device. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { BenchCase, CaseReport, TitledTable } from '../case.ts';
import { fillDevice } from '../fio.ts';
import { type Resident, resident } from '../process-memory.ts';
import type { Rig } from '../rig.ts';
import { namePrefix } from '../leftovers.ts';
import { Subject } from '../subject-client.ts';
import { summarize } from '../summary.ts';
import { percent } from '../table.ts';

const volumeBytes = 256 * 1024 * 1024;
const volumes = 8;
const paths = 4;
const entry = fileURLToPath(new URL('../../../bin/causeway.js', import.meta.url));
/** A demonstration is up long before, or it never will be. Milliseconds. */
const readyMilliseconds = 60_000;

/** An array with several volumes; returns what leads to each, over so many of its ports. */
async function manyVolumes(rig: Rig): Promise<(volume: number, count: number) => string> {
  const { subject } = await Subject.start('array', rig.cleanup);
  const url = await subject.call('array.start', {
    options: {
      ports: paths,
      advanced: {
        volumes: Array.from({ length: volumes + 2 }, (_, index) => ({
          name: `volume-${index + 1}`,
          sizeBytes: volumeBytes,
          blockBytes: 4096,
        })),
      },
    },
  });
  const [, addresses = '', subsystem = ''] = /^nvme\+tcp:\/\/([^/]+)\/(.*)$/.exec(url) ?? [];
  return (volume, count) => {
    const some = addresses.split(',').slice(0, count).join(',');
    return `nvme+tcp://${some}/${subsystem}?nsid=${volume}`;
  };
}

interface Sizes {
  readonly started: Resident;
  readonly onePath: number;
  readonly perPath: number;
  readonly perVolume: number;
  readonly kernelDevice: number;
  readonly kernelDeviceUsed: number;
}

async function sizesOf(rig: Rig, url: (volume: number, count: number) => string): Promise<Sizes> {
  const { subject, end } = await Subject.start('causeway', rig.cleanup);
  await subject.call('host.start', {});
  const read = async (): Promise<number> => {
    // What is garbage may go first: the engine collects when idle.
    await new Promise((resolve) => setTimeout(resolve, 500));
    return resident(subject.pid).anonymous;
  };
  const attach = (volume: number, count: number, kernelDevice: 'none' | 'fuse'): ReturnType<Subject['call']> =>
    subject.call('host.attach', {
      urls: [url(volume, count)],
      options: { name: `${namePrefix}v${volume}`, kernelDevice, fuseTransport: 'uring' },
    });
  await read();
  const started = resident(subject.pid);
  await attach(1, 1, 'none');
  const withOne = await read();
  await subject.call('host.detach', `${namePrefix}v1`);
  const without = await read();
  for (let volume = 1; volume <= volumes; volume += 1) await attach(volume, paths, 'none');
  const withAll = await read();
  const view = await subject.call('host.attach', {
    urls: [url(volumes + 1, paths)],
    options: { name: `${namePrefix}device`, kernelDevice: 'fuse', fuseTransport: 'uring' },
  });
  const withDevice = await read();
  await fillDevice(view.device);
  const used = await read();
  await end();
  const onePath = withOne - started.anonymous;
  const perVolume = (withAll - without) / volumes;
  return {
    started,
    onePath,
    perVolume,
    perPath: (perVolume - onePath) / (paths - 1),
    kernelDevice: withDevice - withAll - perVolume,
    kernelDeviceUsed: used - withDevice,
  };
}

/** Milliseconds from the start of `causeway demo` until it says that its device is usable. */
async function startTime(rig: Rig, round: number): Promise<number> {
  const before = performance.now();
  const name = `${namePrefix}demo-${round}`;
  const child = fork(entry, ['demo', '--json', '--name', name], { silent: true, detached: true });
  const end = rig.cleanup.add(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), readyMilliseconds);
    await gone;
    clearTimeout(timer);
  });
  const timer = setTimeout(() => child.kill('SIGTERM'), readyMilliseconds);
  try {
    if (child.stdout === null) throw new Error('the demonstration has no output');
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.includes('"ready"')) return performance.now() - before;
    }
    throw new Error('the demonstration ended without a device');
  } finally {
    clearTimeout(timer);
    await end();
  }
}

const mebibytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);

async function run(rig: Rig): Promise<CaseReport> {
  const url = await manyVolumes(rig);
  const sizes: Sizes[] = [];
  const times: number[] = [];
  for (let round = 0; round < rig.rounds; round += 1) {
    rig.say(`round ${round + 1}`);
    sizes.push(await sizesOf(rig, url));
    times.push(await startTime(rig, round));
  }
  const row = (what: string, pick: (one: Sizes) => number): string[] => {
    const { median, spread } = summarize(sizes.map(pick));
    return [what, mebibytes(median), percent(spread)];
  };
  const memory: TitledTable = {
    title: 'Resident memory of a host process with one reactor, MiB (anonymous memory, but for the first row)',
    head: ['', 'MiB', '±'],
    rows: [
      row('after start, with the program files that are mapped', (one) => one.started.all),
      row('after start', (one) => one.started.anonymous),
      row('a volume with one path', (one) => one.onePath),
      row(`a volume with ${paths} paths`, (one) => one.perVolume),
      row('each further path', (one) => one.perPath),
      row('a kernel device, fresh', (one) => one.kernelDevice),
      row('a kernel device, after large I/O, in addition', (one) => one.kernelDeviceUsed),
    ],
  };
  const { median, spread } = summarize(times);
  const time: TitledTable = {
    title: 'Time from the start of `causeway demo` to a usable device',
    head: ['', 's', '±'],
    rows: [['array, four paths, kernel device', (median / 1000).toFixed(2), percent(spread)]],
  };
  return { tables: [memory, time], goals: [], series: [], extra: { sizes, startMilliseconds: times } };
}

export const footprint: BenchCase = {
  name: 'footprint',
  title: 'Memory and start',
  needs: { fio: 'fio' },
  run,
};
