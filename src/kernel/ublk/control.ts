/** A ublk kernel device that stands: who uses it, how it is resized, flushed and taken away. */
import { CausewayError } from '../../base/errors.ts';
import { closeDescriptor } from '../../native/descriptors.ts';
import type { DeviceHolder } from '../../native/holders.ts';
import type { DetachOptions, KernelDevice, KernelHost, KernelShape, ServedQueues } from '../contract.ts';
import { deviceBusy, deviceHolders, realHolders } from '../in-use.ts';
import { removeLink } from '../link.ts';
import type { KeptRecord } from '../record.ts';
import { drained, notDrained, quiesced, whenLost } from '../served-queues.ts';
import type { UblkTraces } from '../traces.ts';
import { feature, sectorBytes } from './abi.ts';
import { UblkCommands } from './commands.ts';
import type { DeviceInfo } from './device-info.ts';
import { failAll } from './serve.ts';
import { askHelper, type UblkWork } from './work.ts';

/** What the kernel has cached may be much, and the array slow. */
const flushMilliseconds = 60_000;
const protectMilliseconds = 30_000;
/** As above, and the device stops when all its requests were answered. */
const stopMilliseconds = 60_000;
const forcedStopMilliseconds = 15_000;

export interface UblkParts {
  readonly info: DeviceInfo;
  /** What this kernel's driver can do. */
  readonly features: bigint;
  /** Of the character device. */
  readonly fd: number;
  readonly served: readonly ServedQueues[];
}

export class UblkDevice implements KernelDevice {
  readonly kind = 'ublk';
  readonly name: string;
  readonly path: string;
  readonly link: string | null;
  readonly notes: readonly string[];
  readonly transport: string;
  readonly survives: boolean;
  readonly made: KernelShape;
  readonly lost: Promise<string>;
  readonly #host: KernelHost;
  readonly #record: KeptRecord<UblkTraces>;
  readonly #parts: UblkParts;
  #leaving = false;
  #finishing: Promise<void> | null = null;

  constructor(
    host: KernelHost,
    record: KeptRecord<UblkTraces>,
    parts: UblkParts,
    linked: boolean,
    notes: readonly string[],
  ) {
    this.#host = host;
    this.#record = record;
    this.#parts = parts;
    this.name = record.name;
    const { device, link, survives, volume } = record.now;
    this.path = device ?? '';
    this.link = linked ? link : null;
    this.notes = linked ? notes : [...notes, `the name ${link} could not be made`];
    this.survives = survives;
    this.made = volume;
    const { queues, depth } = parts.info;
    this.transport = `ublk over io_uring, ${queues} ${queues === 1 ? 'queue' : 'queues'} of ${depth}`;
    this.lost = whenLost(this.#parts.served, () => this.#leaving, 'the ublk device was stopped by somebody else');
  }

  holders(): readonly DeviceHolder[] {
    return deviceHolders(this.path);
  }

  async flush(): Promise<void> {
    await this.#ask({ kind: 'flush' }, flushMilliseconds);
  }

  async resize(sizeBytes: number): Promise<void> {
    const { info, features } = this.#parts;
    if ((features & feature.updateSize) === 0n) {
      throw new CausewayError('kernel-device-failed', `this kernel cannot resize ${this.path} (Linux 6.16 can)`, {
        hint: 'The new size shows after a detach and another attach.',
      });
    }
    await this.#command((commands) => commands.updateSize(info.id, sizeBytes / sectorBytes));
    this.#record.update({ volume: { ...this.#record.now.volume, sizeBytes } });
  }

  async setReadOnly(readOnly: boolean): Promise<void> {
    await this.#ask({ kind: 'protect', readOnly }, protectMilliseconds);
  }

  async handOver(): Promise<void> {
    if (!this.survives) {
      throw new CausewayError('kernel-device-failed', `${this.path} (${this.name}) cannot be handed over`);
    }
    this.#leaving = true;
    await quiesced(this.#host, this.name, this.#parts.served);
    this.#record.update({ handedOver: true });
  }

  async detach(options: DetachOptions): Promise<void> {
    if (options.force) {
      this.#leaving = true;
      await failAll(this.#parts.served);
      await this.#ask({ kind: 'release' }, forcedStopMilliseconds);
    } else {
      await this.#leave();
    }
    // A forced detach may overtake an orderly one that is still writing back; what comes last comes once.
    this.#finishing ??= this.#finish();
    await this.#finishing;
  }

  async #leave(): Promise<void> {
    const holders = await realHolders(this.#host, this.path);
    if (holders.length > 0) throw deviceBusy(this.path, this.name, holders);
    this.#leaving = true;
    try {
      const canTry = (this.#parts.features & feature.safeStopDev) !== 0n;
      if (!(await this.#ask({ kind: 'detach', canTry }, stopMilliseconds))) return;
    } catch (error) {
      this.#leaving = false;
      throw error;
    }
    // Somebody opened it between the look and the deed: nothing has happened, and the device goes on.
    this.#leaving = false;
    throw deviceBusy(this.path, this.name, this.holders());
  }

  async #finish(): Promise<void> {
    removeLink(this.#record.now.link, this.path);
    if (await drained(this.#host, this.#parts.served)) {
      closeDescriptor(this.#parts.fd);
      await this.#command((commands) => commands.remove(this.#parts.info.id));
      this.#record.remove();
      return;
    }
    // The descriptor stays open: a reactor still uses it, and a number that is given out anew would be worse.
    throw notDrained(this.name);
  }

  /** True: somebody has it open, and nothing has changed. */
  async #ask(work: Omit<UblkWork, 'id' | 'tag'>, milliseconds: number): Promise<boolean> {
    const { tag } = this.#record.traces;
    const { held } = await askHelper(this.#host, { ...work, id: this.#parts.info.id, tag }, milliseconds);
    return held;
  }

  async #command<T>(work: (commands: UblkCommands) => Promise<T>): Promise<T> {
    const commands = new UblkCommands(this.#host);
    try {
      return await work(commands);
    } finally {
      commands.close();
    }
  }
}
