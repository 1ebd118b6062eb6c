/** ublk kernel devices: the kernel's own block device whose requests a program in user space serves through io_uring. */
import fs from 'node:fs';
import { CausewayError } from '../../base/errors.ts';
import { closeDescriptor } from '../../native/descriptors.ts';
import { errno, errnoName } from '../../native/errno.ts';
import type { KernelHost, ServedQueues } from '../contract.ts';
import type { Cleared, DeviceOptions, KernelDriver } from '../driver.ts';
import { drained } from '../served-queues.ts';
import { deviceHolders } from '../in-use.ts';
import { makeLink } from '../link.ts';
import type { ProcessIdentity } from '../process-identity.ts';
import type { KeptRecord } from '../record.ts';
import type { UblkTraces } from '../traces.ts';
import { deviceState, feature, mostDevices } from './abi.ts';
import { UblkCommands } from './commands.ts';
import { UblkDevice } from './control.ts';
import { type DeviceInfo, isDeviceOf, newTag, tagValue } from './device-info.ts';
import { awaitBlock, blockPath, controlPath, looksTaken, openCharacter } from './nodes.ts';
import { encodeParameters } from './parameters.ts';
import { failAll, serveQueues } from './serve.ts';
import { askHelper } from './work.ts';

const pageBytes = 4096;
const mostPayloadBytes = 1024 * 1024;
/** UBLK_MAX_QUEUE_DEPTH is 4096; a queue that deep helps nobody. */
const mostEntries = 1024;

/** Starting reads the partition table, through us and all the way to the array. */
const startMilliseconds = 30_000;
/** Everything fails at once by then. */
const takeDownMilliseconds = 15_000;
/** See checkServerSoon. */
const serverCheckMilliseconds = 1000;
const helperMilliseconds = 30_000;
/** How long the kernel may take to notice that a server is dead and to end what it had begun: its own check comes after 30 s. */
const letGoMilliseconds = 45_000;
const letGoStep = 5;

const recoverable = feature.userRecovery | feature.userRecoveryReissue;

type UblkRecord = KeptRecord<UblkTraces>;

function payloadBytesFor(options: DeviceOptions): number {
  const wanted = Math.min(options.payloadBytes, options.geometry.maxTransferBytes);
  const payload = Math.floor(wanted / pageBytes) * pageBytes;
  if (payload >= pageBytes && payload <= mostPayloadBytes) return payload;
  throw new CausewayError('invalid-argument', `A payload of ${wanted} bytes is not possible: it is 4 KiB to 1 MiB.`);
}

/** Makes a device under the first number that is free. Every number is written down before it is tried. */
async function addDevice(
  commands: UblkCommands,
  record: UblkRecord,
  wanted: Pick<DeviceInfo, 'queues' | 'depth' | 'maxIoBufBytes' | 'flags'>,
): Promise<DeviceInfo> {
  const tag = tagValue(record.traces);
  for (let id = 0; id < mostDevices; id += 1) {
    if (looksTaken(id)) continue;
    record.updateTraces({ id });
    const info = await commands.addDevice({ ...wanted, id, tag });
    if (info !== null) return info;
  }
  throw new CausewayError('kernel-device-unavailable', 'every number for a ublk device is taken');
}

async function build(
  host: KernelHost,
  options: DeviceOptions,
  record: UblkRecord,
  notes: string[],
): Promise<UblkDevice> {
  const payloadBytes = payloadBytesFor(options);
  const commands = new UblkCommands(host);
  const served: ServedQueues[] = [];
  let fd = -1;
  let info: DeviceInfo | null = null;
  // Until it is known that there is nothing.
  record.isNeeded = true;
  try {
    const features = await commands.features();
    const scan = options.partitions ? 0n : features & feature.noAutoPartScan;
    info = await addDevice(commands, record, {
      queues: host.reactors,
      depth: Math.min(options.entriesPerQueue, mostEntries),
      maxIoBufBytes: payloadBytes,
      flags: (options.survive ? recoverable : 0n) | scan,
    });
    fd = await openCharacter(host, info.id);
    await commands.setParameters(info.id, encodeParameters(options.geometry, payloadBytes));
    await serveQueues(host, options.name, fd, info, served);
    await commands.start(info.id, startMilliseconds);
    const device = await awaitBlock(host, info.id);
    const survives = (info.flags & recoverable) === recoverable;
    if (options.survive && !survives) {
      notes.push('a crash of this program ends it: this kernel cannot hand ublk requests out again (Linux 6.1 can)');
    }
    if (survives && (features & feature.updateSize) === 0n) checkServerSoon(host, record.traces);
    record.update({ device, survives });
    record.isNeeded = false;
    return new UblkDevice(host, record, { info, features, fd, served }, makeLink(record.now.link, device), notes);
  } catch (error) {
    await takeDown(host, record, info, fd, served);
    // A device that was not made in time may still be made.
    if (info === null && commands.isStuck) record.isNeeded = true;
    throw error;
  } finally {
    commands.close();
  }
}

/**
 * Before Linux 6.16 the driver learns of a server's death from commands of it that wait in the kernel; if every tag was
 * handed out at that moment it learns of it only when the kernel asks what has become of a request, by default after 30 s.
 * A wish: whoever takes the device over waits that long otherwise.
 */
function checkServerSoon(host: KernelHost, { id, tag }: UblkTraces): void {
  if (id === null) return;
  const work = { kind: 'look', id, tag, milliseconds: serverCheckMilliseconds } as const;
  askHelper(host, work, helperMilliseconds).catch(() => {});
}

/** After a failure: takes back whatever was made. What cannot be, the record goes on to tell of. */
async function takeDown(
  host: KernelHost,
  record: UblkRecord,
  info: DeviceInfo | null,
  fd: number,
  served: readonly ServedQueues[],
): Promise<void> {
  // A ring of its own: a command that is stuck may be what failed.
  const commands = new UblkCommands(host);
  try {
    const made = info ?? (await findDevice(commands, record.traces));
    if (made !== null) {
      await failAll(served);
      await askHelper(host, { kind: 'release', id: made.id, tag: record.traces.tag }, takeDownMilliseconds);
      if (!(await drained(host, served))) return;
      if (fd >= 0) closeDescriptor(fd);
      await commands.remove(made.id);
    }
    record.isNeeded = false;
  } catch {
    // What counts is the error that led here; the next start finds the record.
  } finally {
    commands.close();
  }
}

/** The device of these traces; null if there is none: a device of that number but without our tag is somebody else's. */
async function findDevice(commands: UblkCommands, traces: UblkTraces): Promise<DeviceInfo | null> {
  if (traces.id === null) return null;
  const info = await commands.deviceInfo(traces.id);
  return info !== null && isDeviceOf(traces, info) ? info : null;
}

/**
 * Goes on with the device that a dead process left. Why nothing is lost and nothing is answered twice:
 *
 * - A request is either waiting in the kernel, or was handed out and not answered. START_USER_RECOVERY succeeds only when
 *   the dead process's last reference to the character device is gone (nothing of it can answer, or take a request away,
 *   any more) and the kernel has put every request of the second kind back in line (REISSUE). Until END_USER_RECOVERY
 *   none is handed out; then all are, each to the tag's new owner, and nothing tells the first from the second kind.
 * - An answer that the dead process had given to its ring but not handed over to the kernel never was: the request is put
 *   back in line. One that it had handed over has ended the request, which so is not there to be handed out again.
 * - What is handed out again may have been executed, or may yet be, by a controller that the dead process had sent it to;
 *   its outcome is unknown exactly as after a lost path, and the volume's ghost file, which was read before anything is
 *   served here, holds its range until the old controllers can not execute it any more.
 * - Its payload is the kernel's own: a write's is copied anew into this process's memory when it is handed out again.
 */
async function resume(
  host: KernelHost,
  options: DeviceOptions,
  record: UblkRecord,
  earlier: ProcessIdentity,
  notes: string[],
): Promise<UblkDevice | null> {
  const commands = new UblkCommands(host);
  try {
    const info = await findDevice(commands, record.traces);
    if (info === null || info.state === deviceState.dead || (info.flags & recoverable) !== recoverable) return null;
    const features = await commands.features();
    if (!(await startRecovery(host, commands, info.id, earlier))) return null;
    const fd = await openCharacter(host, info.id);
    const served: ServedQueues[] = [];
    await serveQueues(host, options.name, fd, info, served);
    await commands.endRecovery(info.id);
    const device = blockPath(info.id);
    record.update({ device });
    notes.push(`took over from process ${earlier.pid}`);
    return new UblkDevice(host, record, { info, features, fd, served }, makeLink(record.now.link, device), notes);
  } finally {
    commands.close();
  }
}

/** False: the kernel does not let anybody take this device over any more. */
async function startRecovery(
  host: KernelHost,
  commands: UblkCommands,
  id: number,
  earlier: ProcessIdentity,
): Promise<boolean> {
  const until = host.now() + letGoMilliseconds;
  for (;;) {
    const result = await commands.startRecovery(id);
    if (result >= 0) return true;
    // Stopped, or the last one who tried to take it over died before it had all queues.
    if (result === -errno.EINVAL || result === -errno.ENODEV) return false;
    if (result !== -errno.EBUSY) {
      throw new CausewayError('kernel-device-failed', `${blockPath(id)} cannot be taken over: ${errnoName(result)}`);
    }
    if (host.now() > until) {
      throw new CausewayError('kernel-device-failed', `process ${earlier.pid} does not let go of ${blockPath(id)}`);
    }
    await host.sleep(letGoStep);
  }
}

/** A device is taken away only if number and tag are the record's. */
async function clear(host: KernelHost, record: UblkRecord): Promise<Cleared> {
  const nothing = { device: null, held: false };
  // Without the driver there is no device.
  if (record.traces.id === null || !fs.existsSync(controlPath)) return nothing;
  const commands = new UblkCommands(host);
  try {
    const info = await findDevice(commands, record.traces);
    if (info === null) return nothing;
    const device = blockPath(info.id);
    const held = deviceHolders(device).length > 0;
    // The kernel fails what waits for a server; and what a server had begun it ends once it has noticed its death.
    await commands.stop(info.id, letGoMilliseconds);
    await commands.remove(info.id);
    return { device, held };
  } finally {
    commands.close();
  }
}

export const ublkDriver: KernelDriver<UblkTraces> = {
  kind: 'ublk',
  isTraces: (traces): traces is UblkTraces => traces.kind === 'ublk',
  firstTraces: () => ({ kind: 'ublk', id: null, tag: newTag() }),
  build,
  resume,
  clear,
};
