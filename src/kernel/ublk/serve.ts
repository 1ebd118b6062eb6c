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
  const { depth, maxIoBufBytes: payloadBytes } = info;
  const begun = spreadQueues(info.queues, host.reactors).map((queues, reactor) => {
    const slots = queues.length * depth;
    return host.serve(reactor, { kind: 'ublk', name, fd, queues, depth, slots, payloadBytes });
  });
  const ends = await Promise.allSettled(begun);
  for (const end of ends) if (end.status === 'fulfilled') served.push(end.value);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

/** The queues of each reactor that serves; each has at least one. */
export function spreadQueues(queues: number, reactors: number): number[][] {
  const serving = Math.min(reactors, queues);
  const lists: number[][] = Array.from({ length: serving }, () => []);
  for (let queue = 0; queue < queues; queue += 1) lists[queue % serving]?.push(queue);
  return lists;
}

/** Every request fails at once from now on. */
export async function failAll(served: readonly ServedQueues[]): Promise<void> {
  await Promise.all(served.map((queues) => queues.fail()));
}
