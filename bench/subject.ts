/**
 * A process that is measured: runs a host, or the embedded array, and does what the benchmark asks for over the process's
 * message channel. When that channel ends, for whatever reason, it takes down what it has and ends.
 */
import { defined } from '../src/base/assert.ts';
import { startArray, type ArrayHandle, type ArrayOptions } from '../src/demo/array-thread.ts';
import type { AttachOptions } from '../src/host/contract.ts';
import type { GeneratorPlan, GeneratorResult } from '../src/host/generator.ts';
import { type CausewayHost, type HostOptions, startHost } from '../src/host/host.ts';
import { answerCall, type CallMessage, fromThread, type Methods } from '../src/host/rpc.ts';
import type { ServedVolume } from '../src/host/served-volume.ts';
import type { DeviceView } from '../src/host/view.ts';
import type { SelectorName } from '../src/multipath/selector.ts';

let host: CausewayHost | null = null;
let array: ArrayHandle | null = null;
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
  'host.detach': (name: string): Promise<void> => volumeOf(name).detach({ force: true }),
  'host.view': async (name: string): Promise<DeviceView> => volumeOf(name).view(),
  'host.selector': async ({ name, selector }: { name: string; selector: SelectorName }): Promise<void> => {
    const { device } = volumeOf(name).source;
    await defined(host, 'a host').callAll('volume.selector', () => ({ device, selector }));
  },
  'host.generate': (order: { name: string; plan: GeneratorPlan }): Promise<GeneratorResult> => {
    const { device } = volumeOf(order.name).source;
    return defined(host, 'a host').lead.call<GeneratorResult>('generator.run', { device, plan: order.plan });
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
