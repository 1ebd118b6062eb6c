/** `serve`: from a device, the program's own or an attached volume, to a `/dev` node. */
import { CausewayError } from '../base/errors.ts';
import type { FilterReport } from '../filters/spec.ts';
import type { AttachOptions as HostAttachOptions } from '../host/contract.ts';
import type { CausewayHost } from '../host/host.ts';
import type { ServedVolume } from '../host/served-volume.ts';
import type { Source } from '../host/source.ts';
import type { StatisticsView } from '../host/statistics-view.ts';
import type { DeviceView, HolderView, HostEvent } from '../host/view.ts';
import { FailureNotes } from './failure-notes.ts';
import { checkName, type CloseOptions, type ServeOptions } from './options.ts';
import { acquireHost, releaseHost } from './shared-host.ts';
import { connectUserDevice } from './user-bridge.ts';
import { geometryOfUserDevice, newIdentity, type UserDevice } from './user-device.ts';
import { AttachedVolume, type Dependent, type Volume } from './volume.ts';

/** A device that is served as a kernel device. */
export interface Served extends AsyncDisposable {
  readonly name: string;
  /** The kernel's node: `/dev/loop0`. */
  readonly device: string;
  /** The stable name, `/dev/causeway/<name>`; empty if it could not be made (see `view().notes`). */
  readonly link: string;
  /** Resolves when the device is gone, whoever took it away. */
  readonly closed: Promise<void>;
  /** Everything that is known of it now, as plain data. Never waits. */
  view(): DeviceView;
  /** Its statistics beside the counters of `view()`. Never waits. */
  statistics(): StatisticsView;
  /** Who uses it now: mounts, processes, swap, devices on top of it. */
  holders(): Promise<readonly HolderView[]>;
  /**
   * Calls `listener` with what happens to the device, on the main thread; errors of the program's own object among it (at
   * most one a second). Returns what ends it.
   */
  onEvent(listener: (event: HostEvent) => void): () => void;
  /** What the filters in front of the device have to say, in their order; one report for each reactor. */
  filterReports(): Promise<readonly (readonly FilterReport[])[]>;
  /**
   * Takes the device away. Orderly: flushes first, and refuses while somebody uses it. With `force` who uses it gets
   * input/output errors, and requests that the program's own object has not answered within 2 seconds are given up.
   * Bounded: about a minute (orderly, device does not answer), some seconds otherwise.
   * @throws CausewayError `kernel-device-busy` (it goes on being served; the message names who uses it),
   * `kernel-device-failed`
   */
  close(options?: CloseOptions): Promise<void>;
}

/** A main thread that gives no sign of life for so long waits for its own device, or is held by a debugger. */
const silenceLimit = 30_000;
const longestTimeout = 86_400_000;

class ServedDevice implements Served, Dependent {
  readonly name: string;
  readonly closed: Promise<void>;
  readonly #attachment: ServedVolume;

  constructor(attachment: ServedVolume, onGone: () => Promise<void>) {
    this.#attachment = attachment;
    this.name = attachment.name;
    this.closed = attachment.gone.then(onGone);
    // Whoever waits for it hears of a host that does not stop; nobody else has to.
    this.closed.catch(() => {});
  }

  get device(): string {
    return this.view().device;
  }

  get link(): string {
    return this.view().link;
  }

  view(): DeviceView {
    return this.#attachment.view();
  }

  statistics(): StatisticsView {
    return this.#attachment.statistics();
  }

  holders(): Promise<readonly HolderView[]> {
    return this.#attachment.holders();
  }

  onEvent(listener: (event: HostEvent) => void): () => void {
    return this.#attachment.onEvent(listener);
  }

  filterReports(): Promise<readonly (readonly FilterReport[])[]> {
    return this.#attachment.filterReports();
  }

  async close(options: CloseOptions = {}): Promise<void> {
    await this.#attachment.detach({ force: options.force === true });
    await this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Makes a kernel device of `device` and resolves when it can be used, as root (or with CAP_SYS_ADMIN). An attached
 * `Volume` is served without this process's main thread in the way of its data; any other object is called on it.
 *
 * @throws CausewayError `invalid-name`, `invalid-argument`, `device-name-taken`, `kernel-device-unavailable`,
 * `kernel-device-failed`, `needs-root`, `io-uring-unavailable`, `volume-gone`
 */
export async function serve(device: UserDevice | Volume, options: ServeOptions): Promise<Served> {
  checkName(options.name);
  const timeout = options.requestTimeout ?? 0;
  if (!(timeout >= 0 && timeout <= longestTimeout)) {
    throw new CausewayError('invalid-argument', `a requestTimeout of ${timeout} is not 0 to ${longestTimeout} ms`);
  }
  return device instanceof AttachedVolume ? await serveVolume(device, options) : await serveUserDevice(device, options);
}

function hostOptions(options: ServeOptions): HostAttachOptions {
  const { name, kernelDevice = 'auto', fuseTransport = 'auto', readOnly = false, filters = [] } = options;
  return { name, kernelDevice, fuseTransport, readOnly, filters, surviveCrash: options.surviveCrash === true };
}

async function serveOn(
  options: ServeOptions,
  makeSource: (host: CausewayHost) => Source,
  onGone: () => void,
): Promise<{ served: ServedDevice; attachment: ServedVolume }> {
  const host = await acquireHost();
  try {
    const attachment = await host.attachSource(makeSource(host), hostOptions(options));
    const served = new ServedDevice(attachment, async () => {
      onGone();
      await releaseHost();
    });
    return { served, attachment };
  } catch (error) {
    await releaseHost();
    throw error;
  }
}

async function serveVolume(volume: AttachedVolume, options: ServeOptions): Promise<Served> {
  let whenServed: Promise<{ served: ServedDevice }> | null = null;
  // From now on the volume is in use, even while the kernel device is still being made.
  const dependent: Dependent = {
    name: options.name,
    close: async (how) => {
      const made = await whenServed?.catch(() => null);
      await made?.served.close(how);
    },
  };
  volume.addDependent(dependent);
  try {
    const source: Source = { kind: 'alias', of: volume.attachment.source };
    whenServed = serveOn(
      options,
      () => source,
      () => volume.removeDependent(dependent),
    );
    return (await whenServed).served;
  } catch (error) {
    volume.removeDependent(dependent);
    throw error;
  }
}

async function serveUserDevice(device: UserDevice, options: ServeOptions): Promise<Served> {
  const geometry = geometryOfUserDevice(device, options.readOnly === true);
  const notes = new FailureNotes(options.name);
  const makeSource = (host: CausewayHost): Source => {
    let number: number | null = null;
    return {
      kind: 'bridge',
      options: {
        geometry,
        identity: newIdentity(options.name),
        silenceLimit,
        requestTimeout: options.requestTimeout ?? 0,
      },
      connect: (given, cells) => {
        number = given;
        return connectUserDevice(host, device, given, cells, (message) => notes.add(message));
      },
      abandon: () => {
        for (const reactor of host.reactors) reactor.tell('bridge.abandon', number);
      },
    };
  };
  const { served, attachment } = await serveOn(options, makeSource, () => notes.close());
  notes.open(attachment);
  return served;
}
