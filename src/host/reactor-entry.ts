/** The entry of a host reactor: which calls it answers. */
import { defined } from '../base/assert.ts';
import type { BlockDevice, Geometry, Identity } from '../block/device.ts';
import { FileDevice, type FileDeviceOptions } from '../block/file-device.ts';
import { MemoryDevice, type MemoryDeviceOptions } from '../block/memory-device.ts';
import { discover, type DiscoverOptions } from '../fabric/nvme-tcp/discovery.ts';
import { FabricLead } from '../fabric/nvme-tcp/lead.ts';
import { FabricReactor } from '../fabric/nvme-tcp/reactor-side.ts';
import { type FilteredDevice, type FilterSpec, putFilters } from '../filters/spec.ts';
import { knownStores, type StorePlace } from '../io/uring/store.ts';
import type { KernelQueueServer, QueuePlan } from '../kernel/contract.ts';
import { CuseServer } from '../kernel/cuse/server.ts';
import { makeQueueServer } from '../kernel/queue-server.ts';
import { DeviceStatistics } from '../multipath/statistics.ts';
import { AliasDevice } from './alias-device.ts';
import type { CompanionOrder } from './companion.ts';
import { CountedDevice } from './counted-device.ts';
import { BridgeDevice, type BridgeOptions } from './bridge-device.ts';
import { Lead, ownLink, portLink, type ReactorPort } from './fabric-link.ts';
import { type DhAnswer, DhOrders } from './dh-helper.ts';
import { type GeneratorPlan, runGenerator } from './generator.ts';
import type { PolicyOrder } from './live-policy.ts';
import { type NvmeCommand, Passthrough } from './passthrough.ts';
import type { Methods } from './rpc.ts';
import { type DirectIo, DirectChannel } from './direct-channel.ts';
import { runVerifier, type VerifierPlan } from './verifier.ts';
import { type Mapping, mapGate } from './gate-mapping.ts';
import { sharedIn } from './ghost-record.ts';
import { type AttachRequest, type EarlierOrder, type LeasePathOrder, VolumeLead } from './volume-lead.ts';
import { type AddPathOrder, type PathOrder, type VolumePlan, VolumeReactor } from './volume-reactor.ts';
import type { Shape } from './volume-shape.ts';
import { runWorker, type WorkerContext } from './worker-main.ts';

/** A device as the main thread gets to know it. */
export interface OpenedDevice {
  readonly geometry: Geometry;
  readonly identity: Identity;
}

/** A command of somebody else's making for a volume. */
export interface NvmeOrder {
  /** As its users see it, and the multipath device behind that. */
  readonly device: number;
  readonly multipath: number;
  readonly command: NvmeCommand;
  readonly isDangerAllowed: boolean;
}

function makeMethods({ io, emit }: WorkerContext): Methods {
  const devices = new Map<number, BlockDevice>();
  const channels = new Map<number, DirectChannel>();
  const bridges = new Map<number, BridgeDevice>();
  const filters = new Map<number, FilteredDevice>();
  const gates = new Map<number, Mapping>();
  /** Both by the device that a volume is served by. */
  const companions = new Map<number, CuseServer>();
  const passthroughs = new Map<number, Passthrough>();
  let fabric: FabricReactor | null = null;
  const volumes = new VolumeReactor(
    io,
    (event) => emit('volume', event),
    (controller, epoch) => fabric?.isFenced(controller, epoch) === true,
  );
  const dhOrders = new DhOrders(io, (order) => emit('dh-order', order));
  let lead: VolumeLead | null = null;
  let link: Lead | null = null;
  const servers = new Map<number, KernelQueueServer>();
  let lastServer = 0;

  const open = (number: number, device: BlockDevice): OpenedDevice => {
    devices.set(number, device);
    return { geometry: device.geometry, identity: device.identity };
  };
  const deviceOf = (number: number): BlockDevice => defined(devices.get(number), 'no device of this number');
  const passthroughOf = (device: number, multipath: number): Passthrough => {
    const known = passthroughs.get(device);
    if (known !== undefined) return known;
    const made = new Passthrough(io, {
      target: volumes.passthroughTarget(multipath),
      device: deviceOf(device),
      controller: (association) => defined(lead, 'not the lead').controller(association),
    });
    passthroughs.set(device, made);
    return made;
  };

  return {
    /** Makes this reactor the lead: number 0. The ports lead to the others, in their order. */
    'fabric.lead': async (ports: readonly ReactorPort[]) => {
      const side = new FabricReactor(
        io,
        ownLink(io, (message) => fabricLead.onMessage(0, message)),
        volumes,
      );
      fabric = side;
      link = new Lead(
        io,
        ports,
        (message) => side.onMessage(message),
        (reactor, message) => fabricLead.onMessage(reactor, message),
      );
      const fabricLead = new FabricLead(io, link);
      lead = new VolumeLead(io, fabricLead, (event) => emit('lead', event));
    },
    'fabric.join': async (toLead: ReactorPort) => {
      fabric = new FabricReactor(
        io,
        portLink(toLead, (message) => fabric?.onMessage(message)),
        volumes,
      );
    },
    'dh.answer': async (answer: DhAnswer) => dhOrders.onAnswer(answer),
    'fabric.discover': (options: DiscoverOptions) => discover(io, options),
    'volume.attach': (request: AttachRequest) => defined(lead, 'not the lead').attach(request),
    'volume.release': (lease: number) => defined(lead, 'not the lead').release(lease),
    'volume.reset': async (associations: readonly number[]) => defined(lead, 'not the lead').reset(associations),
    'volume.holding': async (device: number) => volumes.holding(device),
    'volume.make': async (plan: VolumePlan) => {
      const mapping = mapGate(plan.gate, plan.reactors);
      gates.set(plan.device, mapping);
      const { memory } = mapping;
      const { device, reactors, reactor } = plan;
      open(device, volumes.make(plan, sharedIn(memory, reactors, reactor)));
    },
    'volume.fenced': async (order: { device: number; controller: number; epoch: number }) =>
      volumes.fenced(order.device, order.controller, order.epoch),
    'volume.reset-earlier': (order: EarlierOrder) => defined(lead, 'not the lead').resetEarlier(order),
    'volume.disable': async (order: { device: number; index: number; disabled: boolean }) =>
      volumes.disable(order.device, order.index, order.disabled),
    'volume.add-path': async (order: AddPathOrder) => volumes.addPath(order),
    'volume.retire-path': async (order: PathOrder) => volumes.retirePath(order),
    'volume.path-load': async (order: PathOrder) => volumes.pathLoad(order),
    'volume.settle-path': (order: PathOrder) => volumes.settlePath(order),
    'volume.drop-path': async (order: PathOrder) => volumes.dropPath(order),
    'volume.forget-path': async (order: PathOrder) => volumes.forgetPath(order),
    'volume.lease-path': (order: LeasePathOrder) => defined(lead, 'not the lead').leasePath(order),
    'volume.return-path': (order: { lease: number; association: number }) =>
      defined(lead, 'not the lead').returnPath(order.lease, order.association),
    'volume.told': async (order: { device: number; shape: Shape }) => volumes.told(order.device, order.shape),
    'volume.tell-all': async (device: number) => volumes.tellAll(device),
    'volume.fail-queued': async (device: number) => volumes.volume(device).failQueued(),
    'volume.nvme': (order: NvmeOrder) =>
      passthroughOf(order.device, order.multipath).run(order.command, order.isDangerAllowed),
    'companion.serve': async ({ device, multipath, fd, isDangerAllowed }: CompanionOrder) => {
      const passthrough = passthroughOf(device, multipath);
      const server = new CuseServer(io, fd, {
        nsid: passthrough.nsid,
        run: (command) => passthrough.run(command, isDangerAllowed),
      });
      companions.set(device, server);
      server.start();
    },
    'companion.ended': (device: number) => defined(companions.get(device), 'no companion node').ended,
    'companion.stop': async (device: number) => {
      companions.get(device)?.stop();
      companions.delete(device);
    },
    'volume.policy': async (order: { device: number; policy: PolicyOrder }) =>
      volumes.setPolicy(order.device, order.policy),

    'device.memory': async (order: { device: number; options: MemoryDeviceOptions; place: StorePlace }) => {
      knownStores.set(order.options.name, order.place);
      return open(order.device, new MemoryDevice(io, order.options));
    },
    'device.file': async (order: { device: number; options: FileDeviceOptions }) =>
      open(order.device, await FileDevice.open(io, order.options)),
    'device.bridge': async (options: BridgeOptions) => {
      const bridge = new BridgeDevice(io, options, (message) => emit('bridge', { device: options.device, message }));
      bridges.set(options.device, bridge);
      return open(options.device, bridge);
    },
    'bridge.done': async (order: { device: number; done: readonly number[] }) =>
      bridges.get(order.device)?.onDone(order.done),
    'bridge.alive': async (device: number) => bridges.get(device)?.onAlive(),
    'bridge.abandon': async (device: number) => bridges.get(device)?.abandon(),
    'device.alias': async (order: { device: number; of: number; readOnly: boolean }) =>
      open(order.device, new AliasDevice(deviceOf(order.of), order.readOnly)),
    'device.count': async (order: { device: number; statistics: SharedArrayBuffer }) => {
      open(order.device, new CountedDevice(io, deviceOf(order.device), new DeviceStatistics(order.statistics)));
    },
    'device.filter': async (order: { device: number; filters: readonly FilterSpec[] }) => {
      const filtered = putFilters(io, deviceOf(order.device), order.filters);
      filters.set(order.device, filtered);
      open(order.device, filtered.device);
    },
    'filter.report': async (device: number) => filters.get(device)?.report() ?? [],
    'device.close': async (number: number) => {
      await channels.get(number)?.close();
      channels.delete(number);
      await devices.get(number)?.close();
      devices.delete(number);
      bridges.delete(number);
      filters.delete(number);
      volumes.drop(number);
      passthroughs.delete(number);
      gates.get(number)?.unmap();
      gates.delete(number);
    },

    /** Requests from the main thread. */
    'channel.open': async (number: number) => {
      const channel = new DirectChannel(io, deviceOf(number));
      channels.set(number, channel);
      return { address: io.memory.base, bytes: io.memory.size, slots: channel.slots };
    },
    'channel.io': (order: { device: number; io: DirectIo }) =>
      defined(channels.get(order.device), 'no channel to this device').submit(order.io),

    'queue.serve': async (order: { device: number; plan: QueuePlan }) => {
      const server = makeQueueServer(io, deviceOf(order.device), order.plan);
      await server.start();
      lastServer += 1;
      const number = lastServer;
      servers.set(number, server);
      void server.ended.then((failure) => {
        servers.delete(number);
        emit('queue-ended', { server: number, failure });
      });
      return number;
    },
    'queue.quiesce': async (number: number) => await servers.get(number)?.quiesce(),
    'queue.fail': async (number: number) => servers.get(number)?.fail?.(),

    'generator.run': (order: { device: number; plan: GeneratorPlan }) =>
      runGenerator(io, deviceOf(order.device), order.plan),
    'verifier.run': (order: { device: number; plan: VerifierPlan }) =>
      runVerifier(io, deviceOf(order.device), order.plan),

    /** What this reactor costs: for people and benchmarks. */
    usage: async () => ({
      memoryBytes: io.memory.takenBytes,
      enters: io.ring.enters,
      heap: process.memoryUsage(),
    }),
  };
}

runWorker(makeMethods);
