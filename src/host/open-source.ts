/** Opens what a URL names as a device on every reactor, and closes it again. */
import type { Geometry, Identity } from '../block/device.ts';
import { maxTransferBytes } from '../block/device.ts';
import type { FileDeviceOptions } from '../block/file-device.ts';
import type { MemoryDeviceOptions } from '../block/memory-device.ts';
import { defined } from '../base/assert.ts';
import { mapStore } from '../io/uring/store.ts';
import { flushLedgerBytes } from '../multipath/flush-ledger.ts';
import { DeviceStatistics, statisticsBytes } from '../multipath/statistics.ts';
import type { AttachOptions } from './contract.ts';
import type { CausewayHost } from './host.ts';
import { claimIdentity, type IdentityClaim } from './identity-claim.ts';
import type { OpenedDevice } from './reactor-entry.ts';
import type { Source } from './source.ts';
import type { AttachedVolume } from './volume-lead.ts';
import { geometryOf, type VolumePlan } from './volume-reactor.ts';

/** A device that stands on every reactor of the host. */
export interface OpenSource {
  /** Its number, on every reactor. */
  readonly device: number;
  readonly geometry: Geometry;
  readonly identity: Identity;
  readonly kind: Source['kind'];
  readonly subsystem: string;
  readonly nsid: number;
  /** By path index. */
  readonly associations: readonly number[];
  readonly pathIds: readonly string[];
  /** By reactor. */
  readonly statistics: readonly DeviceStatistics[];
  readonly claim: IdentityClaim;
}

/** How long attaching may take unless said otherwise, milliseconds. */
const attachTimeout = 15_000;

/** @throws CausewayError of whatever is wrong with the source */
export async function openSource(host: CausewayHost, source: Source, options: AttachOptions): Promise<OpenSource> {
  switch (source.kind) {
    case 'memory':
      return await openLocal(host, source.kind, options, (device) => {
        const memory: MemoryDeviceOptions = { name: `device-${device}`, ...source.options };
        return ['device.memory', { device, options: memory, place: mapStore(memory.sizeBytes) }];
      });
    case 'file':
      return await openLocal(host, source.kind, options, (device) => {
        const file: FileDeviceOptions = source.options;
        return ['device.file', { device, options: file }];
      });
    case 'bridge':
      return await openLocal(host, source.kind, options, (device) => {
        host.onBridge(device, source.onRequests);
        return ['device.bridge', { device, ...source.options }];
      });
    case 'nvme':
      return await openFabric(host, source, options);
  }
}

async function openLocal(
  host: CausewayHost,
  kind: Source['kind'],
  options: AttachOptions,
  order: (device: number) => [method: string, argument: unknown],
): Promise<OpenSource> {
  const device = host.newDevice();
  const [method, argument] = order(device);
  const [opened] = await host.callAll<OpenedDevice>(method, () => argument);
  const { geometry, identity } = defined(opened, 'a device');
  try {
    const claim = claimIdentity(identity.id, options.name);
    const base = { device, geometry, identity, kind, subsystem: '', nsid: 0, associations: [], pathIds: [] };
    return { ...base, statistics: [], claim };
  } catch (error) {
    await host.callAll('device.close', () => device);
    throw error;
  }
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
  try {
    const { info } = attached;
    claim = claimIdentity(info.identity.id, options.name);
    const device = host.newDevice();
    const geometry = geometryOf(info, maxTransferBytes, options.readOnly === true);
    const ledger = new SharedArrayBuffer(flushLedgerBytes);
    const buffers = host.reactors.map(() => new SharedArrayBuffer(statisticsBytes));
    const plan = (reactor: number): VolumePlan => ({
      device,
      identity: info.identity,
      geometry,
      associations,
      selector: options.selector ?? 'queue-depth',
      ghostWrites: options.ghostWrites ?? 'strict',
      noPathRetry: options.noPathRetry ?? -1,
      sharedCache: false,
      ledger,
      statistics: defined(buffers[reactor], 'statistics'),
    });
    await host.callAll('volume.make', plan);
    return {
      device,
      geometry,
      identity: info.identity,
      kind: 'nvme',
      subsystem: info.subnqn,
      nsid: info.nsid,
      associations,
      pathIds: attached.associations.map((view) => `${view.host}:${view.port}`),
      statistics: buffers.map((buffer) => new DeviceStatistics(buffer)),
      claim,
    };
  } catch (error) {
    claim?.release();
    await host.lead.call('volume.release', associations);
    throw error;
  }
}

/** Closes it on every reactor. No request may be under way. */
export async function closeSource(host: CausewayHost, source: OpenSource): Promise<void> {
  await host.callAll('device.close', () => source.device);
  if (source.associations.length > 0) await host.lead.call('volume.release', source.associations);
  for (const association of source.associations) host.associations.delete(association);
  host.offBridge(source.device);
  source.claim.release();
}
