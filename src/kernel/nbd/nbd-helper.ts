/**
 * The helper process for NBD devices (helper.ts). Not only what opens the device is done here: the kernel carries a netlink
 * request out while it is sent, and setting a size, connecting and disconnecting wait for requests and locks of the device.
 */
import fs from 'node:fs';
import path from 'node:path';
import { isBlockReadOnly, rescanPartitions, setBlockReadOnly } from '../../native/block-device.ts';
import { openFlag, openPath } from '../../native/descriptors.ts';
import { errno } from '../../native/errno.ts';
import { holdersOf } from '../../native/holders.ts';
import { makeBlockNode } from '../../native/mount.ts';
import { answerRequest, check, firstGiven, type HelperAnswer, HelperFailure, using } from '../helper.ts';
import { attribute, command, familyName, familyVersion, socketDescriptor, socketItem } from './abi.ts';
import { type Attribute, uint32Of } from './attributes.ts';
import { deviceOf, findDevice, indexOf, isOurs, readSysfs, sizeBytesOf } from './device.ts';
import { GenericNetlink, type NetlinkResult } from './netlink.ts';
import { type ConnectNbd, type NbdRequest, type NbdWork, parseRequest } from './work.ts';

/** Where the module does not look for partitions by itself (`max_part=0`), it has to be told to. */
const maxPart = '/sys/module/nbd/parameters/max_part';

/** @throws HelperFailure with what the kernel said; nothing was changed */
function ask(which: number, attributes: readonly Attribute[], what: string): ReadonlyMap<number, Uint8Array> {
  const code = which === command.connect ? 'kernel-device-unavailable' : 'kernel-device-failed';
  const netlink = new GenericNetlink();
  let result: NetlinkResult;
  try {
    const family = netlink.family(familyName);
    if (family === null) throw new HelperFailure('the kernel offers no NBD by netlink', code);
    result = netlink.ask({ family, command: which, version: familyVersion, attributes });
  } finally {
    netlink.close();
  }
  if ('attributes' in result) return result.attributes;
  throw new HelperFailure(`${what}: ${result.text}`, code);
}

/** The descriptors that this process was given. */
function sockets(count: number): Attribute {
  const given = Array.from({ length: count }, (_, place) => firstGiven + place);
  return [attribute.sockets, given.map((fd): Attribute => [socketItem, [[socketDescriptor, fd]]])];
}

function disconnect(device: string): void {
  ask(command.disconnect, [[attribute.index, indexOf(device)]], `cannot disconnect ${device}`);
}

function connect(work: ConnectNbd): HelperAnswer {
  const attributes = ask(
    command.connect,
    [
      [attribute.sizeBytes, BigInt(work.sizeBytes)],
      [attribute.blockSizeBytes, BigInt(work.blockBytes)],
      [attribute.timeout, BigInt(work.requestTimeout)],
      [attribute.deadConnectionTimeout, BigInt(work.deadConnectionTimeout)],
      [attribute.serverFlags, BigInt(work.serverFlags)],
      [attribute.backendIdentifier, work.backend],
      sockets(work.sockets),
    ],
    'the kernel makes no NBD device',
  );
  const index = uint32Of(attributes.get(attribute.index));
  const device = index === null ? findDevice(work.backend) : deviceOf(index);
  if (device === null) throw new HelperFailure('the kernel did not say which NBD device it made');
  try {
    if (!isOurs(device, work.backend)) {
      throw new HelperFailure(`${device} does not show its backend identifier (Linux 5.14 does)`);
    }
    setUp(work, device);
  } catch (error) {
    disconnect(device);
    throw error;
  }
  return { failure: null, device, held: false };
}

function setUp(work: ConnectNbd, device: string): void {
  const queue = `/sys/block/${path.basename(device)}/queue`;
  fs.writeFileSync(`${queue}/max_sectors_kb`, String(Math.floor(work.transferBytes / 1024)));
  if (work.lookAfter !== null) fs.writeFileSync(`${queue}/io_timeout`, String(work.lookAfter));
  // The first one who opens it makes the kernel look for partitions.
  using(check(openNode(device, openFlag.readOnly), `cannot open ${device}`), (fd) => {
    // Somebody may have left it behind on the node: what our device is its flags say.
    setBlockReadOnly(fd, false);
    if (work.partitions && fs.readFileSync(maxPart, 'utf8').trim() === '0') rescanPartitions(fd);
  });
}

/** A descriptor, or -errno. A container may not have the node. */
function openNode(device: string, flags: number): number {
  const fd = openPath(device, flags);
  const [major, minor] = (readSysfs(device, 'dev') ?? '').split(':').map(Number);
  if (fd !== -errno.ENOENT || major === undefined || minor === undefined) return fd;
  const made = makeBlockNode(device, major, minor);
  return made < 0 ? made : openPath(device, flags);
}

/** The kernel's own time-out, and the largest transfer of its driver before Linux 6.2; later ones take 0 for their own. */
const usualTimeout = '30000';
const usualTransfer = '128';

/** What was set stays with the node, and would be found by whoever gets it next. Nothing is under way any more. */
function putBack(device: string, fd: number): void {
  if (isBlockReadOnly(fd)) setBlockReadOnly(fd, false);
  const queue = `/sys/block/${path.basename(device)}/queue`;
  fs.writeFileSync(`${queue}/io_timeout`, usualTimeout);
  try {
    fs.writeFileSync(`${queue}/max_sectors_kb`, '0');
  } catch {
    fs.writeFileSync(`${queue}/max_sectors_kb`, usualTransfer);
  }
}

/** Opens the device if it is still ours; null if it is not. */
function withOurs(work: NbdWork, flags: number, act: (fd: number) => HelperAnswer): HelperAnswer | null {
  // Looked at before, so as not to open a stranger's device, and again after: while it is open it stays whose it is.
  if (!isOurs(work.device, work.backend)) return null;
  const fd = openNode(work.device, flags);
  if (fd === -errno.ENOENT || fd === -errno.ENXIO) return null;
  if (fd === -errno.EBUSY) return { failure: null, device: work.device, held: true };
  return using(check(fd, `cannot open ${work.device}`), (open) =>
    isOurs(work.device, work.backend) ? act(open) : null,
  );
}

const notOurs: HelperAnswer = { failure: null, device: '', held: false };

/**
 * While this process has it open alone (O_EXCL), nobody can mount it or build on it; programs that just open it are looked
 * for once more after the flush, which may take long.
 */
function detach(work: NbdWork): HelperAnswer {
  const answer = withOurs(work, openFlag.readOnly | openFlag.exclusive, (fd) => {
    fs.fsyncSync(fd);
    const others = holdersOf(path.basename(work.device)).filter((holder) => holder.pid !== process.pid);
    if (others.length > 0) return { failure: null, device: work.device, held: true };
    disconnect(work.device);
    putBack(work.device, fd);
    return { failure: null, device: work.device, held: false };
  });
  return answer ?? notOurs;
}

function release(work: NbdWork): HelperAnswer {
  if (!isOurs(work.device, work.backend)) return notOurs;
  disconnect(work.device);
  const held = isOurs(work.device, work.backend);
  // Unless somebody else has set it up already.
  if (held || readSysfs(work.device, 'pid') === null) {
    const fd = openNode(work.device, openFlag.readOnly);
    if (fd >= 0) using(fd, (open) => putBack(work.device, open));
  }
  return { failure: null, device: work.device, held };
}

/** The kernel itself checks that the backend is the one that is named. */
function reconfigure(work: NbdWork, change: Attribute): HelperAnswer {
  const attributes: Attribute[] = [
    [attribute.index, indexOf(work.device)],
    [attribute.backendIdentifier, work.backend],
    change,
  ];
  ask(command.reconfigure, attributes, `cannot change ${work.device}`);
  return { failure: null, device: work.device, held: false };
}

function resize(work: NbdWork): HelperAnswer {
  const wanted = work.sizeBytes ?? 0;
  const answer = reconfigure(work, [attribute.sizeBytes, BigInt(wanted)]);
  const found = sizeBytesOf(work.device);
  if (found !== wanted) throw new HelperFailure(`it has ${found} bytes, not ${wanted}`);
  return answer;
}

function perform(request: NbdRequest): HelperAnswer {
  switch (request.kind) {
    case 'connect':
      return connect(request);
    case 'detach':
      return detach(request);
    case 'release':
      return release(request);
  }
  if (!isOurs(request.device, request.backend)) throw new HelperFailure('it is not connected any more');
  switch (request.kind) {
    case 'reconnect':
      return reconfigure(request, sockets(request.sockets ?? 0));
    case 'resize':
      return resize(request);
    case 'flush':
    case 'protect': {
      const answer = withOurs(request, openFlag.readOnly, (fd) => {
        if (request.kind === 'flush') fs.fsyncSync(fd);
        else check(setBlockReadOnly(fd, request.readOnly === true), 'cannot protect it');
        return { failure: null, device: request.device, held: false };
      });
      if (answer === null) throw new HelperFailure('it is not connected any more');
      return answer;
    }
  }
}

answerRequest(parseRequest, perform);
