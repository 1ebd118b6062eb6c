/** A FUSE kernel device that stands: who uses it, how it is resized, flushed and taken away. */
import { CausewayError } from '../../base/errors.ts';
import { describeHolder, type DeviceHolder, holdersOf } from '../../native/holders.ts';
import type { DetachOptions, KernelDevice, KernelHost, ServedQueues } from '../contract.ts';
import { askHelper } from './ask-helper.ts';
import { removeTraces } from './cleanup.ts';
import type { Places } from './places.ts';
import { type DeviceRecord, removeRecord } from './record.ts';
import type { FuseSession } from './session.ts';

/** What the kernel has cached may be much, and the array slow. */
const flushMilliseconds = 60_000;
const resizeMilliseconds = 30_000;
/** Requests are with the array; all paths down ends their waiting within 10 s. */
export const drainMilliseconds = 15_000;
/** Programs that look at every new device, and let go by themselves (udev). */
const lookers = new Set(['systemd-udevd', 'udevd', '(udev-worker)', 'blkid']);
const lookerMilliseconds = 3000;
const lookerStep = 50;

/** True once every reactor's queues have ended; false if one does not within the bound. */
export async function drained(host: KernelHost, served: readonly ServedQueues[]): Promise<boolean> {
  const all = Promise.all(served.map((queues) => queues.ended)).then(() => true);
  return (await Promise.race([all, host.sleep(drainMilliseconds)])) === true;
}

export class FuseDevice implements KernelDevice {
  readonly kind = 'fuse';
  readonly name: string;
  readonly path: string;
  readonly link: string | null;
  readonly notes: readonly string[];
  readonly transport: string;
  readonly lost: Promise<string>;
  readonly #host: KernelHost;
  readonly #places: Places;
  readonly #record: DeviceRecord;
  readonly #session: FuseSession;
  readonly #served: readonly ServedQueues[];
  #leaving = false;

  constructor(
    host: KernelHost,
    places: Places,
    record: DeviceRecord,
    session: FuseSession,
    served: readonly ServedQueues[],
    linked: boolean,
    notes: readonly string[],
  ) {
    this.#host = host;
    this.#places = places;
    this.#record = record;
    this.#session = session;
    this.#served = served;
    this.name = record.name;
    this.path = record.device ?? '';
    this.link = linked ? record.link : null;
    this.notes = linked ? notes : [...notes, `the name ${record.link} could not be made`];
    this.transport = session.transport === 'uring' ? 'FUSE over io_uring' : 'FUSE over /dev/fuse';
    this.lost = new Promise((resolve) => {
      for (const queues of served) {
        void queues.ended.then((failure) => {
          if (!this.#leaving) resolve(failure ?? 'the FUSE connection was aborted or unmounted');
        });
      }
    });
  }

  holders(): readonly DeviceHolder[] {
    return holdersOf(this.path.slice('/dev/'.length));
  }

  async flush(): Promise<void> {
    await askHelper(this.#host, { kind: 'flush', device: this.path, file: this.#record.mountPoint }, flushMilliseconds);
  }

  async resize(sizeBytes: number): Promise<void> {
    const work = { kind: 'resize', device: this.path, file: this.#record.mountPoint, sizeBytes } as const;
    await askHelper(this.#host, work, resizeMilliseconds);
  }

  async setReadOnly(readOnly: boolean): Promise<void> {
    const work = { kind: 'protect', device: this.path, file: this.#record.mountPoint, readOnly } as const;
    await askHelper(this.#host, work, resizeMilliseconds);
  }

  async detach(options: DetachOptions): Promise<void> {
    if (!options.force) {
      await this.#leave();
      await this.#finish();
      return;
    }
    try {
      await this.#abort();
    } finally {
      await this.#finish();
    }
  }

  /** Holders that are not just having a look. */
  async #realHolders(): Promise<readonly DeviceHolder[]> {
    const until = this.#host.now() + lookerMilliseconds;
    for (;;) {
      const found = this.holders();
      const looking = found.every((holder) => holder.kind === 'process' && lookers.has(holder.name));
      if (found.length === 0 || !looking || this.#host.now() > until) return found;
      await this.#host.sleep(lookerStep);
    }
  }

  #busy(holders: readonly DeviceHolder[]): CausewayError {
    const names = holders.length === 0 ? 'somebody who cannot be named' : holders.map(describeHolder).join(', ');
    return new CausewayError('kernel-device-busy', `${this.path} (${this.name}) is in use: ${names}`);
  }

  async #leave(): Promise<void> {
    const holders = await this.#realHolders();
    if (holders.length > 0) throw this.#busy(holders);
    const work = { kind: 'detach', device: this.path, file: this.#record.mountPoint } as const;
    const answer = await askHelper(this.#host, work, flushMilliseconds);
    // Somebody opened it between the look and the deed: the helper took it back, and the device goes on.
    if (answer.held) throw this.#busy(this.holders());
    this.#leaving = true;
    this.#session.unmount();
  }

  async #abort(): Promise<void> {
    this.#leaving = true;
    this.#session.abort();
    const work = { kind: 'release', device: this.path, file: this.#record.mountPoint } as const;
    try {
      await askHelper(this.#host, work, drainMilliseconds);
    } finally {
      // Last, because it is by the mounted path that the loop device is known for ours.
      this.#session.unmount();
    }
  }

  async #finish(): Promise<void> {
    removeTraces(this.#record);
    if (await drained(this.#host, this.#served)) {
      this.#session.close();
      removeRecord(this.#places, this.name);
      return;
    }
    // The descriptors stay open: a reactor still uses them, and a number that is given out anew would be worse.
    throw new CausewayError(
      'kernel-device-failed',
      `${this.name}: the device is gone, but requests of it did not come back within ${drainMilliseconds / 1000} s`,
    );
  }
}
