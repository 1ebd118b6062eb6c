/** An initiator and an array, a process each, and each reactor on a CPU of its own. */
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
}

const fillPlan = { pattern: 'write', blockBytes: 131_072, depth: 16, milliseconds: 120_000 } as const;

let pairs = 0;

/** Starts both, attaches the array's volume over `paths` paths, and writes it once. */
export async function fabricPair(rig: Rig, paths: number, kernelDevice: 'fuse' | 'none'): Promise<FabricPair> {
  const [first, second] = cpus();
  const { subject: array } = await Subject.start('array', rig.cleanup);
  const url = await array.call('array.start', {
    options: { ports: paths, sizeBytes: rig.volumeBytes, blockBytes: 4096 },
    ...(second === undefined ? {} : { cpu: second }),
  });
  const { subject: host } = await Subject.start('causeway', rig.cleanup);
  await host.call('host.start', first === undefined ? {} : { cpus: [first] });
  pairs += 1;
  const options = { name: `${namePrefix}pair-${pairs}`, kernelDevice, fuseTransport: 'uring' } as const;
  const volume = await host.call('host.attach', { urls: [url], options });
  await fill(rig, host, volume.name);
  return { host, array, volume };
}

async function fill(rig: Rig, host: Subject, name: string): Promise<void> {
  const requests = rig.volumeBytes / fillPlan.blockBytes;
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
