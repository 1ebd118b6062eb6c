/** Makes a kernel device of the kind that is wanted, or of the best kind that this host offers. */
import { CausewayError } from '../base/errors.ts';
import { type KernelDevice, type KernelDeviceKind, kernelDeviceKinds, type KernelHost } from './contract.ts';
import { claimName, clearLeft, describeCleared } from './claim.ts';
import type { DeviceOptions, KernelDriver } from './driver.ts';
import { driverOf } from './drivers.ts';
import { ringQueues } from './fuse/transport.ts';
import { removeLink } from './link.ts';
import { checkDeviceName, defaultPlaces, type Places } from './places.ts';
import type { ProcessIdentity } from './process-identity.ts';
import type { KernelDeviceProbe } from './host-facts.ts';
import { loadModule } from './modules.ts';
import { probeKernelDevice } from './probe.ts';
import { type DeviceRecord, KeptRecord, makeRecord, withRecords, writeRecord } from './record.ts';

const defaults = {
  survive: false,
  transport: 'auto',
  payloadBytes: 1024 * 1024,
  entriesPerQueue: 64,
  partitions: true,
} as const;

type Needed = 'name' | 'volume' | 'geometry';

export interface KernelDeviceOptions extends Pick<DeviceOptions, Needed>, Partial<Omit<DeviceOptions, Needed>> {
  readonly kind: 'auto' | KernelDeviceKind;
  readonly places?: Places;
}

/** The most queues that a kernel device may have here. */
export function mostQueues(): number {
  return ringQueues();
}

/** What a kind is like here, once the modules that were all it lacked are loaded. */
async function probeLoaded(kind: KernelDeviceKind, notes: string[]): Promise<KernelDeviceProbe> {
  const tried = new Set<string>();
  for (;;) {
    const probe = probeKernelDevice(kind);
    if (probe.loadable === null || tried.has(probe.loadable)) return probe;
    tried.add(probe.loadable);
    const failure = await loadModule(probe.loadable);
    notes.push(
      failure === null
        ? `loaded the module ${probe.loadable}`
        : `the module ${probe.loadable} could not be loaded: ${failure}`,
    );
    if (failure !== null) return probe;
  }
}

/** The kinds to try, the best one first, and what is to be said of the others. */
async function candidates(kind: 'auto' | KernelDeviceKind, notes: string[]): Promise<KernelDriver[]> {
  if (kind !== 'auto') {
    await probeLoaded(kind, notes);
    return [driverOf(kind)];
  }
  const probes: KernelDeviceProbe[] = [];
  for (const each of kernelDeviceKinds) {
    const probe = await probeLoaded(each, notes);
    probes.push(probe);
    // Modules of worse kinds are left as they are.
    if (probe.available) break;
  }
  for (const each of kernelDeviceKinds.slice(probes.length)) probes.push(probeKernelDevice(each));
  const offered = probes.filter(({ available }) => available);
  const [first] = offered;
  if (first === undefined) throw nothingOffered(probes);
  for (const { kind: better, reason, mend } of probes.slice(0, probes.indexOf(first))) {
    notes.push(`no ${better} device: ${reason}${mend === null ? '' : ` (${mend})`}`);
  }
  return offered.map((probe) => driverOf(probe.kind));
}

function nothingOffered(probes: readonly KernelDeviceProbe[]): CausewayError {
  const reasons = probes.map(({ kind, reason }) => `${kind}: ${reason}`).join('; ');
  return new CausewayError('kernel-device-unavailable', `this host offers no kernel device (${reasons})`);
}

/**
 * Makes the device, or takes over the one that a dead process left under this name for the same volume.
 * @throws CausewayError `kernel-device-unavailable`, `kernel-device-failed`, `kernel-device-left`, `device-name-taken`,
 * `invalid-argument`
 */
export async function openKernelDevice(host: KernelHost, given: KernelDeviceOptions): Promise<KernelDevice> {
  checkDeviceName(given.name);
  const options: DeviceOptions = { ...defaults, ...given };
  const places = given.places ?? defaultPlaces;
  const notes: string[] = [];
  const drivers = await candidates(given.kind, notes);
  const [best] = drivers;
  if (best === undefined) throw new CausewayError('assertion', 'there is no kind of kernel device to try');
  const first = firstRecord(places, options, best);
  const { record, earlier } = await claimName(host, places, options, given.kind, first, notes);
  if (earlier !== null) {
    const resumed = await resume(host, places, options, record, earlier, notes);
    if (resumed !== null) return resumed;
  }
  return await buildFirst(host, places, options, drivers, notes);
}

function firstRecord(places: Places, options: DeviceOptions, driver: KernelDriver): DeviceRecord {
  const { sizeBytes, blockBytes, readOnly } = options.geometry;
  const volume = { id: options.volume, sizeBytes, blockBytes, readOnly };
  return makeRecord(places, options.name, volume, false, driver.firstTraces(places, options.name));
}

/** Null: it could not be served any more, and is cleared away. */
async function resume(
  host: KernelHost,
  places: Places,
  options: DeviceOptions,
  record: DeviceRecord,
  earlier: ProcessIdentity,
  notes: string[],
): Promise<KernelDevice | null> {
  const driver = driverOf(record.traces.kind);
  const kept = new KeptRecord(places, record, driver.isTraces);
  let device: KernelDevice | null;
  try {
    device = await driver.resume(host, options, kept, earlier, notes);
  } catch (error) {
    // It waits still, for the next try: whose it was it is again.
    writeRecord(places, { ...kept.now, owner: earlier });
    throw error;
  }
  if (device !== null) return device;
  await withRecords(host, places, async () => {
    notes.push(describeCleared(await clearLeft(host, places, record)));
    writeRecord(places, firstRecord(places, options, driver));
  });
  return null;
}

/** The first kind that works. The record that is there is this process's own. */
async function buildFirst(
  host: KernelHost,
  places: Places,
  options: DeviceOptions,
  drivers: readonly KernelDriver[],
  notes: string[],
): Promise<KernelDevice> {
  for (const [place, driver] of drivers.entries()) {
    const record = new KeptRecord(places, firstRecord(places, options, driver), driver.isTraces);
    writeRecord(places, record.now);
    try {
      return await driver.build(host, options, record, notes);
    } catch (error) {
      removeLink(record.now.link, record.now.device);
      const mayTryNext = error instanceof CausewayError && error.code === 'kernel-device-unavailable';
      if (mayTryNext && !record.isNeeded && place + 1 < drivers.length) {
        notes.push(`no ${driver.kind} device: ${error.message}`);
        continue;
      }
      if (!record.isNeeded) record.remove();
      if (error instanceof CausewayError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new CausewayError('kernel-device-failed', `${options.name}: ${why}`, { cause: error });
    }
  }
  throw new CausewayError('assertion', 'no kind of kernel device was tried');
}
