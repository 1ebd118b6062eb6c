/** Opens what a URL names as a device on every reactor, and closes it again. */
import { randomUUID } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';
import type { Geometry, Identity } from '../block/device.ts';
import { maxTransferBytes } from '../block/device.ts';
import type { FileDeviceOptions } from '../block/file-device.ts';
import type { MemoryDeviceOptions } from '../block/memory-device.ts';
import { defined } from '../base/assert.ts';
import type { AssociationOptions } from '../fabric/nvme-tcp/association.ts';
import { checkFilters } from '../filters/spec.ts';
import { mapStore } from '../io/uring/store.ts';
import { activePathBytes } from '../multipath/selectors/active-path.ts';
import { DeviceStatistics, statisticsBytes } from '../multipath/statistics.ts';
import { bootId } from '../kernel/process-identity.ts';
import { pathsPlaced, reactorsServed } from './attached-paths.ts';
import { bridgeCellsBytes } from './bridge-cells.ts';
import type { AttachOptions } from './contract.ts';
import type { CausewayHost } from './host.ts';
import { GhostFile, ghostFileName, sweepGhostFiles } from './ghost-file.ts';
import { earlierProgram } from './ghost-record.ts';
import { claimIdentity, type IdentityClaim } from './identity-claim.ts';
import { runtimeDirectory } from './runtime-dir.ts';
import type { OpenedDevice } from './reactor-entry.ts';
import { LivePolicy } from './live-policy.ts';
import { PathChanges, type PathPeers } from './path-changes.ts';
import { PathTable } from './path-table.ts';
import type { Source } from './source.ts';
import {
  type AttachedVolume,
  type EarlierOrder,
  type LeasedPath,
  type LeasePathOrder,
  liveIndexes,
} from './volume-lead.ts';
import type { VolumePlan } from './volume-reactor.ts';
import { geometryOf } from './volume-shape.ts';

/** A device that stands on every reactor of the host. */
export interface OpenSource {
  /** Its number, on every reactor. */
  readonly device: number;
  readonly geometry: Geometry;
  readonly identity: Identity;
  readonly kind: Source['kind'];
  /** The volume is still there when this process is not. */
  readonly outlives: boolean;
  readonly subsystem: string;
  readonly nsid: number;
  /** What the lead holds for it; null where there are no paths. */
  readonly lease: number | null;
  /** Other volumes may have their associations too. */
  readonly paths: PathTable;
  /** How many reactors serve it, from the first on: as many as have an I/O queue of every controller. */
  readonly reactors: number;
  /** By reactor that serves it. */
  readonly statistics: readonly DeviceStatistics[];
  /** What is in quarantine; null where there are no paths. */
  readonly ghosts: GhostFile | null;
  /** How paths come and go; null where there are none. */
  readonly changes: PathChanges | null;
  /** What all of its paths are connected with, but for the address. */
  readonly target: Omit<AssociationOptions, 'address'> | null;
  /** How its paths are used; where there are none, nothing follows from it. */
  readonly policy: LivePolicy;
  readonly claim: IdentityClaim;
  /** Its paths' controllers are taken to share their volatile cache, because whoever attached it said so. */
  readonly assumeSharedCache: boolean;
  /** The multipath device behind it, by number; null where there is none. */
  readonly multipath: number | null;
  /** When the kernel device is taken away by force: ends what only the program itself could answer. */
  readonly abandon: () => void;
}

const noClaim: IdentityClaim = { digest: '', release: () => {} };

/** How long attaching may take unless said otherwise, milliseconds. */
const attachTimeout = 15_000;

/** @throws CausewayError of whatever is wrong with the source */
export async function openSource(host: CausewayHost, source: Source, options: AttachOptions): Promise<OpenSource> {
  checkFilters(options.filters ?? []);
  const opened = await openUnfiltered(host, source, options);
  try {
    if (options.filters !== undefined && options.filters.length > 0) {
      await host.callAll('device.filter', () => ({ device: opened.device, filters: options.filters }));
    }
    return opened;
  } catch (error) {
    await closeSource(host, opened);
    throw error;
  }
}

async function openUnfiltered(host: CausewayHost, source: Source, options: AttachOptions): Promise<OpenSource> {
  switch (source.kind) {
    case 'memory':
      return await openLocal(host, source.kind, options, (device) => {
        const name = `device-${device}`;
        const memory: MemoryDeviceOptions = { name, id: `mem.${randomUUID()}`, ...source.options };
        const order = { device, options: memory, place: mapStore(memory.sizeBytes) };
        return ['device.memory', () => order];
      });
    case 'file':
      return await openLocal(host, source.kind, options, (device) => {
        const file: FileDeviceOptions = source.options;
        return ['device.file', () => ({ device, options: file })];
      });
    case 'bridge': {
      const opened = await openLocal(host, source.kind, options, (device) => {
        const cells = host.reactors.map(() => new SharedArrayBuffer(bridgeCellsBytes));
        host.onBridge(device, source.connect(device, cells));
        const order = (reactor: number): unknown => ({
          device,
          ...source.options,
          cells: defined(cells[reactor], 'cells'),
        });
        return ['device.bridge', order];
      });
      return { ...opened, abandon: source.abandon };
    }
    case 'alias':
      return await openAlias(host, source.of, options);
    case 'nvme':
      return await openFabric(host, source, options);
  }
}

/** Another door to a device that stands already: it has filters and a kernel device of its own, and no claim. */
async function openAlias(host: CausewayHost, of: OpenSource, options: AttachOptions): Promise<OpenSource> {
  const device = host.newDevice();
  const order = { device, of: of.device, readOnly: options.readOnly === true };
  const [opened] = await host.callAll<OpenedDevice>('device.alias', () => order);
  return { ...of, device, geometry: defined(opened, 'a device').geometry, kind: 'alias', claim: noClaim };
}

async function openLocal(
  host: CausewayHost,
  kind: Source['kind'],
  options: AttachOptions,
  order: (device: number) => [method: string, argument: (reactor: number) => unknown],
): Promise<OpenSource> {
  const device = host.newDevice();
  const [method, argument] = order(device);
  try {
    const [opened] = await host.callAll<OpenedDevice>(method, argument);
    const { geometry, identity } = defined(opened, 'a device');
    const buffers = host.reactors.map(() => new SharedArrayBuffer(statisticsBytes));
    await host.callAll('device.count', (reactor) => ({ device, statistics: buffers[reactor] }));
    // The others have an identity that was made for them just now.
    const claim = kind === 'file' ? claimIdentity(identity.id, options.name) : noClaim;
    const base = {
      device,
      geometry,
      identity,
      kind,
      outlives: kind === 'file',
      subsystem: '',
      nsid: 0,
      lease: null,
      paths: new PathTable(),
    };
    const statistics = buffers.map((buffer) => new DeviceStatistics(buffer));
    return {
      ...base,
      reactors: statistics.length,
      statistics,
      ghosts: null,
      policy: new LivePolicy({}, []),
      changes: null,
      target: null,
      claim,
      assumeSharedCache: false,
      multipath: null,
      abandon: () => {},
    };
  } catch (error) {
    host.offBridge(device);
    await host.callAll('device.close', () => device);
    throw error;
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** How long this host has been up, milliseconds. */
function uptime(): number {
  return os.uptime() * 1000;
}

async function openFabric(
  host: CausewayHost,
  source: Extract<Source, { kind: 'nvme' }>,
  options: AttachOptions,
): Promise<OpenSource> {
  const request = { ...source.request, timeoutMs: options.timeout ?? attachTimeout };
  const attached = await host.lead.call<AttachedVolume>('volume.attach', request);
  const associations = attached.associations.map((view) => view.association);
  for (const view of attached.associations) host.associations.set(view.association, view);
  let claim: IdentityClaim | null = null;
  let opened: GhostFile | null = null;
  const device = host.newDevice();
  try {
    const { info } = attached;
    const paths = new PathTable(
      attached.associations.map(({ association, host: address, port }) => ({ association, id: `${address}:${port}` })),
    );
    const policy = new LivePolicy(options, paths.list);
    claim = claimIdentity(info.identity.id, options.name);
    const geometry = geometryOf(info, maxTransferBytes, options.readOnly === true);
    const boot = bootId();
    sweepGhostFiles(runtimeDirectory(), boot, uptime());
    const ghosts = new GhostFile({
      path: path.join(runtimeDirectory(), ghostFileName(claim.digest)),
      reactors: host.reactors.length,
      sizeBytes: geometry.sizeBytes,
      boundMs: Math.max(...attached.associations.map(({ fenceMs }) => fenceMs)),
      bootId: boot,
      uptime,
      isNew: options.isNew === true,
    });
    opened = ghosts;
    const buffers = host.reactors.map(() => new SharedArrayBuffer(statisticsBytes));
    const activePath = new SharedArrayBuffer(activePathBytes(host.reactors.length));
    const plan = (reactor: number): VolumePlan => ({
      device,
      identity: info.identity,
      nsid: info.nsid,
      geometry,
      readOnly: options.readOnly === true,
      isProtected: info.readOnly,
      associations,
      witnesses: liveIndexes(attached),
      policy: policy.order,
      sharedCache: options.assumeSharedCache === true,
      gate: ghosts.path,
      reactors: host.reactors.length,
      reactor,
      activePath,
      statistics: defined(buffers[reactor], 'statistics'),
    });
    await host.callAll('volume.make', plan);
    ghosts.begin(() => void host.callAll('volume.fenced', () => ({ device, ...earlierProgram })));
    void resetEarlier(host, ghosts, attached.lease);
    const reactors = reactorsServed(host.reactors.length, attached);
    const statistics = buffers.slice(0, reactors).map((buffer) => new DeviceStatistics(buffer));
    await pathsPlaced(attached, statistics, sleep);
    const changes = new PathChanges(
      { name: options.name, paths, statistics, onDropped: ({ index }) => policy.forget(index) },
      pathPeers(host, device, attached, request.timeoutMs),
    );
    const { address: _first, ...target } = defined(source.request.targets[0], 'a target');
    return {
      device,
      geometry,
      identity: info.identity,
      kind: 'nvme',
      outlives: true,
      subsystem: info.subnqn,
      nsid: info.nsid,
      lease: attached.lease,
      paths,
      reactors,
      statistics,
      ghosts,
      policy,
      changes,
      target,
      claim,
      assumeSharedCache: options.assumeSharedCache === true,
      multipath: device,
      abandon: () => {},
    };
  } catch (error) {
    // Some reactor may have it.
    await host.callAll('device.close', () => device);
    opened?.close();
    claim?.release();
    await host.lead.call('volume.release', attached.lease);
    throw error;
  }
}

/** The reactors of this host, and its lead, as those who have a volume's paths. */
function pathPeers(host: CausewayHost, device: number, { lease, info }: AttachedVolume, timeoutMs: number): PathPeers {
  const { lead } = host;
  const all = <Result>(method: string, index: number): Promise<Result[]> =>
    host.callAll<Result>(method, () => ({ device, index }));
  return {
    lease: async (target) => {
      const order: LeasePathOrder = { lease, target, identity: info.identity.id, timeoutMs };
      const leased = await lead.call<LeasedPath>('volume.lease-path', order);
      host.associations.set(leased.view.association, leased.view);
      return leased;
    },
    giveBack: (association) => lead.call('volume.return-path', { lease, association }),
    reset: (association) => lead.call('volume.reset', [association]),
    add: (index, association) => host.callAll('volume.add-path', () => ({ device, index, association })),
    retire: (index) => all('volume.retire-path', index),
    load: async (index) => (await all<number>('volume.path-load', index)).reduce((sum, load) => sum + load, 0),
    settle: (index) => lead.call('volume.settle-path', { device, index }),
    drop: async (index) => (await all<boolean>('volume.drop-path', index)).every((isDropped) => isDropped),
    forget: (index) => lead.call('volume.forget-path', { device, index }),
    sleep,
  };
}

/** What an earlier program left ends at once if its controllers can be reset; else time ends it, and this says nothing. */
async function resetEarlier(host: CausewayHost, ghosts: GhostFile, lease: number): Promise<void> {
  const { lives, ranges, keepMs } = ghosts.heritage;
  if (ranges.length === 0 || lives === null) return;
  const order: EarlierOrder = { lease, lives, withinMs: keepMs };
  const areReset = await host.lead.call<boolean>('volume.reset-earlier', order).catch(() => false);
  if (areReset) ghosts.over();
}

/** Closes it on every reactor. No request may be under way. */
export async function closeSource(host: CausewayHost, source: OpenSource): Promise<void> {
  if (source.kind !== 'alias') {
    source.ghosts?.end();
    await source.changes?.end();
  }
  await host.callAll('device.close', () => source.device);
  if (source.kind === 'alias') return;
  const livesOn = source.lease !== null && (await host.lead.call<boolean>('volume.release', source.lease));
  host.offBridge(source.device);
  source.ghosts?.close(livesOn);
  source.claim.release();
}
