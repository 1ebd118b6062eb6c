/** Makes a FUSE kernel device: one file in user space, a loop device over it. */
import { CausewayError } from '../../base/errors.ts';
import type { KernelDevice, KernelGeometry, KernelHost, ServedQueues } from '../contract.ts';
import { askHelper } from './ask-helper.ts';
import { loopsOn, makeLink, removeTraces } from './cleanup.ts';
import { drained, drainMilliseconds, FuseDevice } from './control.ts';
import { checkDeviceName, defaultPlaces, mountPoint, mountSource, type Places } from './places.ts';
import { type DeviceRecord, makeRecord, removeRecord, withRecords, writeRecord } from './record.ts';
import { recoverName } from './recover.ts';
import { FuseSession } from './session.ts';
import { ringQueues, spreadQueues, switchUringOn, type TransportWish } from './transport.ts';

const pageBytes = 4096;

/** Attaching reads the partition table, through us and all the way to the array. */
const attachMilliseconds = 30_000;

export interface FuseDeviceOptions {
  readonly name: string;
  readonly geometry: KernelGeometry;
  readonly transport?: TransportWish;
  /** The largest read or write that travels in one piece; at most 1 MiB. */
  readonly payloadBytes?: number;
  /** Requests that a queue (io_uring: one for each CPU; classic: one for each reactor) serves at once. */
  readonly entriesPerQueue?: number;
  /** Look for partitions. Default: yes. */
  readonly partitions?: boolean;
  readonly places?: Places;
}

export const defaultPayloadBytes = 1024 * 1024;
export const defaultEntries = 64;

function payloadBytesFor(options: FuseDeviceOptions): number {
  const wanted = Math.min(options.payloadBytes ?? defaultPayloadBytes, options.geometry.maxTransferBytes);
  // FUSE counts in pages; and less than two of them it does not take.
  const payload = Math.floor(wanted / pageBytes) * pageBytes;
  if (payload >= 2 * pageBytes && payload <= defaultPayloadBytes) return payload;
  throw new CausewayError('invalid-argument', `A payload of ${wanted} bytes is not possible: it is 8 KiB to 1 MiB.`);
}

/**
 * Makes the device. What a dead process left under this name is cleared up first.
 * @throws CausewayError `device-name-taken`, `invalid-argument`, `kernel-device-unavailable`, `kernel-device-failed`
 */
export async function openFuseDevice(host: KernelHost, options: FuseDeviceOptions): Promise<KernelDevice> {
  checkDeviceName(options.name);
  const places = options.places ?? defaultPlaces;
  const payloadBytes = payloadBytesFor(options);
  const notes: string[] = [];
  const wish = options.transport ?? 'auto';
  let uring = false;
  if (wish !== 'classic') {
    const found = switchUringOn(true);
    if (found.note !== null) notes.push(found.note);
    if (!found.available && wish === 'uring') {
      throw new CausewayError('kernel-device-unavailable', found.note ?? 'there is no FUSE over io_uring');
    }
    uring = found.available;
  }
  const mount = mountPoint(places, options.name);
  const record = makeRecord(places, options.name, mountSource(options.name), mount);
  await withRecords(host, places, async () => {
    const recovered = await recoverName(host, places, options.name);
    if (recovered !== null) {
      notes.push(
        recovered.device === null
          ? 'cleared up after an instance that had died'
          : `cleared up after an instance that had died (${recovered.device}${recovered.held ? ', still open somewhere' : ''})`,
      );
    }
    writeRecord(places, record);
  });
  try {
    return await build(host, options, places, record, payloadBytes, uring, notes);
  } catch (error) {
    removeTraces(record);
    removeRecord(places, record.name);
    if (error instanceof CausewayError) throw error;
    throw new CausewayError('kernel-device-failed', `${options.name}: ${messageOf(error)}`, { cause: error });
  }
}

async function build(
  host: KernelHost,
  options: FuseDeviceOptions,
  places: Places,
  record: DeviceRecord,
  payloadBytes: number,
  uring: boolean,
  notes: string[],
): Promise<KernelDevice> {
  const session = await FuseSession.open(host, {
    mountPoint: record.mountPoint,
    source: record.source,
    geometry: options.geometry,
    payloadBytes,
    uring,
  });
  const served: ServedQueues[] = [];
  let refused = true;
  try {
    if (uring && session.transport !== 'uring') {
      const note = 'the kernel does not offer FUSE over io_uring, though it is switched on';
      if (options.transport === 'uring') throw new CausewayError('kernel-device-unavailable', note);
      notes.push(note);
    }
    await serveQueues(host, options, session, payloadBytes, served);
    refused = false;
    const answer = await askHelper(
      host,
      {
        kind: 'attach',
        file: record.mountPoint,
        blockBytes: options.geometry.blockBytes,
        readOnly: options.geometry.readOnly,
        partitions: options.partitions ?? true,
      },
      attachMilliseconds,
    );
    const attached: DeviceRecord = { ...record, device: answer.device };
    writeRecord(places, attached);
    const linked = makeLink(record.link, answer.device);
    return new FuseDevice(host, places, attached, session, served, linked, notes);
  } catch (error) {
    // Whatever the helper did meanwhile is taken back as well: a loop device that it attached is let go of.
    session.abort();
    await release(host, record);
    session.unmount();
    if (await drained(host, served)) session.close();
    if (refused && session.transport === 'uring' && (options.transport ?? 'auto') === 'auto') {
      notes.push(`FUSE over io_uring failed, so requests travel the classic way: ${messageOf(error)}`);
      return await build(host, options, places, record, payloadBytes, false, notes);
    }
    throw error;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function serveQueues(
  host: KernelHost,
  options: FuseDeviceOptions,
  session: FuseSession,
  payloadBytes: number,
  served: ServedQueues[],
): Promise<void> {
  const queues = spreadQueues(
    Array.from({ length: ringQueues() }, (_, cpu) => cpu),
    host.reactors,
  );
  for (const [reactor, mine] of queues.entries()) {
    const reads = session.transport === 'classic' || reactor === 0;
    // There are more reactors than CPUs: nothing is left for this one.
    if (!reads && mine.length === 0) continue;
    const queuesOfReactor = await host.serve(reactor, {
      kind: 'fuse',
      name: options.name,
      transport: session.transport,
      fd: session.descriptor(reactor),
      queues: mine,
      reads,
      entriesPerQueue: options.entriesPerQueue ?? defaultEntries,
      payloadBytes,
    });
    served.push(queuesOfReactor);
  }
}

/** Lets go of a loop device that may or may not have been attached. The connection is dead. */
async function release(host: KernelHost, record: DeviceRecord): Promise<void> {
  for (const device of loopsOn(record.mountPoint)) {
    try {
      await askHelper(host, { kind: 'release', device, file: record.mountPoint }, drainMilliseconds);
    } catch {
      // The connection is dead, so it goes at its last close at the latest; what counts is the error that led here.
    }
  }
}
