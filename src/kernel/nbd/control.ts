/** An NBD kernel device that stands: who uses it, how it is resized, flushed and taken away. */
import { CausewayError } from '../../base/errors.ts';
import type { DeviceHolder } from '../../native/holders.ts';
import type { DetachOptions, KernelDevice, KernelHost, KernelShape } from '../contract.ts';
import { deviceBusy, deviceHolders, realHolders } from '../in-use.ts';
import { startKeeper } from '../keeper.ts';
import { removeLink } from '../link.ts';
import type { KeptRecord } from '../record.ts';
import { drained, drainMilliseconds, notDrained, quiesced, whenLost } from '../served-queues.ts';
import type { NbdTraces } from '../traces.ts';
import { DeathWatch } from './death-watch.ts';
import type { NbdSockets } from './sockets.ts';
import { askHelper } from './work.ts';

/** What the kernel has cached may be much, and the array slow. */
const flushMilliseconds = 60_000;
const changeMilliseconds = 30_000;

/** A forced detach ends what waits for a path within 10 s. */
const answeredMilliseconds = 12_000;

export class NbdDevice implements KernelDevice {
  readonly kind = 'nbd';
  readonly name: string;
  readonly path: string;
  readonly link: string | null;
  readonly notes: readonly string[];
  readonly transport: string;
  readonly survives: boolean;
  readonly made: KernelShape;
  readonly lost: Promise<string>;
  readonly #host: KernelHost;
  readonly #record: KeptRecord<NbdTraces>;
  readonly #sockets: NbdSockets;
  readonly #watch: DeathWatch | null;
  #leaving = false;
  /** The kernel was told of another size, and has not said yet that it knows. */
  #resizing = false;

  constructor(
    host: KernelHost,
    record: KeptRecord<NbdTraces>,
    sockets: NbdSockets,
    linked: boolean,
    notes: readonly string[],
  ) {
    this.#host = host;
    this.#record = record;
    this.#sockets = sockets;
    this.name = record.name;
    const { device, link, volume, survives } = record.now;
    this.path = device ?? '';
    this.link = linked ? link : null;
    this.notes = linked ? notes : [...notes, `the name ${link} could not be made`];
    this.survives = survives;
    this.#watch = survives ? null : new DeathWatch(this.path, record.traces.backend);
    this.made = volume;
    const { length } = sockets.served;
    this.transport = length === 1 ? 'NBD' : `NBD over ${length} connections`;
    this.lost = whenLost(this.#sockets.served, () => this.#leaving, 'the NBD device was disconnected');
  }

  get #where(): { readonly device: string; readonly backend: string } {
    return { device: this.path, backend: this.#record.traces.backend };
  }

  holders(): readonly DeviceHolder[] {
    return deviceHolders(this.path);
  }

  async flush(): Promise<void> {
    await askHelper(this.#host, { kind: 'flush', ...this.#where }, flushMilliseconds);
  }

  async resize(sizeBytes: number): Promise<void> {
    this.#resizing = true;
    await askHelper(this.#host, { kind: 'resize', ...this.#where, sizeBytes }, changeMilliseconds);
    this.#resizing = false;
    this.#record.update({ volume: { ...this.#record.now.volume, sizeBytes } });
  }

  async setReadOnly(readOnly: boolean): Promise<void> {
    await askHelper(this.#host, { kind: 'protect', ...this.#where, readOnly }, changeMilliseconds);
  }

  async handOver(): Promise<void> {
    if (!this.survives) {
      throw new CausewayError('kernel-device-failed', `${this.path} (${this.name}) cannot be handed over`);
    }
    this.#leaving = true;
    await quiesced(this.#host, this.name, this.#sockets.served);
    await this.#leaveConnection();
    this.#record.update({ handedOver: true });
  }

  /** Nothing of it is being received or sent any more. Without a keeper the next process gets a new one, and waits for more. */
  async #leaveConnection(): Promise<void> {
    try {
      this.#record.updateTraces({ keeper: await startKeeper(this.#sockets.only) });
    } catch (error) {
      if (!(error instanceof CausewayError)) throw error;
    }
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
    const wasLeaving = this.#leaving;
    this.#leaving = true;
    try {
      const answer = await askHelper(this.#host, { kind: 'detach', ...this.#where }, flushMilliseconds);
      // Somebody opened it between the look and the deed: nothing was changed.
      if (answer.held) throw deviceBusy(this.path, this.name, this.holders());
    } catch (error) {
      this.#leaving = wasLeaving;
      throw error;
    }
  }

  async #release(milliseconds: number): Promise<void> {
    await askHelper(this.#host, { kind: 'release', ...this.#where }, milliseconds);
  }

  /**
   * The connections first: whoever in the kernel waits to send over one holds what a disconnect needs, and would hold it
   * for as long as nothing is received here. Without connections the disconnect waits for nobody, and answers all
   * requests, sent, waiting for a connection or not sent yet, with errors.
   *
   * Not so while the kernel (from 6.12 on) changes the size: that holds what a disconnect needs until every request is
   * answered, and without a connection none would be. What waits for a path is being failed meanwhile.
   */
  async #abort(): Promise<void> {
    this.#leaving = true;
    if (this.#resizing) await this.#release(answeredMilliseconds).catch(() => {});
    this.#sockets.end();
    await this.#release(drainMilliseconds);
  }

  async #finish(): Promise<void> {
    removeLink(this.#record.now.link, this.path);
    this.#watch?.end();
    if (await drained(this.#host, this.#sockets.served)) {
      this.#sockets.abandon();
      this.#record.remove();
      return;
    }
    // The sockets stay: a reactor still uses them.
    throw notDrained(this.name);
  }
}
