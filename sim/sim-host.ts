/**
 * One life of the host of a run: reactors with the product's own glue (`VolumeLead`, `VolumeReactor`) and fabric, wired
 * as `host/reactor-entry.ts` and `host/open-source.ts` wire them, with the world in the place of threads and message
 * ports, and an array of bytes in the place of the file that outlives it.
 */
import { CausewayError } from '../src/base/errors.ts';
import type { Random } from '../src/base/random.ts';
import { type Geometry, maxTransferBytes } from '../src/block/device.ts';
import type { AssociationOptions } from '../src/fabric/nvme-tcp/association.ts';
import { FabricLead } from '../src/fabric/nvme-tcp/lead.ts';
import type { ToLead, ToReactor } from '../src/fabric/nvme-tcp/messages.ts';
import { FabricReactor } from '../src/fabric/nvme-tcp/reactor-side.ts';
import { pathsPlaced, reactorsServed } from '../src/host/attached-paths.ts';
import { earlierProgram, GhostRecord, sharedIn } from '../src/host/ghost-record.ts';
import { localPeers } from '../src/host/local-peers.ts';
import { PathChanges } from '../src/host/path-changes.ts';
import { PathTable, type VolumePathEntry } from '../src/host/path-table.ts';
import { type AttachedVolume, type LeadEvent, liveIndexes, VolumeLead } from '../src/host/volume-lead.ts';
import { type VolumeEvent, type VolumePlan, VolumeReactor } from '../src/host/volume-reactor.ts';
import { geometryOf, mismatch, type Shape } from '../src/host/volume-shape.ts';
import type { Deferred } from '../src/io/contract.ts';
import type { SimIo } from '../src/io/sim/sim-io.ts';
import type { World } from '../src/io/sim/world.ts';
import type { MultipathDevice } from '../src/multipath/device.ts';
import type { Policy } from '../src/multipath/policy.ts';
import { activePathBytes } from '../src/multipath/selectors/active-path.ts';
import { statisticsBytes } from '../src/multipath/statistics.ts';
import { Courier, ownPost } from './courier.ts';
import type { GhostStore } from './ghost-store.ts';
import type { Scenario } from './scenario.ts';
import { hostnqn, portAddress, secrets, subnqn } from './sim-array.ts';

const hostid = '11111111222233334444555555555555';
const reactorBytes = 24 * 2 ** 20;
const deviceNumber = 1;

interface VolumeListener {
  onVolumeEvent(reactor: number, event: VolumeEvent): void;
}

export interface HostListener extends VolumeListener {
  onLeadEvent(event: LeadEvent): void;
  /** What an earlier life left can not come any more: by resets of its controllers, or by time. */
  onHeritageOver(byResets: boolean): void;
}

/** What one life of the host leaves to the next: the rest is in its ghost file. */
export interface HostPlace {
  readonly world: World;
  readonly random: Random;
  readonly scenario: Scenario;
  readonly store: GhostStore;
  /** Lives on when the host does not. */
  readonly clock: SimIo;
  /** Identity of what was attached the first time: a device that outlives its program is taken up by no other volume. */
  first: string | null;
}

export class SimReactor {
  readonly index: number;
  readonly io: SimIo;
  readonly volumes: VolumeReactor;
  fabric!: FabricReactor;

  constructor(index: number, io: SimIo, listener: VolumeListener) {
    this.index = index;
    this.io = io;
    this.volumes = new VolumeReactor(
      io,
      (event) => listener.onVolumeEvent(index, event),
      (controller, epoch) => this.fabric.isFenced(controller, epoch),
    );
  }

  get device(): MultipathDevice {
    return this.volumes.volume(deviceNumber);
  }
}

export class SimHost {
  readonly reactors: SimReactor[] = [];
  readonly fabricLead: FabricLead;
  readonly lead: VolumeLead;
  paths = new PathTable();
  changes: PathChanges | null = null;
  lease = 0;
  /** Reactors that serve the device. */
  served = 0;
  /** Every reactor has its device. */
  attached = false;
  dead = false;
  record: GhostRecord | null = null;
  readonly #place: HostPlace;
  readonly #listener: HostListener;
  readonly #died: Deferred<void>;
  readonly #toReactors: ((message: ToReactor) => void)[] = [];
  readonly #kept: ReturnType<SimIo['timer']>;

  constructor(place: HostPlace, listener: HostListener) {
    this.#place = place;
    this.#listener = listener;
    this.#died = place.clock.deferred<void>();
    const heard: VolumeListener = {
      onVolumeEvent: (reactor, event) => {
        if (event.kind === 'volume-shape') this.#spread(reactor, event.shape);
        listener.onVolumeEvent(reactor, event);
      },
    };
    for (let index = 0; index < place.scenario.host.reactors; index += 1) {
      this.reactors.push(new SimReactor(index, place.world.io(`host${index}`, reactorBytes), heard));
    }
    const first = this.reactors[0]!;
    this.fabricLead = new FabricLead(first.io, {
      reactors: this.reactors.length,
      post: (reactor, message) => this.#toReactors[reactor]!(message),
    });
    this.lead = new VolumeLead(first.io, this.fabricLead, (event) => listener.onLeadEvent(event));
    for (const reactor of this.reactors) this.#wire(first, reactor);
    this.#kept = first.io.timer(() => void this.#forget(false));
  }

  #wire(first: SimReactor, reactor: SimReactor): void {
    const { random } = this.#place;
    const toLead = (message: ToLead): void => this.fabricLead.onMessage(reactor.index, message);
    const toReactor = (message: ToReactor): void => reactor.fabric.onMessage(message);
    const up = reactor === first ? null : new Courier<ToLead>(first.io, random, toLead);
    const down = reactor === first ? null : new Courier<ToReactor>(reactor.io, random, toReactor);
    const post = up === null ? ownPost<ToLead>(first.io, toLead) : (message: ToLead) => up.post(message);
    reactor.fabric = new FabricReactor(reactor.io, { post }, reactor.volumes);
    this.#toReactors.push(down === null ? ownPost<ToReactor>(first.io, toReactor) : (message) => down.post(message));
  }

  /** The devices of all reactors; none while the host is not there. */
  get devices(): readonly MultipathDevice[] {
    return this.attached && !this.dead ? this.reactors.map(({ device }) => device) : [];
  }

  /** Connects every port and makes the device on every reactor. Without end if the host dies meanwhile. */
  async attach(): Promise<void> {
    const { scenario, store } = this.#place;
    const { host, ports } = scenario;
    const targets = Array.from({ length: ports }, (_unused, index) => this.#target(index + 1));
    const attached = await this.lead.attach({ targets, nsid: 1, timeoutMs: 15_000 });
    const geometry = await this.#sameAsBefore(attached);
    this.lease = attached.lease;
    this.paths = new PathTable(
      attached.associations.map(({ association, host: address, port }) => ({ association, id: `${address}:${port}` })),
    );
    const record = new GhostRecord(
      {
        reactors: this.reactors.length,
        sizeBytes: geometry.sizeBytes,
        boundMs: Math.max(...attached.associations.map(({ fenceMs }) => fenceMs)),
        bootId: store.bootId,
        isNew: false,
      },
      { now: () => this.reactors[0]!.io.clock.now(), uptime: () => store.uptime() },
      store.read(),
    );
    store.write(record.image());
    this.record = record;
    const { info } = attached;
    const activePath = new SharedArrayBuffer(activePathBytes(this.reactors.length));
    for (const reactor of this.reactors) {
      await this.#turn(reactor);
      const plan: VolumePlan = {
        device: deviceNumber,
        identity: info.identity,
        nsid: info.nsid,
        geometry,
        readOnly: false,
        isProtected: info.readOnly,
        associations: this.paths.list.map(({ association }) => association),
        witnesses: liveIndexes(attached),
        policy: { policy: host.policy, weights: [] },
        sharedCache: host.sharedCache,
        activePath,
        statistics: new SharedArrayBuffer(statisticsBytes),
        gate: '',
        reactors: this.reactors.length,
        reactor: reactor.index,
      };
      const { memory } = store;
      reactor.volumes.make(plan, sharedIn(memory, this.reactors.length, reactor.index));
    }
    const keepMs = record.begin();
    if (keepMs > 0) {
      this.#kept.arm(keepMs);
      void this.#resetEarlier(record, keepMs);
    }
    this.served = reactorsServed(this.reactors.length, attached);
    this.attached = true;
    const statistics = this.devices.slice(0, this.served).map((device) => device.statistics);
    const { lead, reactors } = this;
    this.changes = new PathChanges(
      { name: 'the volume', paths: this.paths, statistics, onDropped: () => {} },
      localPeers({ lead, reactors, turn: (reactor) => this.#turn(reactor) }, deviceNumber, attached),
    );
    await pathsPlaced(attached, statistics, (milliseconds) => this.reactors[0]!.io.sleep(milliseconds));
  }

  #target(port: number): AssociationOptions {
    const { digests, queueDepth, katoMs, ioTimeoutMs, adminTimeoutMs, userTimeoutMs, handshakeMs, quiesceMs } =
      this.#place.scenario.host;
    const times = { katoMs, ioTimeoutMs, adminTimeoutMs, userTimeoutMs, handshakeMs, quiesceMs };
    const reconnects = { reconnectFirstMs: 100, reconnectLongestMs: 1000 };
    const dhchap = this.#place.scenario.authentication === null ? null : secrets;
    return {
      ...times,
      ...reconnects,
      dhchap,
      address: portAddress(port),
      subnqn,
      hostnqn,
      hostid,
      digests,
      queueDepth,
    };
  }

  /** The path over a port of the array, if there is one now. */
  pathOver(port: number): VolumePathEntry | undefined {
    const { host, port: number } = portAddress(port);
    return this.paths.list.find(({ id }) => id === `${host}:${number}`);
  }

  /** Says why not, empty if it was done; null if the host died meanwhile, or is not there. */
  async addPath(port: number): Promise<string | null> {
    const geometry = (): Geometry => this.reactors[0]!.device.geometry;
    return await this.#change((changes) => changes.add(this.#target(port), (info) => mismatch(geometry(), info)));
  }

  async removePath(path: VolumePathEntry, force: boolean): Promise<string | null> {
    return await this.#change((changes) => changes.remove(path, force));
  }

  async #change(change: (changes: PathChanges) => Promise<unknown>): Promise<string | null> {
    const { changes } = this;
    if (changes === null || !this.attached) return null;
    let said = '';
    const lives = await this.whileAlive(async () => {
      try {
        await change(changes);
      } catch (error) {
        if (!(error instanceof CausewayError) || error.code === 'assertion') throw error;
        said = error.message;
      }
    });
    return lives ? said : null;
  }

  /** @throws CausewayError if what stands under the address is not what was attached before */
  async #sameAsBefore({ info, lease }: AttachedVolume): Promise<Geometry> {
    const place = this.#place;
    place.first ??= info.identity.id;
    if (info.identity.id === place.first) return geometryOf(info, maxTransferBytes, false);
    await this.lead.release(lease);
    throw new CausewayError('volume-replaced', 'it is another volume');
  }

  /** By way of the main thread, as `host/host.ts` does it. */
  #spread(from: number, shape: Shape): void {
    for (const reactor of this.reactors) {
      if (reactor.index !== from) void this.#turn(reactor).then(() => reactor.volumes.told(deviceNumber, shape));
    }
  }

  /** As `host/open-source.ts` does. */
  async #resetEarlier({ heritage }: GhostRecord, withinMs: number): Promise<void> {
    const { lives } = heritage;
    if (lives === null) return;
    const areReset = await this.lead.resetEarlier({ lease: this.lease, lives, withinMs });
    if (!areReset || !this.#kept.armed) return;
    this.#kept.disarm();
    await this.#forget(true);
  }

  /** What an earlier program left can not come any more. */
  async #forget(byResets: boolean): Promise<void> {
    this.record?.over();
    this.#listener.onHeritageOver(byResets);
    for (const reactor of this.reactors) {
      await this.#turn(reactor);
      if (!this.attached) return;
      reactor.volumes.fenced(deviceNumber, earlierProgram.controller, earlierProgram.epoch);
    }
  }

  /** A message from the main thread reaches a reactor in its own time; never if the host dies before. */
  async #turn(reactor: SimReactor): Promise<void> {
    await reactor.io.sleep(this.#place.random.float());
  }

  /** Another policy: the word of it reaches the reactors one by one. Resolves when it has, or the host is dead. */
  async setPolicy(policy: Policy): Promise<void> {
    if (!this.attached) return;
    await this.whileAlive(async () => {
      for (const reactor of this.reactors) {
        await this.#turn(reactor);
        if (!this.attached) return;
        reactor.volumes.setPolicy(deviceNumber, { policy, weights: [] });
      }
    });
  }

  /** The administrator's word reaches the reactors one by one. Resolves when it has, or the host is dead. */
  async setDisabled(port: number, disabled: boolean): Promise<void> {
    const path = this.pathOver(port);
    if (path === undefined) return;
    await this.whileAlive(async () => {
      for (const reactor of this.reactors) {
        await this.#turn(reactor);
        // Its index may be another path's by now.
        if (!this.attached || this.pathOver(port) !== path) return;
        reactor.volumes.disable(deviceNumber, path.index, disabled);
      }
    });
  }

  /** Does something that takes time; resolves to false if the host dies meanwhile. */
  async whileAlive(act: () => Promise<void>): Promise<boolean> {
    if (this.dead) return false;
    await Promise.race([act(), this.#died.promise]);
    return !this.dead;
  }

  /** As by `kill -9`: the kernel resets its connections, nothing of it runs any more. The ghost file stays. */
  kill(): void {
    this.dead = true;
    for (const { io } of this.reactors) io.kill();
    this.#died.resolve();
  }

  /** Lets go of the volume in order. No request may be under way. */
  async detach(): Promise<void> {
    this.attached = false;
    this.#kept.disarm();
    await this.changes?.end();
    for (const reactor of this.reactors) {
      await this.#turn(reactor);
      await reactor.device.close();
      reactor.volumes.drop(deviceNumber);
    }
    await this.lead.release(this.lease);
    const { store } = this.#place;
    const { gate, lives } = sharedIn(store.memory, this.reactors.length);
    store.leave(this.record?.left(gate.entries().length === 0, lives.longestMs, false) ?? null);
    this.kill();
  }
}
