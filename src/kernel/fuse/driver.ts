/** FUSE kernel devices: one file in user space, a loop device over it. */
import { CausewayError } from '../../base/errors.ts';
import type { KernelHost, ServedQueues } from '../contract.ts';
import type { Cleared, DeviceOptions, KernelDriver } from '../driver.ts';
import { drained, drainMilliseconds } from '../served-queues.ts';
import { endKeeper, startKeeper, takeKept } from '../keeper.ts';
import { makeLink } from '../link.ts';
import type { ProcessIdentity } from '../process-identity.ts';
import type { KeptRecord } from '../record.ts';
import type { FuseTraces } from '../traces.ts';
import { askHelper } from './ask-helper.ts';
import { backingOf, loopsOn, removeMountPoint } from './cleanup.ts';
import { abortConnection, detachMount, mountsAt } from './connection.ts';
import { FuseDevice } from './control.ts';
import { mountPoint, mountSource } from './places.ts';
import { FuseSession } from './session.ts';
import { ringQueues, spreadQueues, switchUringOn } from './transport.ts';

const pageBytes = 4096;
const mostPayloadBytes = 1024 * 1024;

/** Attaching reads the partition table, through us and all the way to the array. */
const attachMilliseconds = 30_000;
/** The connection is dead, so nothing that the helper does has to wait. */
const releaseMilliseconds = 10_000;

type FuseRecord = KeptRecord<FuseTraces>;

function payloadBytesFor(options: DeviceOptions): number {
  const wanted = Math.min(options.payloadBytes, options.geometry.maxTransferBytes);
  // FUSE counts in pages; and less than two of them it does not take.
  const payload = Math.floor(wanted / pageBytes) * pageBytes;
  if (payload >= 2 * pageBytes && payload <= mostPayloadBytes) return payload;
  throw new CausewayError('invalid-argument', `A payload of ${wanted} bytes is not possible: it is 8 KiB to 1 MiB.`);
}

/** Whether requests may travel over io_uring. @throws CausewayError `kernel-device-unavailable` if they have to and cannot */
function chooseUring({ transport }: DeviceOptions, notes: string[]): boolean {
  if (transport === 'classic') return false;
  const found = switchUringOn(true);
  if (found.note !== null) notes.push(found.note);
  if (!found.available && transport === 'uring') {
    throw new CausewayError('kernel-device-unavailable', found.note ?? 'there is no FUSE over io_uring');
  }
  return found.available;
}

async function build(
  host: KernelHost,
  options: DeviceOptions,
  record: FuseRecord,
  notes: string[],
): Promise<FuseDevice> {
  try {
    return await buildOver(host, options, record, chooseUring(options, notes), notes);
  } catch (error) {
    removeMountPoint(record.traces.mountPoint);
    throw error;
  }
}

async function buildOver(
  host: KernelHost,
  options: DeviceOptions,
  record: FuseRecord,
  uring: boolean,
  notes: string[],
): Promise<FuseDevice> {
  const { mountPoint: file, source } = record.traces;
  const payloadBytes = payloadBytesFor(options);
  const survive = options.survive && options.transport !== 'uring';
  const session = await FuseSession.open(host, {
    mountPoint: file,
    source,
    geometry: options.geometry,
    payloadBytes,
    uring,
    survive,
  });
  const served: ServedQueues[] = [];
  let refused = true;
  try {
    if (options.transport === 'uring' && session.transport !== 'uring') {
      throw new CausewayError('kernel-device-unavailable', 'the kernel does not offer FUSE over io_uring');
    }
    noteWhatIsNot(options, session, uring, notes);
    await serveQueues(host, options, session, payloadBytes, served);
    refused = false;
    record.updateTraces({ transport: session.transport, payloadBytes });
    if (session.canSurvive) record.updateTraces({ keeper: await startKeeper(session.kept) });
    const answer = await askHelper(
      host,
      {
        kind: 'attach',
        file,
        blockBytes: options.geometry.blockBytes,
        readOnly: options.geometry.readOnly,
        partitions: options.partitions,
      },
      attachMilliseconds,
    );
    record.update({ device: answer.device, survives: session.canSurvive });
    const linked = makeLink(record.now.link, answer.device);
    return new FuseDevice(host, record, session, served, linked, notes);
  } catch (error) {
    // Whatever the helper did meanwhile is taken back as well: a loop device that it attached is let go of.
    session.abort();
    await releaseLoops(host, file);
    session.unmount();
    endKeeper(record.traces.keeper);
    if (await drained(host, served)) session.close();
    record.updateTraces({ transport: null, payloadBytes: 0, keeper: null });
    if (refused && session.transport === 'uring' && options.transport === 'auto') {
      notes.push(`FUSE over io_uring failed, so requests travel the classic way: ${messageOf(error)}`);
      return await buildOver(host, options, record, false, notes);
    }
    throw error;
  }
}

function noteWhatIsNot(options: DeviceOptions, session: FuseSession, uring: boolean, notes: string[]): void {
  if (uring && session.transport !== 'uring' && !session.canSurvive) {
    notes.push('the kernel does not offer FUSE over io_uring, though it is switched on');
  }
  if (!options.survive || session.canSurvive) return;
  notes.push(
    session.transport === 'uring' && options.transport === 'uring'
      ? 'a crash of this program ends it: requests that travel over io_uring cannot be handed to the next one'
      : 'a crash of this program ends it: this kernel cannot hand requests out again (Linux 6.9 can)',
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function serveQueues(
  host: KernelHost,
  options: DeviceOptions,
  session: FuseSession,
  payloadBytes: number,
  served: ServedQueues[],
): Promise<void> {
  const queues = spreadQueues(
    Array.from({ length: ringQueues() }, (_, cpu) => cpu),
    host.reactors,
  );
  const { entriesPerQueue } = options;
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
      entriesPerQueue,
      slots: entriesPerQueue * (session.transport === 'uring' ? mine.length : 1),
      payloadBytes,
    });
    served.push(queuesOfReactor);
  }
}

/** Lets go of a loop device that may or may not have been attached. The connection is dead. */
async function releaseLoops(host: KernelHost, file: string): Promise<void> {
  for (const device of loopsOn(file)) {
    try {
      await askHelper(host, { kind: 'release', device, file }, drainMilliseconds);
    } catch {
      // The connection is dead, so it goes at its last close at the latest; what counts is the error that led here.
    }
  }
}

/**
 * Goes on with the connection that a dead process left. Why nothing is lost and nothing is answered twice: every request
 * is either with the kernel, which hands it to whoever reads next, or was read and not answered, and then the kernel still
 * has it and hands it out again when told to (FUSE_NOTIFY_RESEND). Told it is only when nothing of the dead process is
 * left (claim.ts waits for that): before, one of its reads could still take a request away that nobody would answer. What is handed out again
 * may have been executed; its outcome is unknown exactly as after a lost path, and the volume's ghost file, which was read
 * before anything is served here, holds its range until the old controllers can not execute it any more.
 */
async function resume(
  host: KernelHost,
  options: DeviceOptions,
  record: FuseRecord,
  earlier: ProcessIdentity,
  notes: string[],
): Promise<FuseDevice | null> {
  const { mountPoint: file, source, payloadBytes, keeper } = record.traces;
  const { device } = record.now;
  if (device === null || backingOf(device) !== file || mountsAt(file, source).length === 0) return null;
  const fd = keeper === null ? null : takeKept(keeper);
  if (fd === null) return null;
  const session = FuseSession.adopt(fd, { mountPoint: file, source });
  const served: ServedQueues[] = [];
  try {
    session.resend();
    await serveQueues(host, options, session, payloadBytes, served);
  } catch (error) {
    // The keeper has it still, and so has the record: the next one may have better luck.
    await Promise.all(served.map((queues) => queues.quiesce()));
    throw error;
  }
  notes.push(`took over from process ${earlier.pid}`);
  return new FuseDevice(host, record, session, served, makeLink(record.now.link, device), notes);
}

/** A mount is taken away only if place, type and source are the record's; a loop device only if it stands on the file in it. */
async function clear(host: KernelHost, record: FuseRecord): Promise<Cleared> {
  const { traces } = record;
  let released: string | null = null;
  let held = false;
  // Without our mount at that place, whatever stands on that path is not ours.
  if (mountsAt(traces.mountPoint, traces.source).length > 0) {
    abortConnection(traces.mountPoint, traces.source);
    // The loop device first: it is known by the path of its file, which goes with the mount.
    for (const device of loopsOn(traces.mountPoint)) {
      const work = { kind: 'release', device, file: traces.mountPoint } as const;
      const answer = await askHelper(host, work, releaseMilliseconds);
      if (answer.device !== '') released = device;
      held ||= answer.held;
    }
    detachMount(traces.mountPoint, traces.source);
  }
  endKeeper(traces.keeper);
  removeMountPoint(traces.mountPoint);
  return { device: released, held };
}

export const fuseDriver: KernelDriver<FuseTraces> = {
  kind: 'fuse',
  isTraces: (traces): traces is FuseTraces => traces.kind === 'fuse',
  firstTraces: (places, name) => ({
    kind: 'fuse',
    mountPoint: mountPoint(places, name),
    source: mountSource(name),
    transport: null,
    payloadBytes: 0,
    keeper: null,
  }),
  build,
  resume,
  clear,
};
