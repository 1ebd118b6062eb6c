/** Volumes of one embedded array on a host of some reactors, in one simulated world: lead and reactors as in the product. */
import assert from 'node:assert/strict';
import { EmbeddedArray } from '../array/array.ts';
import type { ArrayOptions } from '../array/config.ts';
import { Random } from '../base/random.ts';
import { maxTransferBytes } from '../block/device.ts';
import { submitChecked } from '../block/door.ts';
import { type Op, op, Request } from '../block/request.ts';
import { status } from '../block/status.ts';
import type { AssociationOptions } from '../fabric/nvme-tcp/association.ts';
import { FabricLead } from '../fabric/nvme-tcp/lead.ts';
import type { ToLead, ToReactor } from '../fabric/nvme-tcp/messages.ts';
import { FabricReactor } from '../fabric/nvme-tcp/reactor-side.ts';
import { hostid, hostnqn, portAddress, subnqn } from '../fabric/nvme-tcp/with-fabric.test.support.ts';
import type { SimIo } from '../io/sim/sim-io.ts';
import { World } from '../io/sim/world.ts';
import type { MultipathDevice } from '../multipath/device.ts';
import { type Policy, policyOf } from '../multipath/policy.ts';
import { activePathBytes } from '../multipath/selectors/active-path.ts';
import { statisticsBytes } from '../multipath/statistics.ts';
import { BlockHistory } from './block-history.ts';
import { sharedBytes, sharedIn, type SharedParts } from './ghost-record.ts';
import { localPeers } from './local-peers.ts';
import { PathChanges, type PathPeers } from './path-changes.ts';
import { PathTable } from './path-table.ts';
import { type AttachedVolume, type LeadEvent, liveIndexes, VolumeLead } from './volume-lead.ts';
import { type VolumeEvent, type VolumePlan, VolumeReactor } from './volume-reactor.ts';
import { geometryOf } from './volume-shape.ts';

const mebi = 2 ** 20;
const block = 4096;

class HostReactor {
  readonly io: SimIo;
  readonly volumes: VolumeReactor;
  readonly fabric: FabricReactor;

  constructor(io: SimIo, post: (message: ToLead) => void, tell: (event: VolumeEvent) => void) {
    this.io = io;
    this.volumes = new VolumeReactor(io, tell, (controller, epoch) => this.fabric.isFenced(controller, epoch));
    this.fabric = new FabricReactor(io, { post }, this.volumes);
  }
}

/** Word of a change reaches the reactors one after the other. */
const turn = ({ io }: HostReactor): Promise<unknown> => io.sleep(1);

/** A volume that is attached: its device on each reactor. */
export class TestVolume {
  readonly number: number;
  readonly attached: AttachedVolume;
  readonly devices: readonly MultipathDevice[];
  readonly shared: SharedParts;
  readonly paths: PathTable;
  readonly changes: PathChanges;

  constructor(
    number: number,
    attached: AttachedVolume,
    devices: readonly MultipathDevice[],
    shared: SharedParts,
    peers: PathPeers,
  ) {
    this.number = number;
    this.attached = attached;
    this.devices = devices;
    this.shared = shared;
    this.paths = new PathTable(
      attached.associations.map(({ association, host, port }) => ({ association, id: `${host}:${port}` })),
    );
    const statistics = devices.map((device) => device.statistics);
    this.changes = new PathChanges({ name: 'test', paths: this.paths, statistics, onDropped: () => {} }, peers);
  }

  get device(): MultipathDevice {
    return this.devices[0]!;
  }

  get associations(): readonly number[] {
    return this.attached.associations.map(({ association }) => association);
  }

  /** States of the paths on the first reactor, in the order of their indexes. */
  get states(): readonly string[] {
    const { members } = this.device.paths;
    return this.associations.map((_association, index) => members[index]?.state ?? 'unknown');
  }
}

/**
 * Random reads and writes of one device, on one reactor; each read is held against what was written. Each reactor has a
 * part of the device to itself, because none knows what another one wrote.
 */
export class TestLoad {
  completed = 0;
  readonly failures: number[] = [];
  readonly #history: BlockHistory;
  readonly #io: SimIo;
  readonly #device: MultipathDevice;
  readonly #random: Random;
  readonly #memory: number;
  readonly #places: Int32Array;
  readonly #generations: Uint32Array;
  #left: number;
  #stopping = false;

  constructor(io: SimIo, device: MultipathDevice, seed: number, depth: number, first: number, blocks: number) {
    this.#io = io;
    this.#device = device;
    this.#random = new Random(seed);
    this.#history = new BlockHistory(seed, block, first, blocks);
    this.#memory = io.memory.allocate(depth * block, block);
    this.#places = new Int32Array(depth);
    this.#generations = new Uint32Array(depth);
    this.#left = depth;
    for (let tag = 0; tag < depth; tag += 1) this.#submit(new Request(io, tag));
  }

  get wrong(): number {
    return this.#history.wrong;
  }

  get ended(): boolean {
    return this.#left === 0;
  }

  stop(): void {
    this.#stopping = true;
  }

  release(): void {
    this.#io.memory.free(this.#memory);
  }

  #submit(request: Request): void {
    const history = this.#history;
    const { tag } = request;
    let at = this.#random.below(history.count);
    while (!history.take(at, 1)) at = this.#random.below(history.count);
    const place = this.#memory + tag * block;
    const operation: Op = this.#random.below(2) === 0 ? op.read : op.write;
    if (operation === op.write) this.#generations[tag] = history.fill(this.#io.memory.u32, place / 4, at, 1);
    this.#places[tag] = at;
    request.begin(operation, (history.first + at) * block, block, place, 0, this);
    submitChecked(this.#device, request);
  }

  onRequest(request: Request): void {
    const at = this.#places[request.tag]!;
    if (request.status !== status.ok) {
      this.failures.push(request.status);
      if (request.op === op.write) this.#history.doubted(at, 1);
    } else if (request.op === op.read) this.#history.check(this.#io.memory.u32, request.buffer / 4, at, 1);
    else this.#history.written(at, 1, this.#generations[request.tag]!);
    this.#history.give(at, 1);
    this.completed += 1;
    if (this.#stopping) this.#left -= 1;
    else this.#submit(request);
  }
}

export class TestHost {
  readonly world: World;
  readonly array: EmbeddedArray;
  readonly lead: VolumeLead;
  readonly fabric: FabricLead;
  readonly reactors: HostReactor[] = [];
  readonly leadEvents: LeadEvent[] = [];
  readonly events: VolumeEvent[] = [];
  readonly volumes = new Set<TestVolume>();
  readonly #loads: TestLoad[] = [];
  #devices = 0;

  constructor(seed: number, reactors: number, options: ArrayOptions) {
    this.world = new World({ seed, memoryBytes: 160 * mebi });
    this.array = new EmbeddedArray(this.world.io('array'), {
      ports: [{ address: portAddress(1) }, { address: portAddress(2) }],
      volumes: [1, 2, 3].map((nsid) => ({ nsid, name: `volume-${nsid}`, sizeBytes: mebi })),
      subnqn,
      ...options,
    });
    const ios = Array.from({ length: reactors }, (_unused, index) => this.world.io(`host${index}`));
    const first = ios[0]!;
    this.fabric = new FabricLead(first, {
      reactors,
      post: (reactor: number, message: ToReactor) => {
        const copy = structuredClone(message);
        ios[reactor]!.later({ run: () => this.reactors[reactor]!.fabric.onMessage(copy) });
      },
    });
    this.lead = new VolumeLead(first, this.fabric, (event) => this.leadEvents.push(event));
    ios.forEach((io, reactor) => {
      const post = (message: ToLead): void => {
        const copy = structuredClone(message);
        first.later({ run: () => this.fabric.onMessage(reactor, copy) });
      };
      this.reactors.push(new HostReactor(io, post, (event) => this.events.push(event)));
    });
  }

  /** How many associations there are. */
  get associations(): number {
    return [...this.fabric.associations].length;
  }

  begin(nsid: number | undefined, options: Partial<AssociationOptions> = {}): Promise<AttachedVolume> {
    const targets = this.array.config.ports.map((_port, index) => ({
      address: portAddress(index + 1),
      subnqn,
      hostnqn,
      hostid,
      ...(nsid === undefined ? {} : { nsids: [nsid] }),
      ...options,
    }));
    return this.lead.attach({ targets, timeoutMs: 15_000, ...(nsid === undefined ? {} : { nsid }) });
  }

  async attach(
    nsid: number,
    options: Partial<AssociationOptions> = {},
    policy: Partial<Policy> = {},
  ): Promise<TestVolume> {
    const attached = await this.world.drive(this.begin(nsid, options));
    const volume = this.make(attached, policy);
    // Word of the paths is on its way to the reactors.
    const live = liveIndexes(attached);
    const placed = (): boolean =>
      volume.devices.every(({ paths }) => live.every((index) => paths.members[index] !== undefined));
    await this.world.run({ until: placed, maxVirtualMs: 1000 });
    return volume;
  }

  make(attached: AttachedVolume, policy: Partial<Policy> = {}): TestVolume {
    this.#devices += 1;
    const device = this.#devices;
    const { info } = attached;
    const reactors = this.reactors.length;
    const memory = new ArrayBuffer(sharedBytes(reactors));
    const activePath = new SharedArrayBuffer(activePathBytes(reactors));
    const devices = this.reactors.map(({ volumes }, reactor) => {
      const plan: VolumePlan = {
        device,
        identity: info.identity,
        nsid: info.nsid,
        geometry: geometryOf(info, maxTransferBytes, false),
        readOnly: false,
        isProtected: info.readOnly,
        witnesses: liveIndexes(attached),
        associations: attached.associations.map(({ association }) => association),
        policy: { policy: policyOf({ flapLimit: 0, ...policy }), weights: [] },
        sharedCache: false,
        gate: '',
        reactors,
        reactor,
        activePath,
        statistics: new SharedArrayBuffer(statisticsBytes),
      };
      return volumes.make(plan, sharedIn(memory, reactors, reactor));
    });
    const peers = localPeers({ lead: this.lead, reactors: this.reactors, turn }, device, attached);
    const volume = new TestVolume(device, attached, devices, sharedIn(memory, reactors), peers);
    this.volumes.add(volume);
    return volume;
  }

  target(port: number, nsid: number): AssociationOptions {
    return { address: portAddress(port), subnqn, hostnqn, hostid, nsids: [nsid] };
  }

  /** As the product does it: nothing is under way any more. */
  async detach(volume: TestVolume): Promise<void> {
    this.volumes.delete(volume);
    for (const [index, { volumes }] of this.reactors.entries()) {
      await volume.devices[index]!.close();
      volumes.drop(volume.number);
    }
    await this.world.drive(this.lead.release(volume.attached.lease));
  }

  /** A load on the volume's device of one reactor. */
  load(volume: TestVolume, depth: number, reactor = 0): TestLoad {
    const device = volume.devices[reactor]!;
    const blocks = Math.floor(device.geometry.sizeBytes / block / this.reactors.length);
    const seed = this.#loads.length + 1;
    const load = new TestLoad(this.reactors[reactor]!.io, device, seed, depth, reactor * blocks, blocks);
    this.#loads.push(load);
    return load;
  }

  async end(load: TestLoad): Promise<void> {
    load.stop();
    await this.world.run({ until: () => load.ended, maxVirtualMs: 60_000 });
    assert.equal(load.wrong, 0, 'a read showed something else than what was written');
  }

  async close(): Promise<void> {
    for (const load of this.#loads) if (!load.ended) await this.end(load);
    for (const volume of this.volumes) await this.detach(volume);
    for (const load of this.#loads) load.release();
    assert.equal(this.associations, 0, 'associations are left');
    await this.world.drive(this.array.close());
  }
}

/** Runs `play`; everything is taken away afterwards, and no memory may be missing. */
export async function withVolumes(
  seed: number,
  reactors: number,
  options: ArrayOptions,
  play: (host: TestHost) => Promise<void>,
): Promise<void> {
  const host = new TestHost(seed, reactors, options);
  await host.world.drive(host.array.listen());
  try {
    await play(host);
    await host.close();
    for (const { io } of host.reactors) assert.equal(io.memory.takenBytes, 0, 'a reactor lost memory');
  } catch (error) {
    if (error instanceof Error) error.message += ` (seed ${seed})`;
    throw error;
  }
}
