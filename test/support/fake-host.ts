/** A host without devices, for tests of what stands above it: its attachments are plain data that a test sets. */
import { CausewayError } from '../../src/base/errors.ts';
import type { ArrayHandle, PortState } from '../../src/demo/array-thread.ts';
import type { AttachOptions, Attachment, Host, PolicySettings } from '../../src/host/contract.ts';
import type { PathStatisticsView, StatisticsView } from '../../src/host/statistics-view.ts';
import { policyOf } from '../../src/multipath/policy.ts';
import type { DeviceView, HolderView, HostEvent, PathView } from '../../src/host/view.ts';
import { pathLife } from '../../src/multipath/path-life.ts';

const noCounters: PathView['counters'] = {
  reads: 0,
  writes: 0,
  others: 0,
  bytes: 0,
  readBytes: 0,
  writtenBytes: 0,
  errors: 0,
  retries: 0,
  inFlight: 0,
  latencyMean: 0,
  latencyMax: 0,
  latencyNow: 0,
  hedges: 0,
  hedgesWon: 0,
  hedgesLost: 0,
};

export function fakePath(number: number, changes: Partial<PathView> = {}): PathView {
  return {
    id: `127.0.0.${number}:4420`,
    state: 'live-optimized',
    reason: '',
    transport: 'nvme-tcp',
    address: `127.0.0.${number}:4420`,
    subsystem: 'nqn.2026-11.io.causeway:array',
    nsid: 1,
    cntlid: number,
    authenticated: null,
    since: '2026-11-01T12:00:00.000Z',
    weight: 1,
    losses: 0,
    delays: { keepAlive: 15_000, fence: 60_000, isFenceAssumed: true, anaTransition: 10_000, nextAttempt: -1 },
    counters: noCounters,
    ...changes,
  };
}

export function fakeView(name: string, paths: readonly PathView[], changes: Partial<DeviceView> = {}): DeviceView {
  return {
    name,
    state: 'serving',
    device: '/dev/loop7',
    link: `/dev/causeway/${name}`,
    kernelDevice: 'fuse',
    transport: 'FUSE over io_uring',
    survivesCrash: false,
    companion: { path: '/dev/causeway/demo-nvme', reason: '' },
    notes: [],
    identity: 'nguid.0123456789abcdef0123456789abcdef',
    model: 'Causeway embedded array',
    serial: 'CAUSEWAY0001',
    sizeBytes: 1024 ** 3,
    blockBytes: 4096,
    readOnly: false,
    volatileCache: false,
    assumeSharedCache: false,
    selector: 'queue-depth',
    minimumRun: 1,
    latencyMemory: 250,
    ghostWrites: 'quarantine',
    noPathRetry: -1,
    life: pathLife({}),
    delays: {
      keepAlive: 15_000,
      ioTimeout: 30_000,
      abortGrace: 2000,
      tcpUserTimeout: 5000,
      reconnectFirst: 200,
      reconnectLongest: 5000,
    },
    reactors: 1,
    payloadBytes: 64 * 1024 ** 2,
    pid: 4242,
    since: '2026-11-01T12:00:00.000Z',
    paths,
    fences: [],
    counters: {
      reads: 0,
      writes: 0,
      flushes: 0,
      discards: 0,
      writeZeroes: 0,
      readBytes: 0,
      writtenBytes: 0,
      errors: 0,
      retries: 0,
      waiting: 0,
      waitingFor: 0,
      held: 0,
      everHeld: 0,
      quarantined: 0,
      everQuarantined: 0,
      gated: 0,
      everGated: 0,
      hedges: 0,
      hedgesWon: 0,
      hedgesLost: 0,
      hedgesRefused: 0,
      latencySum: 0,
      latencyMax: 0,
    },
    ...changes,
  };
}

const noWaits = { now: 0, ever: 0, total: 0, longest: 0 };
export const noLatency = { count: 0, sum: 0, mean: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0, buckets: [] };
export const noLatencies = { reads: noLatency, writes: noLatency };

export function fakeStatistics(
  paths: readonly PathView[],
  changes: Partial<StatisticsView> = {},
  pathChanges: readonly Partial<PathStatisticsView>[] = [],
): StatisticsView {
  return {
    latency: noLatencies,
    errors: [],
    waits: { quarantine: noWaits, held: noWaits },
    paths: paths.map(({ id, losses }, index) => ({
      id,
      latency: noLatencies,
      outcomes: [],
      history: { losses, changes: 0, time: {}, last: [] },
      ...pathChanges[index],
    })),
    ...changes,
  };
}

export class FakeAttachment implements Attachment {
  readonly name: string;
  readonly gone: Promise<void>;
  /** Whether each detach was forced. */
  readonly detaches: boolean[] = [];
  users: readonly HolderView[] = [];
  /** They come between the look and the first detach. */
  busyOnce: readonly HolderView[] = [];
  /** What of the policy was set. */
  settings: PolicySettings = {};
  detachError: CausewayError | null = null;
  detachWith: ((force: boolean) => Promise<void>) | null = null;
  holdersWith: (() => Promise<readonly HolderView[]>) | null = null;
  onDetached: () => void = () => undefined;
  #paths: PathView[];
  #vanish: () => void = () => undefined;

  constructor(name: string, paths: number) {
    this.name = name;
    this.#paths = Array.from({ length: paths }, (_, index) => fakePath(index + 1));
    this.gone = new Promise((resolve) => (this.#vanish = resolve));
  }

  view(): DeviceView {
    return fakeView(this.name, this.#paths);
  }

  statistics(): StatisticsView {
    return fakeStatistics(this.#paths);
  }

  holders(): Promise<readonly HolderView[]> {
    return this.holdersWith?.() ?? Promise.resolve(this.users);
  }

  nvme(): ReturnType<Attachment['nvme']> {
    return Promise.reject(new CausewayError('no-path', 'there is no array behind this one'));
  }

  filterReports(): ReturnType<Attachment['filterReports']> {
    return Promise.resolve([]);
  }

  failPath(id: string): Promise<void> {
    return this.#set(id, 'disabled');
  }

  restorePath(id: string): Promise<void> {
    return this.#set(id, 'live-optimized');
  }

  async #set(id: string, state: PathView['state']): Promise<void> {
    if (!this.#paths.some((path) => path.id === id)) throw new CausewayError('no-such-path', `no path ${id}`);
    this.#paths = this.#paths.map((path) => (path.id === id ? { ...path, state } : path));
  }

  async addPath(address: string): Promise<string> {
    const id = address.includes(':') ? address : `${address}:4420`;
    if (this.#paths.some((path) => path.id === id)) throw new CausewayError('path-exists', `${id} is there`);
    this.#paths = [...this.#paths, fakePath(9, { id })];
    return id;
  }

  async removePath(id: string, options: { force?: boolean } = {}): Promise<void> {
    if (this.#paths.length === 1 && options.force !== true) throw new CausewayError('last-path', `${id} is the last`);
    this.#paths = this.#paths.filter((path) => path.id !== id);
  }

  policy(): Required<PolicySettings> {
    const { paths } = this.view();
    const weights = Object.fromEntries(paths.map(({ id, weight }) => [id, weight]));
    return { ...policyOf(this.settings), weights, ...this.settings };
  }

  async setPolicy(settings: PolicySettings): Promise<void> {
    this.settings = { ...this.settings, ...settings };
  }

  async failQueued(): Promise<void> {}

  handOverError: Error | null = null;

  async detach(options: { force?: boolean } = {}): Promise<void> {
    const force = options.force === true;
    this.detaches.push(force);
    if (this.detachWith !== null) {
      await this.detachWith(force);
    } else {
      if (this.detachError !== null) throw this.detachError;
      if (this.busyOnce.length > 0) {
        this.users = this.busyOnce;
        this.busyOnce = [];
      }
      if (this.users.length > 0 && !force) throw new CausewayError('device-in-use', 'in use');
    }
    this.onDetached();
    this.#vanish();
  }

  async handOver(): Promise<void> {
    if (this.handOverError !== null) throw this.handOverError;
    this.#vanish();
  }

  /** The device goes without anybody having asked for it. */
  vanish(): void {
    this.#vanish();
  }
}

export class FakeHost implements Host {
  readonly attachment: FakeAttachment;
  /** What happened, in order. */
  readonly log: string[] = [];
  urls: readonly string[] = [];
  options: AttachOptions | null = null;
  attachError: Error | null = null;
  readonly #listeners: ((event: HostEvent) => void)[] = [];

  constructor(name = 'demo', paths = 4) {
    this.attachment = new FakeAttachment(name, paths);
    this.attachment.onDetached = () => {
      this.log.push('detached');
      this.emit({ event: 'detached', message: `${name} was detached` });
    };
  }

  get attachments(): readonly Attachment[] {
    return [this.attachment];
  }

  async attach(urls: readonly string[], options: AttachOptions): Promise<Attachment> {
    this.log.push('attach');
    this.urls = urls;
    this.options = options;
    if (this.attachError !== null) throw this.attachError;
    this.emit({ event: 'ready', message: 'ready' });
    return this.attachment;
  }

  onEvent(listener: (event: HostEvent) => void): void {
    this.#listeners.push(listener);
  }

  emit(event: Pick<HostEvent, 'event' | 'message'> & Partial<HostEvent>): void {
    for (const listener of this.#listeners) {
      listener({ at: '2026-11-01T12:00:01.000Z', device: this.attachment.name, ...event });
    }
  }

  async stop(): Promise<void> {
    this.log.push('host stopped');
  }
}

export class FakeArray implements ArrayHandle {
  readonly subsystem = 'nqn.2026-11.io.causeway:array';
  readonly ports: readonly { readonly address: string; readonly port: number }[];
  readonly url: string;
  readonly calls: string[] = [];

  constructor(ports: number) {
    this.ports = Array.from({ length: ports }, (_, index) => ({ address: `127.0.0.${index + 1}`, port: 4420 }));
    this.url = `nvme+tcp://${this.ports.map(({ address, port }) => `${address}:${port}`).join()}/${this.subsystem}`;
  }

  async setPort(index: number, state: PortState): Promise<void> {
    this.calls.push(`port ${index} ${state}`);
  }

  async fault(name: string, args: readonly unknown[]): Promise<unknown> {
    this.calls.push(`${name}(${JSON.stringify(args)})`);
    return null;
  }

  async stats(): Promise<never> {
    throw new CausewayError('assertion', 'a fake array counts nothing');
  }

  async stop(): Promise<void> {
    this.calls.push('stop');
  }
}
