/** Waiting, within a bound, until the reactors are done with a device that was taken away. */
import type { KernelHost, ServedQueues } from './contract.ts';

/** Requests are with the array; all paths down ends their waiting within 10 s. */
export const drainMilliseconds = 15_000;

/** True once every reactor's queues have ended; false if one does not within the bound. */
export async function drained(host: KernelHost, served: readonly ServedQueues[]): Promise<boolean> {
  const all = Promise.all(served.map((queues) => queues.ended)).then(() => true);
  return (await Promise.race([all, host.sleep(drainMilliseconds)])) === true;
}
