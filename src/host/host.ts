/** The host of this process: its reactors, and the volumes that are attached through them. */
import { MessageChannel } from 'node:worker_threads';
import { defined } from '../base/assert.ts';
import { CausewayError } from '../base/errors.ts';
import { pageBudget } from './payload-budget.ts';
import type { QueuePlan, ServedQueues } from '../kernel/contract.ts';
import type { BridgeMessage } from './bridge-device.ts';
import type { Discovered } from '../fabric/nvme-tcp/discovery.ts';
import type { AttachOptions, Attachment, Host } from './contract.ts';
import { answerOrder, type DhOrder } from './dh-helper.ts';
import { type DiscoverUrlOptions, discoveredUrl, discoverUrl, isDiscoveryUrl } from './discover.ts';
import { closeSource, openSource } from './open-source.ts';
import { type BridgeListener, parseSource, type Source } from './source.ts';
import { ReactorThread } from './reactor-thread.ts';
import { type EventMessage, fromThread } from './rpc.ts';
import { ServedVolume } from './served-volume.ts';
import type { HostEvent } from './view.ts';
import { type AssociationView, isOver, type LeadEvent } from './volume-lead.ts';
import type { VolumeEvent } from './volume-reactor.ts';

export interface HostOptions {
  /** Reactor threads. One is right for two CPUs. */
  readonly reactors?: number;
  /** How long a reactor looks for more work before it sleeps, microseconds. */
  readonly spinMicroseconds?: number;
  /** The CPU of each reactor, in their order; where none is given the kernel chooses. */
  readonly cpus?: readonly number[];
  /** Payload memory of all kernel devices together. */
  readonly payloadBudget?: number;
}

const entry = new URL('./reactor-entry.js', import.meta.url);

/** Starts the reactors. @throws CausewayError `io-uring-unavailable`, `out-of-memory` */
export async function startHost(options: HostOptions = {}): Promise<CausewayHost> {
  const host = new CausewayHost(options);
  try {
    await host.start(options.reactors ?? 1);
  } catch (error) {
    await host.stop();
    throw error;
  }
  return host;
}

/** Reactors and what is on them; what the parts of the host share. */
export class CausewayHost implements Host {
  readonly reactors: ReactorThread[] = [];
  readonly payloadBudget: number;
  readonly associations = new Map<number, AssociationView>();
  readonly #options: HostOptions;
  readonly #volumes = new Map<number, ServedVolume>();
  readonly #listeners = new Set<(event: HostEvent) => void>();
  readonly #queues = new Map<string, (failure: string | null) => void>();
  readonly #bridges = new Map<number, BridgeListener>();
  #nextDevice = 1;

  constructor(options: HostOptions) {
    this.#options = options;
    this.payloadBudget = options.payloadBudget ?? pageBudget;
  }

  async start(count: number): Promise<void> {
    if (!Number.isInteger(count) || count < 1 || count > 64) {
      throw new CausewayError('invalid-argument', `${count} reactors are not possible: 1 to 64 are`);
    }
    const spinMicroseconds = this.#options.spinMicroseconds ?? 0;
    for (let index = 0; index < count; index += 1) {
      const cpu = this.#options.cpus?.[index];
      const plan = {
        name: `reactor-${index}`,
        io: { wide: true, spinMicroseconds },
        ...(cpu === undefined ? {} : { cpu }),
      };
      this.reactors.push(await ReactorThread.start(plan, entry, (event) => this.#onEvent(index, event)));
    }
    const [lead, ...others] = this.reactors;
    const first = defined(lead, 'a lead');
    const channels = others.map((reactor) => ({ reactor, channel: new MessageChannel() }));
    const ports = channels.map(({ reactor, channel }) => ({ port: channel.port1, doorbell: reactor.doorbell }));
    await first.call(
      'fabric.lead',
      ports,
      ports.map(({ port }) => port),
    );
    for (const { reactor, channel } of channels) {
      await reactor.call('fabric.join', { port: channel.port2, doorbell: first.doorbell }, [channel.port2]);
    }
  }

  get lead(): ReactorThread {
    return defined(this.reactors[0], 'a lead');
  }

  get attachments(): readonly Attachment[] {
    return [...this.#volumes.values()];
  }

  /** Payload memory of all kernel devices, bytes. */
  get payloadTaken(): number {
    let taken = 0;
    for (const { payloadBytes } of this.#volumes.values()) taken += payloadBytes;
    return taken;
  }

  newDevice(): number {
    const device = this.#nextDevice;
    this.#nextDevice += 1;
    return device;
  }

  /** Calls every reactor; all answers. */
  callAll<Result>(method: string, argument: (reactor: number) => unknown): Promise<Result[]> {
    return Promise.all(this.reactors.map((reactor, index) => reactor.call<Result>(method, argument(index))));
  }

  onEvent(listener: (event: HostEvent) => void): void {
    this.#listeners.add(listener);
  }

  emit(event: Omit<HostEvent, 'at'>): HostEvent {
    const whole = { at: new Date().toISOString(), ...event };
    for (const listener of this.#listeners) listener(whole);
    return whole;
  }

  async attach(urls: readonly string[], options: AttachOptions): Promise<ServedVolume> {
    const named = await Promise.all(
      urls.map(async (url) => (isDiscoveryUrl(url) ? await discoveredUrl(this, url, options) : url)),
    );
    return await this.attachSource(await parseSource(named, options), options);
  }

  /** Asks the discovery services that a URL without a subsystem names. */
  async discover(url: string, options: DiscoverUrlOptions = {}): Promise<Discovered[]> {
    return await discoverUrl(this, url, options);
  }

  /** As `attach`, for what no URL names. */
  async attachSource(source: Source, options: AttachOptions): Promise<ServedVolume> {
    const opened = await openSource(this, source, options);
    const volume = new ServedVolume(this, opened, options);
    this.#volumes.set(opened.device, volume);
    try {
      await volume.serve();
    } catch (error) {
      this.#volumes.delete(opened.device);
      await closeSource(this, opened);
      throw error;
    }
    void volume.gone.then(() => this.#volumes.delete(opened.device));
    return volume;
  }

  /** Lets a reactor serve queues of a kernel device. */
  async serveQueues(reactor: number, device: number, plan: QueuePlan): Promise<ServedQueues> {
    const thread = defined(this.reactors[reactor], 'a reactor');
    const server = await thread.call<number>('queue.serve', { device, plan });
    const quiesce = (): Promise<void> => thread.call('queue.quiesce', server);
    const fail = (): Promise<void> => thread.call('queue.fail', server);
    const key = `${reactor}/${server}`;
    const early = this.#early.get(key);
    if (early !== undefined) {
      this.#early.delete(key);
      return { ended: Promise.resolve(early.failure), quiesce, fail };
    }
    return { ended: new Promise((resolve) => this.#queues.set(key, resolve)), quiesce, fail };
  }

  /** Queue servers that ended before anybody asked. */
  readonly #early = new Map<string, { failure: string | null }>();

  onBridge(device: number, listener: BridgeListener): void {
    this.#bridges.set(device, listener);
  }

  offBridge(device: number): void {
    this.#bridges.delete(device);
  }

  async stop(): Promise<void> {
    const ending = [...this.#volumes.values()].map((volume) => volume.detach({ force: true }));
    const results = await Promise.allSettled(ending);
    for (const reactor of this.reactors.toReversed()) await reactor.stop();
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  #onEvent(reactor: number, { event, body }: EventMessage): void {
    switch (event) {
      case 'volume':
        this.#onVolume(reactor, fromThread<VolumeEvent>(body));
        return;
      case 'lead':
        this.#onLead(fromThread<LeadEvent>(body));
        return;
      case 'bridge': {
        const { device, message } = fromThread<{ device: number; message: BridgeMessage }>(body);
        this.#bridges.get(device)?.(reactor, message);
        return;
      }
      case 'dh-order':
        this.reactors[reactor]?.tell('dh.answer', answerOrder(fromThread<DhOrder>(body)));
        return;
      case 'queue-ended': {
        const { server, failure } = fromThread<{ server: number; failure: string | null }>(body);
        const key = `${reactor}/${server}`;
        const resolve = this.#queues.get(key);
        if (resolve === undefined) this.#early.set(key, { failure });
        else resolve(failure);
        this.#queues.delete(key);
        return;
      }
      default:
    }
  }

  #onVolume(reactor: number, event: VolumeEvent): void {
    if (!('device' in event)) return;
    for (const volume of this.#volumes.values()) {
      if (volume.source.multipath === event.device) volume.onVolumeEvent(reactor, event);
    }
    const others = this.reactors.filter((_thread, other) => other !== reactor);
    if (event.kind === 'volume-shape') {
      for (const thread of others) thread.tell('volume.told', { device: event.device, shape: event.shape });
    } else if (event.kind === 'released') {
      for (const thread of others) thread.tell('volume.fenced', event);
    }
  }

  #onLead(event: LeadEvent): void {
    if (event.kind === 'association') {
      // Fences of one that is closed are still waited for, seen, and told when they are there.
      if (isOver(event.view)) this.associations.delete(event.view.association);
      else this.associations.set(event.view.association, event.view);
      for (const volume of this.#volumes.values()) volume.onAssociation(event.view);
      return;
    }
    for (const volume of this.#volumes.values()) volume.onFenced(event.association, event.epoch, event.how);
  }
}
