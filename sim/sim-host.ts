/**
 * The host of a run: reactors with the product's own glue (`VolumeLead`, `VolumeReactor`) and fabric, wired as
 * `host/reactor-entry.ts` wires them, with the world in the place of threads and message ports.
 */
import type { Random } from '../src/base/random.ts';
import { maxTransferBytes } from '../src/block/device.ts';
import { FabricLead } from '../src/fabric/nvme-tcp/lead.ts';
import type { ToLead, ToReactor } from '../src/fabric/nvme-tcp/messages.ts';
import { FabricReactor } from '../src/fabric/nvme-tcp/reactor-side.ts';
import { type AttachedVolume, type LeadEvent, VolumeLead } from '../src/host/volume-lead.ts';
import { geometryOf, type VolumeEvent, type VolumePlan, VolumeReactor } from '../src/host/volume-reactor.ts';
import type { SimIo } from '../src/io/sim/sim-io.ts';
import type { World } from '../src/io/sim/world.ts';
import type { MultipathDevice } from '../src/multipath/device.ts';
import { GhostGate, ghostGateBytes } from '../src/multipath/ghost-gate.ts';
import { flushLedgerBytes } from '../src/multipath/flush-ledger.ts';
import { statisticsBytes } from '../src/multipath/statistics.ts';
import { Courier, ownPost } from './courier.ts';
import type { Scenario } from './scenario.ts';
import { portAddress, subnqn } from './sim-array.ts';

const hostnqn = 'nqn.2014-08.org.nvmexpress:uuid:11111111-2222-3333-4444-555555555555';
const hostid = '11111111222233334444555555555555';
const reactorBytes = 24 * 2 ** 20;
export const deviceNumber = 1;

export interface HostListener {
  onVolumeEvent(reactor: number, event: VolumeEvent): void;
  onLeadEvent(event: LeadEvent): void;
}

export class SimReactor {
  readonly index: number;
  readonly io: SimIo;
  readonly volumes: VolumeReactor;
  fabric!: FabricReactor;

  constructor(index: number, io: SimIo, listener: HostListener) {
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
  /** By path index. */
  associations: readonly number[] = [];
  /** Reactors that serve the device. */
  served = 0;
  readonly #scenario: Scenario;
  readonly #random: Random;
  readonly #toReactors: ((message: ToReactor) => void)[] = [];

  constructor(world: World, random: Random, scenario: Scenario, listener: HostListener) {
    this.#scenario = scenario;
    this.#random = random;
    for (let index = 0; index < scenario.host.reactors; index += 1) {
      this.reactors.push(new SimReactor(index, world.io(`host${index}`, reactorBytes), listener));
    }
    const first = this.reactors[0]!;
    this.fabricLead = new FabricLead(first.io, {
      reactors: this.reactors.length,
      post: (reactor, message) => this.#toReactors[reactor]!(message),
    });
    this.lead = new VolumeLead(first.io, this.fabricLead, (event) => listener.onLeadEvent(event));
    for (const reactor of this.reactors) this.#wire(first, reactor);
  }

  #wire(first: SimReactor, reactor: SimReactor): void {
    const toLead = (message: ToLead): void => this.fabricLead.onMessage(reactor.index, message);
    const toReactor = (message: ToReactor): void => reactor.fabric.onMessage(message);
    const up = reactor === first ? null : new Courier<ToLead>(first.io, this.#random, toLead);
    const down = reactor === first ? null : new Courier<ToReactor>(reactor.io, this.#random, toReactor);
    const post = up === null ? ownPost<ToLead>(first.io, toLead) : (message: ToLead) => up.post(message);
    reactor.fabric = new FabricReactor(reactor.io, { post }, reactor.volumes);
    this.#toReactors.push(down === null ? ownPost<ToReactor>(first.io, toReactor) : (message) => down.post(message));
  }

  /** Connects every port and makes the device on every reactor. */
  async attach(): Promise<AttachedVolume> {
    const { host, ports } = this.#scenario;
    const { digests, queueDepth, katoMs, ioTimeoutMs, adminTimeoutMs, userTimeoutMs, handshakeMs, quiesceMs } = host;
    const times = { katoMs, ioTimeoutMs, adminTimeoutMs, userTimeoutMs, handshakeMs, quiesceMs };
    const targets = Array.from({ length: ports }, (_unused, index) => ({
      ...times,
      address: portAddress(index + 1),
      subnqn,
      hostnqn,
      hostid,
      digests,
      queueDepth,
      reconnectFirstMs: 100,
      reconnectLongestMs: 1000,
    }));
    const attached = await this.lead.attach({ targets, nsid: 1, timeoutMs: 15_000 });
    this.associations = attached.associations.map((view) => view.association);
    const ledger = new SharedArrayBuffer(flushLedgerBytes);
    const { info } = attached;
    const reactors = this.reactors.length;
    const gate = new SharedArrayBuffer(ghostGateBytes(reactors));
    for (const reactor of this.reactors) {
      await reactor.io.sleep(this.#random.float());
      const plan: VolumePlan = {
        device: deviceNumber,
        identity: info.identity,
        geometry: geometryOf(info, maxTransferBytes, false),
        associations: this.associations,
        selector: host.selector,
        ghostWrites: host.ghostWrites,
        noPathRetry: host.noPathRetry,
        sharedCache: host.sharedCache,
        ledger,
        statistics: new SharedArrayBuffer(statisticsBytes),
        life: host.life,
        gate: '',
        reactors,
        reactor: reactor.index,
      };
      reactor.volumes.make(plan, new GhostGate(gate, reactors, reactor.index));
    }
    const granted = attached.associations.filter(({ state }) => state === 'live').map(({ queues }) => queues);
    this.served = Math.max(1, Math.min(this.reactors.length, ...granted));
    return attached;
  }

  /** The administrator's word reaches the reactors one by one, each in its own time. */
  async setDisabled(index: number, disabled: boolean): Promise<void> {
    for (const reactor of this.reactors) {
      await reactor.io.sleep(this.#random.float());
      reactor.volumes.disable(deviceNumber, index, disabled);
    }
  }
}
