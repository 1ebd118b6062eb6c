/**
 * NBD kernel devices: the kernel's NBD driver, connected to this process by UNIX sockets and set up by netlink.
 *
 * **One connection or several.** A request that was sent and not answered when a connection ends is not sent again at once:
 * the driver looks at it only when its time-out passes (nbd_xmit_timeout). With several connections every time-out also
 * ends the connection, so there the time-out has to be longer than any request may have to wait for a path: days, and
 * what was unanswered at a crash would come again after days. With one connection and a time-out of 0 nothing is ever given
 * up; the driver looks every now and then (`queue/io_timeout`) and sends a request again if its connection was replaced.
 * So a device that is to survive a crash has one connection, and one that is not has one for each reactor.
 */
import fs from 'node:fs';
import { CausewayError } from '../../base/errors.ts';
import { closeDescriptor } from '../../native/descriptors.ts';
import { peerHasEnded } from '../../native/socket-pair.ts';
import type { KernelHost } from '../contract.ts';
import { drained } from '../served-queues.ts';
import type { Cleared, DeviceOptions, KernelDriver } from '../driver.ts';
import { endKeeper, takeKept } from '../keeper.ts';
import { makeLink } from '../link.ts';
import type { ProcessIdentity } from '../process-identity.ts';
import type { KeptRecord } from '../record.ts';
import type { NbdTraces } from '../traces.ts';
import { serverFlag } from './abi.ts';
import { NbdDevice } from './control.ts';
import { findDevice, indexOf, isOurs, sizeBytesOf } from './device.ts';
import { NbdSockets, payloadBytesFor } from './sockets.ts';
import { askHelper } from './work.ts';

/** Attaching reads the partition table, through us and all the way to the array. */
const connectMilliseconds = 30_000;
const reconnectMilliseconds = 10_000;
const releaseMilliseconds = 15_000;
/** How long the kernel may take to see that the dead process's connection has ended; and between two looks. */
const deadMilliseconds = 10_000;
const deadStep = 250;

/** Days: longer than any request may have to wait, and still below 2^31 ticks of a kernel that ticks 1000 times a second. */
const requestTimeout = 20 * 24 * 3600;
/** A year: as good as for ever. */
const survivedTimeout = 365 * 24 * 3600;
/**
 * How soon after a new connection stands the requests of the old one come again, at most, milliseconds; and how often the
 * kernel's log has a line on each request that is waiting.
 */
const lookAfter = 5_000;

type NbdRecord = KeptRecord<NbdTraces>;

function serverFlags({ geometry }: DeviceOptions, connections: number): number {
  const several = connections > 1 ? serverFlag.canMultiConnection : 0;
  if (geometry.readOnly) return serverFlag.hasFlags | serverFlag.readOnly | several;
  // Flush, FUA and zeroes always: what the volume has no need of or cannot do by itself is done for it.
  const always = serverFlag.hasFlags | serverFlag.sendFlush | serverFlag.sendFua | serverFlag.sendWriteZeroes;
  return always | (geometry.canDiscard ? serverFlag.sendTrim : 0) | several;
}

/** Devices that have one connection are spread over the reactors by their names. */
function firstReactor(name: string, host: KernelHost): number {
  let sum = 0;
  for (const letter of name) sum += letter.codePointAt(0) ?? 0;
  return sum % host.reactors;
}

async function build(host: KernelHost, options: DeviceOptions, record: NbdRecord, notes: string[]): Promise<NbdDevice> {
  const { survive, geometry } = options;
  const transferBytes = payloadBytesFor(options);
  const connections = survive ? 1 : host.reactors;
  if (connections < host.reactors) {
    notes.push('one reactor serves it: over several connections unanswered requests would not outlive a crash');
  }
  const sockets = NbdSockets.make(connections);
  try {
    await sockets.serve(host, options, survive ? firstReactor(options.name, host) : 0);
    const answer = await askHelper(
      host,
      {
        kind: 'connect',
        backend: record.traces.backend,
        sockets: connections,
        sizeBytes: geometry.sizeBytes,
        blockBytes: geometry.blockBytes,
        serverFlags: serverFlags(options, connections),
        requestTimeout: connections > 1 ? requestTimeout : 0,
        deadConnectionTimeout: survive ? survivedTimeout : 0,
        lookAfter: survive ? lookAfter : null,
        transferBytes,
        partitions: options.partitions,
      },
      connectMilliseconds,
      sockets.kernelEnds,
    );
    sockets.closeKernelEnds();
    record.updateTraces({ index: indexOf(answer.device) });
    record.update({ device: answer.device, survives: survive });
    return new NbdDevice(host, record, sockets, makeLink(record.now.link, answer.device), notes);
  } catch (error) {
    // The helper may have been ended at any point, so whether there is a device only a look can tell.
    sockets.end();
    await releaseIfThere(host, record);
    if (await drained(host, sockets.served)) sockets.abandon();
    throw error;
  }
}

async function releaseIfThere(host: KernelHost, record: NbdRecord): Promise<void> {
  const { backend } = record.traces;
  const device = findDevice(backend);
  if (device === null) return;
  try {
    await askHelper(host, { kind: 'release', device, backend }, releaseMilliseconds);
  } catch {
    // What counts is the error that led here.
    record.isNeeded = true;
  }
}

/**
 * Gives the device that a dead process left a new connection. Why nothing is lost and nothing is answered twice:
 *
 * - A request is with the block layer, which has it wait for a connection (DEAD_CONN_TIMEOUT), or it was sent over the old
 *   connection, wholly or in part, and not answered. What could not be sent wholly the driver takes back when sending
 *   fails. What was sent it keeps, with the number of the connection that it went over, and sends it again from its
 *   beginning once it sees that this connection is not the one that it has now.
 * - Answers that the dead process had sent are still received: the driver's receiver reads until it finds the end of the
 *   stream. A part of an answer answers nothing. The driver takes another connection once the receiver has found that end,
 *   or a send has failed; in the second case the receiver may still be reading, and would go on with the new connection
 *   beside that one's own. It has nothing to wait for, with the end of the stream in its queue: it is given a quarter of a
 *   second (`deadStep`) before the new connection is offered.
 * - An answer names the request and how often it was sent. This process answers only what it received over the new
 *   connection, and the old one has nobody at its other end: claim.ts waits until nothing of the dead process is left.
 *
 * A process that hands its device over leaves the connection itself, between two requests: then nothing comes again at all.
 *
 * What comes again may have been executed before; its outcome is unknown exactly as after a lost path, and the volume's ghost
 * file, which was read before anything is served here, holds its range until the old controllers can not execute it any more.
 */
async function resume(
  host: KernelHost,
  options: DeviceOptions,
  record: NbdRecord,
  earlier: ProcessIdentity,
  notes: string[],
): Promise<NbdDevice | null> {
  const { backend } = record.traces;
  const { device, volume } = record.now;
  if (device === null || !isOurs(device, backend) || sizeBytesOf(device) === 0) return null;
  const kept = takeSocket(record);
  const sockets = kept === null ? await reconnect(host, device, backend) : NbdSockets.adopt(kept);
  try {
    await sockets.serve(host, options, firstReactor(options.name, host));
  } catch (error) {
    // The kernel waits again; the next one may have better luck.
    sockets.end();
    if (await drained(host, sockets.served)) sockets.abandon();
    throw error;
  }
  // It may have been resized just before the process died.
  record.update({ volume: { ...volume, sizeBytes: sizeBytesOf(device) } });
  notes.push(`took over from process ${earlier.pid}`);
  return new NbdDevice(host, record, sockets, makeLink(record.now.link, device), notes);
}

/**
 * The connection of a process that handed its device over: it stands between two requests, and all before are answered. The
 * keeper ends before anything is received, so that a connection of which only we know how far it was read dies with us.
 */
function takeSocket(record: NbdRecord): number | null {
  const { keeper } = record.traces;
  if (keeper === null) return null;
  const fd = takeKept(keeper);
  endKeeper(keeper);
  record.updateTraces({ keeper: null });
  if (fd === null || !peerHasEnded(fd)) return fd;
  closeDescriptor(fd);
  return null;
}

/** The kernel takes a new connection only once it has seen that the old one has ended, and says nothing if it did not. */
async function reconnect(host: KernelHost, device: string, backend: string): Promise<NbdSockets> {
  const until = host.now() + deadMilliseconds;
  for (;;) {
    // A moment for the kernel to receive what the dead process had still sent.
    await host.sleep(deadStep);
    const sockets = NbdSockets.make(1);
    try {
      const work = { kind: 'reconnect', device, backend, sockets: 1 } as const;
      await askHelper(host, work, reconnectMilliseconds, sockets.kernelEnds);
    } catch (error) {
      sockets.abandon();
      throw error;
    }
    sockets.closeKernelEnds();
    if (!sockets.areRefused) return sockets;
    sockets.abandon();
    if (host.now() > until) {
      throw new CausewayError('kernel-device-failed', `${device} takes no new connection: the old one does not end`);
    }
  }
}

/** Found by its backend identifier, so also if the process died before it could write down which device it got. */
async function clear(host: KernelHost, record: NbdRecord): Promise<Cleared> {
  const { backend, keeper } = record.traces;
  endKeeper(keeper);
  const device = findDevice(backend);
  if (device === null) return { device: null, held: false };
  const answer = await askHelper(host, { kind: 'release', device, backend }, releaseMilliseconds);
  return { device: answer.device === '' ? null : device, held: answer.held };
}

export const nbdDriver: KernelDriver<NbdTraces> = {
  kind: 'nbd',
  isTraces: (traces): traces is NbdTraces => traces.kind === 'nbd',
  firstTraces: (_places, name) => ({
    kind: 'nbd',
    index: null,
    backend: `causeway:${name}:${fs.readFileSync('/proc/sys/kernel/random/uuid', 'utf8').trim()}`,
    keeper: null,
  }),
  build,
  resume,
  clear,
};
