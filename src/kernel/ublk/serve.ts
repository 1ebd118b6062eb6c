/** Which reactor serves which queues of a ublk device. */
import type { KernelHost, ServedQueues } from '../contract.ts';
import type { DeviceInfo } from './device-info.ts';

/** Lets the reactors serve all queues; those that do so far stand in `served`, whatever happens. */
export async function serveQueues(
  host: KernelHost,
  name: string,
  fd: number,
  info: DeviceInfo,
  served: ServedQueues[],
): Promise<void> {
  const serving = Math.min(host.reactors, info.queues);
  for (let reactor = 0; reactor < serving; reactor += 1) {
    const queues: number[] = [];
    for (let queue = reactor; queue < info.queues; queue += serving) queues.push(queue);
    const { depth, maxIoBufBytes: payloadBytes } = info;
    const slots = queues.length * depth;
    served.push(await host.serve(reactor, { kind: 'ublk', name, fd, queues, depth, slots, payloadBytes }));
  }
}

/** Every request fails at once from now on. */
export async function failAll(served: readonly ServedQueues[]): Promise<void> {
  await Promise.all(served.map((queues) => queues.fail()));
}
