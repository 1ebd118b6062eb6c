/** A FUSE kernel device that stands: who uses it, how it is resized, flushed and taken away. */
import { CausewayError } from '../../base/errors.ts';
import type { DeviceHolder } from '../../native/holders.ts';
import type { DetachOptions, KernelDevice, KernelHost, KernelShape, ServedQueues } from '../contract.ts';
import { deviceBusy, deviceHolders, realHolders } from '../in-use.ts';
import { endKeeper } from '../keeper.ts';
import { removeLink } from '../link.ts';
import type { KeptRecord } from '../record.ts';
import { drained, drainMilliseconds, notDrained, quiesced, whenLost } from '../served-queues.ts';
import type { FuseTraces } from '../traces.ts';
import { askHelper } from './ask-helper.ts';
import { removeMountPoint } from './cleanup.ts';
import type { FuseSession } from './session.ts';

/** What the kernel has cached may be much, and the array slow. */
const flushMilliseconds = 60_000;
const resizeMilliseconds = 30_000;

export class FuseDevice implements KernelDevice {
  readonly kind = 'fuse';
  readonly name: string;
  readonly path: string;
  readonly link: string | null;
  readonly notes: readonly string[];
  readonly transport: string;
  readonly survives: boolean;
  readonly made: KernelShape;
  readonly lost: Promise<string>;
  readonly #host: KernelHost;
  readonly #record: KeptRecord<FuseTraces>;
  readonly #file: string;
  readonly #session: FuseSession;
  readonly #served: readonly ServedQueues[];
  #leaving = false;

  constructor(
    host: KernelHost,
    record: KeptRecord<FuseTraces>,
    session: FuseSession,
    served: readonly ServedQueues[],
    linked: boolean,
    notes: readonly string[],
  ) {
    this.#host = host;
    this.#record = record;
    this.#file = record.traces.mountPoint;
    this.#session = session;
    this.#served = served;
    this.name = record.name;
    const { device, link, volume } = record.now;
    this.path = device ?? '';
    this.link = linked ? link : null;
    this.notes = linked ? notes : [...notes, `the name ${link} could not be made`];
    this.survives = session.canSurvive;
    this.made = volume;
    this.transport = session.transport === 'uring' ? 'FUSE over io_uring' : 'FUSE over /dev/fuse';
    this.lost = whenLost(this.#served, () => this.#leaving, 'the FUSE connection was aborted or unmounted');
  }

  holders(): readonly DeviceHolder[] {
    return deviceHolders(this.path);
  }

  async flush(): Promise<void> {
    await askHelper(this.#host, { kind: 'flush', device: this.path, file: this.#file }, flushMilliseconds);
  }

  async resize(sizeBytes: number): Promise<void> {
    const work = { kind: 'resize', device: this.path, file: this.#file, sizeBytes } as const;
    await askHelper(this.#host, work, resizeMilliseconds);
    this.#record.update({ volume: { ...this.#record.now.volume, sizeBytes } });
  }

  async setReadOnly(readOnly: boolean): Promise<void> {
    const work = { kind: 'protect', device: this.path, file: this.#file, readOnly } as const;
    await askHelper(this.#host, work, resizeMilliseconds);
  }

  async handOver(): Promise<void> {
    if (!this.survives) {
      throw new CausewayError('kernel-device-failed', `${this.path} (${this.name}) cannot be handed over`);
    }
    this.#leaving = true;
    await quiesced(this.#host, this.name, this.#served);
    this.#record.update({ handedOver: true });
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

  async #leave(): Promise<void> {
    const holders = await realHolders(this.#host, this.path);
    if (holders.length > 0) throw deviceBusy(this.path, this.name, holders);
    const work = { kind: 'detach', device: this.path, file: this.#file } as const;
    const answer = await askHelper(this.#host, work, flushMilliseconds);
    // Somebody opened it between the look and the deed: the helper took it back, and the device goes on.
    if (answer.held) throw deviceBusy(this.path, this.name, this.holders());
    this.#leaving = true;
    this.#session.unmount();
  }

  async #abort(): Promise<void> {
    this.#leaving = true;
    this.#session.abort();
    const work = { kind: 'release', device: this.path, file: this.#file } as const;
    try {
      await askHelper(this.#host, work, drainMilliseconds);
    } finally {
      // Last, because it is by the mounted path that the loop device is known for ours.
      this.#session.unmount();
    }
  }

  async #finish(): Promise<void> {
    removeLink(this.#record.now.link, this.path);
    removeMountPoint(this.#file);
    endKeeper(this.#record.traces.keeper);
    if (await drained(this.#host, this.#served)) {
      this.#session.close();
      this.#record.remove();
      return;
    }
    // The descriptors stay open: a reactor still uses them, and a number that is given out anew would be worse.
    throw notDrained(this.name);
  }
}
