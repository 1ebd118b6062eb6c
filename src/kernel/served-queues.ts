/** All queues of a device, on whatever reactors they are: what their ends mean, and waiting for them within a bound. */
import { CausewayError } from '../base/errors.ts';
import type { KernelHost, ServedQueues } from './contract.ts';

/** Requests are with the array; all paths down ends their waiting within 10 s. */
export const drainMilliseconds = 15_000;

async function within(host: KernelHost, all: Promise<unknown>): Promise<boolean> {
  return (await Promise.race([all.then(() => true), host.sleep(drainMilliseconds)])) === true;
}

/** True once every reactor's queues have ended; false if one does not within the bound. */
export async function drained(host: KernelHost, served: readonly ServedQueues[]): Promise<boolean> {
  return await within(host, Promise.all(served.map((queues) => queues.ended)));
}

/** What is said where they do not. */
export function notDrained(name: string): CausewayError {
  return new CausewayError(
    'kernel-device-failed',
    `${name}: the device is gone, but requests of it did not come back within ${drainMilliseconds / 1000} s`,
  );
}

/**
 * As ServedQueues.quiesce, of all of them.
 * @throws CausewayError `kernel-device-failed` if what was taken up is not answered within the bound
 */
export async function quiesced(host: KernelHost, name: string, served: readonly ServedQueues[]): Promise<void> {
  if (await within(host, Promise.all(served.map((queues) => queues.quiesce())))) return;
  throw new CausewayError(
    'kernel-device-failed',
    `${name}: requests were not answered within ${drainMilliseconds / 1000} s`,
  );
}

/**
 * As KernelDevice.lost: resolves when queues end although the device is not leaving.
 * @param otherwise what is said where they do not say why
 */
export function whenLost(
  served: readonly ServedQueues[],
  isLeaving: () => boolean,
  otherwise: string,
): Promise<string> {
  return new Promise((resolve) => {
    for (const queues of served) {
      void queues.ended.then((failure) => {
        if (!isLeaving()) resolve(failure ?? otherwise);
      });
    }
  });
}
