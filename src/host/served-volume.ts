/** One attached volume: its device on every reactor, its kernel device, and what is told of both. */
import { defined } from '../base/assert.ts';
import { CausewayError } from '../base/errors.ts';
import type { FilterReport } from '../filters/spec.ts';
import type { FenceKind } from '../fabric/nvme-tcp/messages.ts';
import type { Geometry } from '../block/device.ts';
import type { KernelDevice, KernelHost } from '../kernel/contract.ts';
import type { DeviceHolder } from '../native/holders.ts';
import { mostQueues, openKernelDevice } from '../kernel/open.ts';
import { pathLife } from '../multipath/path-life.ts';
import { Companion } from './companion.ts';
import type { AttachOptions, Attachment, PolicyConsent, PolicySettings } from './contract.ts';
import type { CausewayHost } from './host.ts';
import { fenceViews } from './fence-views.ts';
import { closeSource, type OpenSource } from './open-source.ts';
import { momentNow, PathRecords } from './path-records.ts';
import { parseAddress } from './source.ts';
import type { NvmeAnswer, NvmeCommand } from './passthrough.ts';
import { planPayload } from './payload-budget.ts';
import { bounded } from './reactor-thread.ts';
import { kernelPlaces } from './runtime-dir.ts';
import type { StatisticsView } from './statistics-view.ts';
import type { DeviceView, HolderView, HostEvent } from './view.ts';
import { describeChange, ShapeFollower } from './shape-follower.ts';
import { deviceDelays, pathViews, sumCounters } from './volume-counters.ts';
import { type AssociationView, isOver } from './volume-lead.ts';
import type { VolumeEvent } from './volume-reactor.ts';
import { mismatch, reshaped, type Shape } from './volume-shape.ts';
import { viewStatistics } from './volume-statistics.ts';

/** What is in flight comes back within this time, or the path that holds it is given up. Milliseconds. */
const drainTimeout = 10_000;
/** A forced detach leaves what only the program itself can answer so much time, milliseconds: beyond it, it is ended. */
const abandonAfter = 2_000;
/** How long controllers have, during a forced detach, to answer what they were asked; milliseconds. The drain waits for 15 s. */
export const resetAfter = 4_000;

/** Waits; the reactors keep the process alive for as long as there is something to wait for. */
function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds).unref());
}

export class ServedVolume implements Attachment {
  readonly name: string;
  readonly gone: Promise<void>;
  readonly source: OpenSource;
  readonly #host: CausewayHost;
  readonly #options: AttachOptions;
  readonly #since = new Date();
  readonly #records: PathRecords;
  readonly #listeners = new Set<(event: HostEvent) => void>();
  /** Read-only whatever the array says. */
  readonly #readOnly: boolean;
  readonly #follower: ShapeFollower;
  #kernel: KernelDevice | null = null;
  readonly #companion: Companion;
  #state: DeviceView['state'] = 'attaching';
  #payloadBytes = 0;
  #resolveGone: () => void = () => {};
  #detaching: Promise<void> | null = null;

  constructor(host: CausewayHost, source: OpenSource, options: AttachOptions) {
    this.#host = host;
    this.source = source;
    this.#options = options;
    this.name = options.name;
    this.gone = new Promise((resolve) => {
      this.#resolveGone = resolve;
    });
    this.#records = new PathRecords(options.name, source, host.associations, (event) => this.#emit(event));
    const { geometry, multipath, reactors } = source;
    this.#readOnly = multipath === null ? geometry.readOnly : options.readOnly === true;
    const hasNode = options.kernelDevice !== 'none' && options.companion !== false;
    this.#companion = new Companion(multipath === null ? 'the volume has no NVMe paths' : hasNode ? '' : 'not wanted');
    this.#follower = new ShapeFollower(reactors, geometry, this.#onFollower, sleep);
  }

  /** Makes the kernel device. @throws CausewayError `kernel-device-unavailable`, `kernel-device-failed`, … */
  async serve(): Promise<void> {
    const kind = this.#options.kernelDevice ?? 'auto';
    const { device, multipath } = this.source;
    // What happened before anybody listened.
    if (multipath !== null) await this.#host.callAll('volume.tell-all', () => multipath);
    // The kernel's device is read-only for good only if the user wants that: what the array protects now it may not later.
    const made = { sizeBytes: this.#follower.common.sizeBytes, readOnly: this.#readOnly };
    if (kind !== 'none') {
      const geometry = reshaped(this.source.geometry, made.sizeBytes, made.readOnly);
      const queues = this.source.reactors;
      const left = this.#host.payloadBudget - this.#host.payloadTaken;
      const payload = planPayload(left, Math.max(queues, mostQueues()));
      const kernelHost: KernelHost = {
        reactors: queues,
        serve: (reactor, plan) => {
          this.#payloadBytes += plan.slots * plan.payloadBytes;
          return this.#host.serveQueues(reactor, device, plan);
        },
        sleep,
        now: () => performance.now(),
      };
      this.#kernel = await openKernelDevice(kernelHost, {
        kind,
        name: this.name,
        volume: this.source.identity.id,
        geometry,
        transport: this.#options.fuseTransport ?? 'auto',
        survive: this.#options.surviveCrash === true && this.source.outlives,
        places: kernelPlaces(),
        ...payload,
      });
      void this.#kernel.lost.then((what) => this.#onKernelLost(what));
    }
    // A device that was taken over may have been made when the volume was otherwise.
    await this.#follower.begin(this.#kernel, this.#kernel?.made ?? made);
    if (kind !== 'none' && this.#options.companion !== false && multipath !== null) {
      const isDangerAllowed = this.#options.allowDangerousIoctls === true;
      await this.#companion.open(this.name, this.#host.lead, { device, multipath, isDangerAllowed }, sleep);
    }
    this.#state = 'serving';
    this.#emit({
      event: 'ready',
      device: this.name,
      message: `${this.name} is served as ${this.path || 'a library volume'}`,
    });
  }

  /** Events of this volume alone, as those of the host. Returns what ends it. */
  onEvent(listener: (event: HostEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Somebody listens to it. */
  get isHeard(): boolean {
    return this.#listeners.size > 0;
  }

  /** Something worth knowing about it, from above. */
  note(message: string): void {
    this.#emit({ event: 'note', device: this.name, message });
  }

  #emit(event: Omit<HostEvent, 'at'>): void {
    const whole = this.#host.emit(event);
    for (const listener of this.#listeners) listener(whole);
  }

  filterReports(): Promise<readonly (readonly FilterReport[])[]> {
    return this.#host.callAll<FilterReport[]>('filter.report', () => this.source.device);
  }

  statistics(): StatisticsView {
    const { statistics, paths } = this.source;
    const seen = paths.list.map((path) => ({
      id: path.id,
      index: path.index,
      history: this.#records.of(path).history,
    }));
    return viewStatistics(statistics, seen, momentNow());
  }

  /** Payload memory of its kernel device, bytes. */
  get payloadBytes(): number {
    return this.#payloadBytes;
  }

  get path(): string {
    return this.#kernel?.path ?? '';
  }

  /** As it is now. */
  get geometry(): Geometry {
    const { sizeBytes, readOnly } = this.#follower.shape;
    return reshaped(this.source.geometry, sizeBytes, readOnly);
  }

  view(): DeviceView {
    const { source, geometry } = this;
    const { identity } = source;
    const { policy } = source.policy;
    const quarantine = source.ghosts?.entries() ?? [];
    return {
      name: this.name,
      state: this.#state,
      device: this.path,
      link: this.#kernel?.link ?? '',
      kernelDevice: this.#kernel?.kind ?? null,
      transport: this.#kernel?.transport ?? '',
      survivesCrash: this.#kernel?.survives ?? false,
      companion: this.#companion.view,
      notes: [...(this.#kernel?.notes ?? []), ...this.#follower.notes],
      identity: identity.id,
      model: identity.model,
      serial: identity.serial,
      sizeBytes: geometry.sizeBytes,
      blockBytes: geometry.blockBytes,
      readOnly: geometry.readOnly,
      volatileCache: geometry.volatileCache,
      assumeSharedCache: source.assumeSharedCache,
      selector: policy.selector,
      minimumRun: policy.minimumRun,
      latencyMemory: policy.latencyMemory,
      ghostWrites: policy.ghostWrites,
      noPathRetry: policy.noPathRetry,
      life: pathLife(policy),
      reactors: source.reactors,
      payloadBytes: this.#payloadBytes,
      pid: process.pid,
      since: this.#since.toISOString(),
      delays: deviceDelays(source, this.#host.associations),
      paths: pathViews(
        source,
        source.paths.list.map((path) => this.#records.of(path)),
        this.#host.associations,
        this.#host.lead.clock,
      ),
      fences: fenceViews(source, quarantine, this.#host.associations, this.#host.lead.clock),
      counters: sumCounters(
        source.statistics,
        this.#host.reactors.map((reactor) => reactor.clock),
        quarantine.length,
      ),
    };
  }

  holders(): Promise<readonly HolderView[]> {
    const holders = this.#kernel?.holders() ?? [];
    return Promise.resolve(holders.map(viewOfHolder));
  }

  failPath(id: string): Promise<void> {
    return this.#setDisabled(id, true);
  }

  restorePath(id: string): Promise<void> {
    return this.#setDisabled(id, false);
  }

  async #setDisabled(id: string, disabled: boolean): Promise<void> {
    const { index } = this.source.paths.find(this.name, id);
    await this.#host.callAll('volume.disable', () => ({ device: this.source.multipath, index, disabled }));
  }

  async addPath(address: string): Promise<string> {
    this.#checkHasPaths();
    const { changes, target, subsystem } = this.source;
    const whole = { ...defined(target, 'a target'), address: await parseAddress(address, subsystem) };
    const now = reshaped(this.source.geometry, this.#follower.common.sizeBytes, this.#follower.common.readOnly);
    const { id } = await defined(changes, 'paths').add(whole, (info) => mismatch(now, info));
    this.#emit({ event: 'path-added', device: this.name, message: `path ${id} was added`, path: id });
    return id;
  }

  async removePath(text: string, options: { force?: boolean } = {}): Promise<void> {
    this.#checkHasPaths();
    const { changes, paths } = this.source;
    const path = paths.find(this.name, text);
    await defined(changes, 'paths').remove(path, options.force === true);
    this.#records.drop(path);
    this.#emit({ event: 'path-removed', device: this.name, message: `path ${path.id} was removed`, path: path.id });
  }

  policy(): Required<PolicySettings> {
    this.#checkHasPaths();
    return this.source.policy.settings(this.source.paths.list);
  }

  async setPolicy(settings: PolicySettings, consent: PolicyConsent = {}): Promise<void> {
    this.#checkHasPaths();
    const { multipath: device, paths, policy } = this.source;
    await policy.change(settings, consent, paths.list, (order) =>
      this.#host.callAll('volume.policy', () => ({ device, policy: order })),
    );
    this.#emit({ event: 'note', device: this.name, message: `${this.name}: the policy was changed` });
  }

  nvme(command: NvmeCommand, consent: { allowDangerous?: boolean } = {}): Promise<NvmeAnswer> {
    this.#checkHasPaths();
    const { device, multipath } = this.source;
    const order = { device, multipath, command, isDangerAllowed: consent.allowDangerous === true };
    return this.#host.lead.call<NvmeAnswer>('volume.nvme', order);
  }

  #checkHasPaths(): void {
    if (this.source.multipath !== null) return;
    throw new CausewayError('no-such-path', `${this.name} has no paths: it is a volume of this host`, {
      hint: 'Only volumes of arrays have paths, a policy, and NVMe commands.',
    });
  }

  async failQueued(): Promise<void> {
    const { multipath } = this.source;
    if (multipath !== null) await this.#host.callAll('volume.fail-queued', () => multipath);
  }

  /**
   * For who takes the volume away by force and has waited in vain: the controllers that hold requests of it do not
   * answer, and only the loss of their connections gives those back. Other volumes have these controllers too; their
   * requests go over other paths meanwhile, as with any loss.
   */
  async resetHolding(): Promise<void> {
    const { multipath } = this.source;
    if (multipath === null) return;
    const holding = await this.#host.callAll<number[]>('volume.holding', () => multipath);
    await this.#host.lead.call('volume.reset', [...new Set(holding.flat())]);
  }

  detach(options: { force?: boolean } = {}): Promise<void> {
    const force = options.force === true;
    // A forced detach may overtake an orderly one that is still writing back.
    if (this.#detaching !== null && !force) return this.#detaching;
    const work = this.#detach(force);
    this.#detaching = work;
    work.catch(() => {
      if (this.#detaching === work) this.#detaching = null;
    });
    return work;
  }

  async #detach(force: boolean): Promise<void> {
    if (this.#state === 'failed' && this.#kernel === null) return;
    const before = this.#state;
    this.#state = 'detaching';
    const held = this.#follower.hold();
    try {
      if (force) {
        await this.#detachKernelByForce();
      } else {
        // A helper that resizes the device would count as somebody who uses it.
        await held;
        await this.#kernel?.detach({ force: false });
      }
    } catch (error) {
      this.#state = before;
      void this.#follower.resume();
      throw error;
    }
    await this.#finish();
  }

  /**
   * Holders get EIO at once. What waits for a path or a fence is ended here, or the drain would wait for it; what a path
   * holds comes back with its outcome or with the path's end, which is brought about where it does not answer.
   */
  async #detachKernelByForce(): Promise<void> {
    const ending = this.#kernel?.detach({ force: true });
    await this.failQueued();
    const again = setInterval(() => void this.failQueued().catch(() => {}), 250);
    const reset = setInterval(() => void this.resetHolding().catch(() => {}), resetAfter);
    const abandon = setTimeout(this.source.abandon, abandonAfter);
    try {
      await ending;
    } finally {
      clearInterval(again);
      clearInterval(reset);
      clearTimeout(abandon);
    }
  }

  async handOver(): Promise<void> {
    const kernel = this.#kernel;
    if (kernel === null || !kernel.survives || this.#detaching !== null || this.#state !== 'serving') {
      throw new CausewayError('cannot-hand-over', `${this.name} cannot be handed to another process`);
    }
    this.#state = 'detaching';
    await this.#follower.hold();
    await kernel.handOver();
    await this.#finish('handed-over', `${this.name} was handed over`);
  }

  async #finish(event: HostEvent['event'] = 'detached', message = `${this.name} was detached`): Promise<void> {
    this.#kernel = null;
    await bounded(this.#companion.close(), drainTimeout, `the companion node of ${this.name} does not end`);
    await bounded(closeSource(this.#host, this.source), drainTimeout, `${this.name} does not come to rest`);
    this.#state = 'failed';
    this.#emit({ event, device: this.name, message });
    this.#resolveGone();
  }

  #onKernelLost(what: string): void {
    if (this.#state === 'detaching' || this.#kernel === null) return;
    this.#state = 'failed';
    this.#emit({ event: 'note', device: this.name, message: `${this.name}: the kernel device is gone: ${what}` });
    void this.detach({ force: true }).catch(() => {});
  }

  // --- From the reactors ------------------------------------------------------------------------------------------

  onVolumeEvent(reactor: number, event: VolumeEvent): void {
    switch (event.kind) {
      case 'path-state':
        this.#records.onState(reactor, event);
        return;
      case 'path-refused':
        this.#records.onRefused(reactor, event);
        return;
      case 'path-not-refused':
        this.#records.onNotRefused(reactor, event.index);
        return;
      case 'volume-shape': {
        const { sizeBytes } = event.shape;
        this.#follower.onShape(reactor, { sizeBytes, readOnly: this.#readOnly || event.readOnly }, event.note);
        return;
      }
      default:
    }
  }

  /** The array shows it otherwise now, and so does the device. */
  readonly #onFollower = {
    onChanged: (before: Shape, now: Shape): void => {
      for (const message of describeChange(this.name, before, now)) {
        const { sizeBytes, readOnly } = now;
        const what = { sizeBytes, sizeBefore: before.sizeBytes, readOnly };
        this.#emit({ event: 'volume-changed', device: this.name, message, ...what });
      }
    },
    onTrouble: (trouble: string): void => this.note(`${this.name}: ${trouble}`),
  };

  onAssociation(view: AssociationView): void {
    this.#records.onAssociation(view);
    if (isOver(view)) this.source.paths.forgetGone(view.association);
  }

  onFenced(association: number, epoch: number, how: FenceKind): void {
    this.#records.onFenced(association, epoch, how);
  }
}

function viewOfHolder(holder: DeviceHolder): HolderView {
  const { kind, name, pid } = holder;
  return pid === null ? { kind, name } : { kind, name, pid };
}
