/**
 * A process that is measured: runs a host, or the embedded array, and does what the benchmark asks for over the process's
 * message channel. When that channel ends, for whatever reason, it takes down what it has and ends.
 */
import { defined } from '../src/base/assert.ts';
import { startArray, type ArrayHandle, type ArrayOptions, type PortState } from '../src/demo/array-thread.ts';
import type { AttachOptions } from '../src/host/contract.ts';
import type { GeneratorPlan, GeneratorResult } from '../src/host/generator.ts';
import { type CausewayHost, type HostOptions, startHost } from '../src/host/host.ts';
import { answerCall, type CallMessage, fromThread, type Methods } from '../src/host/rpc.ts';
import type { ServedVolume } from '../src/host/served-volume.ts';
import type { VerifierPlan, VerifierResult } from '../src/host/verifier.ts';
import type { DeviceView } from '../src/host/view.ts';
import type { SelectorName } from '../src/multipath/selector.ts';

let host: CausewayHost | null = null;
let array: ArrayHandle | null = null;
const arrays: ArrayHandle[] = [];
const volumes = new Map<string, ServedVolume>();

function volumeOf(name: string): ServedVolume {
  return defined(volumes.get(name), 'a volume of this name');
}

const methods = {
  'host.start': async (options: HostOptions): Promise<void> => {
    host = await startHost(options);
  },
  'host.attach': async (order: { urls: readonly string[]; options: AttachOptions }): Promise<DeviceView> => {
    const volume = await defined(host, 'a host').attach(order.urls, order.options);
    volumes.set(volume.name, volume);
    return volume.view();
  },
  'host.detach': async (name: string): Promise<void> => {
    await volumeOf(name).detach({ force: true });
    volumes.delete(name);
  },
  'host.view': async (name: string): Promise<DeviceView> => volumeOf(name).view(),
  'host.selector': ({ name, selector }: { name: string; selector: SelectorName }): Promise<void> =>
    volumeOf(name).setPolicy({ selector }),
  'host.generate': (order: { name: string; plan: GeneratorPlan }): Promise<GeneratorResult> => {
    const { device } = volumeOf(order.name).source;
    return defined(host, 'a host').lead.call<GeneratorResult>('generator.run', { device, plan: order.plan });
  },
  /** A verified load on each of the volumes at once; the results in their order. */
  'host.verify': async (order: { names: readonly string[]; plan: VerifierPlan }): Promise<VerifierResult[]> => {
    const { lead } = defined(host, 'a host');
    const devices = order.names.map((name) => volumeOf(name).source.device);
    return await Promise.all(
      devices.map((device) => lead.call<VerifierResult>('verifier.run', { device, plan: order.plan })),
    );
  },
  /** How many paths of all volumes are in which state. */
  'host.paths': async (): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {};
    for (const volume of volumes.values()) {
      for (const { state } of volume.view().paths) counts[state] = (counts[state] ?? 0) + 1;
    }
    return counts;
  },
  'host.memory': async (): Promise<number> => {
    const usage = await defined(host, 'a host').lead.call<{ memoryBytes: number }>('usage', null);
    return usage.memoryBytes;
  },
  /** Several arrays in one process; what leads to each. */
  'arrays.start': async (options: readonly ArrayOptions[]): Promise<string[]> => {
    for (const one of options) arrays.push(await startArray(one));
    return arrays.map(({ url }) => url);
  },
  /** Of every array. */
  'arrays.set-ports': async (order: { ports: readonly number[]; state: PortState }): Promise<void> => {
    await Promise.all(arrays.flatMap((one) => order.ports.map((port) => one.setPort(port, order.state))));
  },
  /** How many controllers all arrays have. */
  'arrays.controllers': async (): Promise<number> => {
    const all = await Promise.all(arrays.map((one) => one.stats()));
    return all.flatMap(({ controllers }) => controllers.filter(({ ended }) => !ended)).length;
  },
  'array.start': async (order: { options: ArrayOptions; cpu?: number }): Promise<string> => {
    array = await startArray(order.options, order.cpu);
    return array.url;
  },
  'array.fault': (order: { name: string; args: readonly unknown[] }): Promise<unknown> =>
    defined(array, 'an array').fault(order.name, order.args),
} as const satisfies Methods;

export type SubjectMethods = typeof methods;

async function takeDown(): Promise<void> {
  await host?.stop();
  await array?.stop();
  for (const one of arrays) await one.stop();
}

// Whoever presses Ctrl-C means the benchmark, which then tells us.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('message', (message) => {
  const call = fromThread<CallMessage>(message);
  void answerCall(methods, call).then((answer) => process.send?.(answer));
});
process.once('disconnect', () => {
  void takeDown().then(
    () => {},
    (error: unknown) => {
      console.error(error);
      process.kill(process.pid, 'SIGKILL');
    },
  );
});
