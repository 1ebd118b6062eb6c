/** A volume that a program has attached: to be read and written, and to be served. */
import { CausewayError } from '../base/errors.ts';
import { op } from '../block/request.ts';
import type { FilterReport } from '../filters/spec.ts';
import type { PolicyConsent, PolicySettings } from '../host/contract.ts';
import { resetAfter, type ServedVolume } from '../host/served-volume.ts';
import type { StatisticsView } from '../host/statistics-view.ts';
import type { DeviceView, HostEvent } from '../host/view.ts';
import type { DirectPort } from './direct-port.ts';
import type { CloseOptions } from './options.ts';
import { releaseHost } from './shared-host.ts';
import type { UserDevice } from './user-device.ts';

/**
 * An attached volume. Offsets and lengths are bytes, multiples of `blockBytes` within `sizeBytes`; any number of calls
 * may be under way at once, and those that overlap have no order. It is a `UserDevice` itself, so an object of the
 * program's own can stand in front of it.
 *
 * All calls reject with a `CausewayError`: `invalid-request` for a wrong range, `volume-gone` once the volume is closed,
 * and what became of the request otherwise (`io-failed`, `medium-error`, `not-supported`, `no-space`, `read-only`,
 * `reservation-conflict`, `no-path`, `io-timed-out`, `too-many-requests`).
 */
export interface Volume extends UserDevice, AsyncDisposable {
  readonly name: string;
  /** As of now: a volume may grow, and shrink, and be protected from writes by its array, while it is attached. */
  readonly sizeBytes: number;
  /** 512 or 4096. */
  readonly blockBytes: number;
  readonly readOnly: boolean;
  /** Fills `into` with what stands at `offset`. Until it resolves, `into` is Causeway's. */
  read(into: Uint8Array, offset: number): Promise<void>;
  /**
   * Writes `from` at `offset`. Until it resolves, `from` must not be changed. More than 1 MiB is written in pieces, any of
   * which may be there or not if it fails.
   */
  write(from: Uint8Array, offset: number): Promise<void>;
  /** Makes durable all writes that had resolved before. Fails once if one of them may have been lost. */
  flush(): Promise<void>;
  /** The data of the range is no longer needed. Does nothing where the volume cannot do it. */
  discard(offset: number, length: number): Promise<void>;
  /** The range reads as zeroes afterwards; done by writing them where the volume has no command for it. */
  writeZeroes(offset: number, length: number): Promise<void>;
  /** Everything that is known of the volume and its paths now, as plain data. Never waits. */
  view(): DeviceView;
  /** Its statistics beside the counters of `view()`: latencies, errors by kind, waits, how paths came and went. Never waits. */
  statistics(): StatisticsView;
  /**
   * Takes a path out of use until `restorePath`. Requests that it holds are sent over others.
   * @param id as in `view().paths`, or the path's number from 1
   * @throws CausewayError `no-such-path`
   */
  failPath(id: string): Promise<void>;
  /** @throws CausewayError `no-such-path` */
  restorePath(id: string): Promise<void>;
  /**
   * Connects one more path, `HOST[:PORT]`, to the same subsystem while I/O runs, with the options of the others. Resolves to
   * its id; it carries I/O as soon as it may.
   * @throws CausewayError `path-exists`, `too-many-paths`, `path-unfit`, `volume-disagrees`, `bad-url`, and those of
   * connecting (`nvme-unreachable`, `attach-timeout`, …); nothing has changed then
   */
  addPath(address: string): Promise<string>;
  /**
   * Takes a path away while I/O runs. It gets no new I/O; what is under way on it ends, or is decided as lost after 10
   * seconds. Resolves when it is gone.
   * @throws CausewayError `no-such-path`; `last-path` if no other path carries I/O (`force` takes it away all the same)
   */
  removePath(id: string, options?: { force?: boolean }): Promise<void>;
  /**
   * Changes how paths are used, while I/O runs: any of the options of `attach` that `PolicySettings` has; what is not
   * given stays as it is. Resolves when it has taken effect; `view()` shows it.
   * @param consent `acceptStaleData` is needed for ghost writes `none`
   * @throws CausewayError `invalid-argument`, `no-such-path`; nothing has changed then
   */
  setPolicy(settings: PolicySettings, consent?: PolicyConsent): Promise<void>;
  /** Ends requests that wait for a path or a fence, with an error. */
  failQueued(): Promise<void>;
  /** Calls `listener` with what happens to the volume, on the main thread. Returns what ends it. */
  onEvent(listener: (event: HostEvent) => void): () => void;
  /** What the filters in front of the volume have to say, in their order; one report for each reactor. */
  filterReports(): Promise<readonly (readonly FilterReport[])[]>;
  /**
   * Gives the volume back: waits for what is under way, flushes, disconnects. Bounded: what still waits for a path after
   * 10 seconds (`force`: at once) ends with an error.
   * @throws CausewayError `volume-in-use` while it is served (`force` takes away what is served, by force); what the
   * last flush failed with, after all else was done; `io-timed-out` if a request does not come back within 45 seconds:
   * the volume then stays, and `close` can be called again.
   */
  close(options?: CloseOptions): Promise<void>;
}

/** How long an orderly close waits for requests that wait for a path. Milliseconds. */
const closePatience = 10_000;
/** A path gives its commands 30 s; a little more, and there is nothing left to wait for. Milliseconds. */
const closeLimit = 45_000;
const failInterval = 250;
/** Zeroes are written from one piece of memory of this size. */
const zeroBytes = 256 * 1024;

/** What is served from a volume, as the volume needs to know it. */
export interface Dependent {
  readonly name: string;
  close(options: CloseOptions): Promise<void>;
}

export class AttachedVolume implements Volume {
  readonly name: string;
  /** For `serve`. */
  readonly attachment: ServedVolume;
  readonly #port: DirectPort;
  readonly #dependents = new Set<Dependent>();
  #closed = false;
  #closing: Promise<void> | null = null;
  #force = false;

  constructor(attachment: ServedVolume, port: DirectPort) {
    this.attachment = attachment;
    this.#port = port;
    this.name = attachment.name;
  }

  get sizeBytes(): number {
    return this.attachment.geometry.sizeBytes;
  }

  get blockBytes(): number {
    return this.attachment.source.geometry.blockBytes;
  }

  get readOnly(): boolean {
    return this.attachment.geometry.readOnly;
  }

  // Each is async so that whatever is wrong comes as a rejection.

  async read(into: Uint8Array, offset: number): Promise<void> {
    this.#check('read', payloadLength(into), offset);
    await this.#port.transfer(op.read, into, offset, this.name);
  }

  async write(from: Uint8Array, offset: number): Promise<void> {
    this.#check('write', payloadLength(from), offset);
    this.#checkWritable('write');
    await this.#port.transfer(op.write, from, offset, this.name);
  }

  async flush(): Promise<void> {
    this.#checkOpen();
    await this.#port.order(op.flush, 0, 0, this.name);
  }

  async discard(offset: number, length: number): Promise<void> {
    this.#check('discard', length, offset);
    this.#checkWritable('discard');
    if (length === 0 || !this.attachment.source.geometry.canDiscard) return;
    await this.#port.order(op.discard, offset, length, this.name);
  }

  async writeZeroes(offset: number, length: number): Promise<void> {
    this.#check('write-zeroes', length, offset);
    this.#checkWritable('write-zeroes');
    if (length === 0) return;
    if (this.attachment.source.geometry.canWriteZeroes) {
      await this.#port.order(op.writeZeroes, offset, length, this.name);
      return;
    }
    const zeroes = new Uint8Array(Math.min(zeroBytes, length));
    for (let done = 0; done < length; done += zeroes.length) {
      const piece = zeroes.subarray(0, Math.min(zeroes.length, length - done));
      await this.#port.transfer(op.write, piece, offset + done, this.name);
    }
  }

  view(): DeviceView {
    return this.attachment.view();
  }

  statistics(): StatisticsView {
    return this.attachment.statistics();
  }

  failPath(id: string): Promise<void> {
    return this.attachment.failPath(id);
  }

  restorePath(id: string): Promise<void> {
    return this.attachment.restorePath(id);
  }

  async addPath(address: string): Promise<string> {
    this.#checkOpen();
    return await this.attachment.addPath(address);
  }

  async removePath(id: string, options?: { force?: boolean }): Promise<void> {
    this.#checkOpen();
    await this.attachment.removePath(id, options);
  }

  async setPolicy(settings: PolicySettings, consent?: PolicyConsent): Promise<void> {
    this.#checkOpen();
    await this.attachment.setPolicy(settings, consent);
  }

  failQueued(): Promise<void> {
    return this.attachment.failQueued();
  }

  onEvent(listener: (event: HostEvent) => void): () => void {
    return this.attachment.onEvent(listener);
  }

  filterReports(): Promise<readonly (readonly FilterReport[])[]> {
    return this.attachment.filterReports();
  }

  /** For `serve`. @throws CausewayError `volume-gone` */
  addDependent(dependent: Dependent): void {
    this.#checkOpen();
    this.#dependents.add(dependent);
  }

  removeDependent(dependent: Dependent): void {
    this.#dependents.delete(dependent);
  }

  async close(options: CloseOptions = {}): Promise<void> {
    const force = options.force === true;
    if (this.#dependents.size > 0) {
      const names = [...this.#dependents].map(({ name }) => name).join(', ');
      if (!force) throw new CausewayError('volume-in-use', `${this.name} is served as ${names}`);
      await Promise.all([...this.#dependents].map((dependent) => dependent.close({ force })));
    }
    // A forced close overtakes an orderly one that is still waiting.
    this.#force ||= force;
    if (this.#closing === null) {
      const closing = this.#close();
      this.#closing = closing;
      closing.catch((error: unknown) => {
        // Not closed after all: it may be tried again.
        if (error instanceof CausewayError && error.code === 'io-timed-out' && !this.#released) this.#closing = null;
      });
    }
    await this.#closing;
  }

  #released = false;

  async #close(): Promise<void> {
    this.#closed = true;
    const { geometry } = this.attachment.source;
    const flushes = geometry.volatileCache && !geometry.readOnly && !this.#force;
    const flushed = flushes ? this.#port.order(op.flush, 0, 0, this.name).then(() => null, asError) : null;
    await this.#drain();
    await this.attachment.detach({ force: true });
    this.#released = true;
    await releaseHost();
    const failure = await flushed;
    if (failure instanceof Error) throw failure;
  }

  async #drain(): Promise<void> {
    const began = performance.now();
    const idle = this.#port.idle();
    let resets = 0;
    while (this.#port.underWay > 0) {
      const waited = performance.now() - began;
      if (waited > closeLimit) {
        const count = this.#port.underWay;
        throw new CausewayError(
          'io-timed-out',
          `${this.name} is not closed: ${count} of its requests do not come back`,
        );
      }
      if (this.#force || waited > closePatience) await this.attachment.failQueued();
      if (this.#force && waited > resetAfter * (resets + 1)) {
        resets += 1;
        await this.attachment.resetHolding();
      }
      await within(idle, failInterval);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #checkOpen(): void {
    if (this.#closed) throw new CausewayError('volume-gone', `${this.name} is closed`);
  }

  #checkWritable(what: string): void {
    if (this.readOnly) throw new CausewayError('read-only', `${what} of ${this.name} is not possible: it is read-only`);
  }

  /** The whole range, so that nothing of a wrong one is touched. */
  #check(what: string, length: number, offset: number): void {
    this.#checkOpen();
    const { sizeBytes, blockBytes } = this;
    const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
    if (whole && offset % blockBytes === 0 && length % blockBytes === 0 && offset <= sizeBytes - length) return;
    const rule = `multiples of ${blockBytes} within ${sizeBytes} bytes`;
    throw new CausewayError(
      'invalid-request',
      `${what} of ${length} bytes at ${offset} of ${this.name} is not in ${rule}`,
    );
  }
}

function payloadLength(payload: unknown): number {
  if (payload instanceof Uint8Array) return payload.length;
  throw new CausewayError('invalid-argument', 'the memory of a read or write is a Uint8Array (a Buffer is one)');
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** Waits for `work`, but not longer than `milliseconds`. */
async function within(work: Promise<void>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, milliseconds)));
  await Promise.race([work, late]);
  clearTimeout(timer);
}
