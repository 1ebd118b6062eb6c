/** An initiator and an array, a process each, and each reactor on a CPU of its own. */
import type { ArrayOptions } from '../src/demo/array-thread.ts';
import type { AttachOptions } from '../src/host/contract.ts';
import type { DeviceView } from '../src/host/view.ts';
import { namePrefix } from './leftovers.ts';
import { cpus } from './machine.ts';
import type { Rig } from './rig.ts';
import type { Contestant } from './rounds.ts';
import { Subject } from './subject-client.ts';
import type { Measured } from './sample.ts';
import type { Workload } from './workloads.ts';

export interface FabricPair {
  readonly host: Subject;
  readonly array: Subject;
  readonly volume: DeviceView;
  /** Takes both down before the run ends. */
  readonly end: () => Promise<void>;
}

export interface PairOptions {
  readonly array?: ArrayOptions;
  readonly attach?: Partial<AttachOptions>;
  /** Each reactor stays on a CPU of its own (default), or goes where the kernel puts it. */
  readonly pinned?: boolean;
}

const fillPlan = { pattern: 'write', blockBytes: 131_072, depth: 16, milliseconds: 120_000 } as const;

let pairs = 0;

/** Starts both, attaches the array's volume over `paths` paths, and writes it once. */
export async function fabricPair(
  rig: Rig,
  paths: number,
  kernelDevice: 'fuse' | 'none',
  more: PairOptions = {},
): Promise<FabricPair> {
  const [first, second] = more.pinned === false ? [] : cpus();
  const { subject: array, end: endArray } = await Subject.start('array', rig.cleanup);
  const url = await array.call('array.start', {
    options: { ports: paths, sizeBytes: rig.volumeBytes, blockBytes: 4096, ...more.array },
    ...(second === undefined ? {} : { cpu: second }),
  });
  const { subject: host, end: endHost } = await Subject.start('causeway', rig.cleanup);
  await host.call('host.start', first === undefined ? {} : { cpus: [first] });
  pairs += 1;
  const name = `${namePrefix}pair-${pairs}`;
  const options: AttachOptions = { name, kernelDevice, fuseTransport: 'uring', isNew: true, ...more.attach };
  const volume = await host.call('host.attach', { urls: [url], options });
  await fill(volume.sizeBytes, host, volume.name);
  const end = async (): Promise<void> => {
    await endHost();
    await endArray();
  };
  return { host, array, volume, end };
}

async function fill(bytes: number, host: Subject, name: string): Promise<void> {
  const requests = bytes / fillPlan.blockBytes;
  const { completed, errors } = await host.call('host.generate', { name, plan: { ...fillPlan, requests } });
  if (errors > 0 || completed < requests) throw new Error(`the volume could not be filled: ${errors} writes failed`);
}

/** As a contestant whose load is made on the reactor itself. */
export function generated(name: string, pair: FabricPair): Contestant {
  return {
    name,
    processes: [pair.host.watched, pair.array.watched],
    measure: async (workload: Workload, seconds: number): Promise<Measured> => {
      const { pattern, blockBytes, depth } = workload;
      const plan = { pattern, blockBytes, depth, milliseconds: seconds * 1000 };
      const result = await pair.host.call('host.generate', { name: pair.volume.name, plan });
      if (result.errors > 0) throw new Error(`${result.errors} requests of ${workload.name} failed`);
      const iops = (result.completed / result.milliseconds) * 1000;
      const { p50, p99 } = result.latency;
      return { completed: result.completed, iops, bytesPerSecond: iops * blockBytes, p50, p99, cpu: {} };
    },
  };
}
