/**
 * The control side of a companion node: makes `/dev/causeway/<name>-nvme`, and takes it away. The kernel takes it away by
 * itself when the descriptor is closed, also by the death of the process. Nothing here opens the node.
 */
import fs from 'node:fs';
import { CausewayError } from '../../base/errors.ts';
import { closeDescriptor, openFlag, openPath, readDescriptor, writeDescriptor } from '../../native/descriptors.ts';
import { errno, errnoName } from '../../native/errno.ts';
import { fuseMajor, inHeader, inHeaderBytes, leastReadBytes, outHeader, outHeaderBytes } from '../fuse/abi.ts';
import { openProblem } from '../host-facts.ts';
import { cuseInitIn, cuseInitInBytes, cuseInitOut, cuseInitOutBytes, opcode, unrestrictedIoctl } from './abi.ts';

const cuseDevice = '/dev/cuse';
/** FUSE_KERNEL_MINOR_VERSION as of which ioctls carry `fuse_ioctl_iovec`; and the newest that we know. */
const oldestMinor = 16;
const newestMinor = 31;
const initBound = 1_000;
const step = 5;

export interface CompanionNode {
  readonly path: string;
  readonly fd: number;
}

/** Why companion nodes can not be made on this host, and what mends that; null if they can. */
export function companionProblem(): { readonly reason: string; readonly mend: string } | null {
  return openProblem(cuseDevice, 'cuse');
}

/** The node's name below /dev. */
export function companionName(name: string): string {
  return `causeway/${name}-nvme`;
}

/**
 * Makes the node. Requests wait until somebody serves the descriptor.
 * @throws CausewayError `kernel-device-unavailable`, `kernel-device-failed`
 */
export async function makeCompanionNode(
  name: string,
  sleep: (milliseconds: number) => Promise<void>,
): Promise<CompanionNode> {
  const fd = openPath(cuseDevice, openFlag.readWrite | openFlag.nonBlock);
  if (fd < 0) {
    const problem = companionProblem();
    const reason = problem?.reason ?? `${cuseDevice} cannot be opened (${errnoName(fd)})`;
    throw new CausewayError('kernel-device-unavailable', reason, problem === null ? {} : { hint: problem.mend });
  }
  try {
    await agree(fd, name, sleep);
    return { path: await find(name, sleep), fd };
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

/** Answers CUSE_INIT. The kernel makes the device before our answer is taken. */
async function agree(fd: number, name: string, sleep: (milliseconds: number) => Promise<void>): Promise<void> {
  const buffer = new Uint8Array(leastReadBytes);
  let got = readDescriptor(fd, buffer);
  for (let waited = 0; got === -errno.EAGAIN && waited < initBound; waited += step) {
    await sleep(step);
    got = readDescriptor(fd, buffer);
  }
  if (got < 0) throw failed(`the kernel does not say CUSE_INIT (${errnoName(got)})`);
  const reply = cuseInitReply(buffer.subarray(0, got), companionName(name));
  const put = writeDescriptor(fd, reply);
  if (put !== reply.length) throw failed(`the kernel refuses our CUSE_INIT (${errnoName(put)})`);
}

/** The answer to CUSE_INIT. @throws CausewayError `kernel-device-failed` if it is none that we can answer */
export function cuseInitReply(request: Uint8Array, devname: string): Uint8Array {
  const view = new DataView(request.buffer, request.byteOffset, request.byteLength);
  const isWhole = request.length >= inHeaderBytes + cuseInitInBytes;
  if (!isWhole || view.getUint32(inHeader.opcode, true) !== opcode.cuseInit) {
    throw failed('the first message from /dev/cuse is not CUSE_INIT');
  }
  const word = (at: number): number => view.getUint32(inHeaderBytes + at, true);
  const minor = word(cuseInitIn.minor);
  if (word(cuseInitIn.major) !== fuseMajor || minor < oldestMinor) {
    throw failed(`this kernel speaks CUSE ${word(cuseInitIn.major)}.${minor}`);
  }
  if ((word(cuseInitIn.flags) & unrestrictedIoctl) === 0) throw failed('this CUSE does not carry ioctls of this kind');
  // The kernel's own way to write a name with a slash: the node gets a directory.
  const info = Buffer.from(`DEVNAME=${devname.replaceAll('/', '!')}\0`);
  const reply = new Uint8Array(outHeaderBytes + cuseInitOutBytes + info.length);
  const out = new DataView(reply.buffer);
  out.setUint32(outHeader.len, reply.length, true);
  out.setBigUint64(outHeader.unique, view.getBigUint64(inHeader.unique, true), true);
  out.setUint32(outHeaderBytes + cuseInitOut.major, fuseMajor, true);
  out.setUint32(outHeaderBytes + cuseInitOut.minor, Math.min(minor, newestMinor), true);
  out.setUint32(outHeaderBytes + cuseInitOut.flags, unrestrictedIoctl, true);
  out.setUint32(outHeaderBytes + cuseInitOut.maxRead, 4096, true);
  out.setUint32(outHeaderBytes + cuseInitOut.maxWrite, 4096, true);
  reply.set(info, outHeaderBytes + cuseInitOutBytes);
  return reply;
}

/** Waits until the node is there, and is the one that the kernel made for us. */
async function find(name: string, sleep: (milliseconds: number) => Promise<void>): Promise<string> {
  const path = `/dev/${companionName(name)}`;
  const sysfs = `/sys/class/cuse/${companionName(name).replaceAll('/', '!')}/dev`;
  for (let waited = 0; ; waited += step) {
    const numbers = readNumbers(sysfs);
    if (numbers !== null && isNode(path, numbers)) return path;
    if (waited >= initBound) {
      const why =
        numbers === null ? 'the kernel did not make it' : `${path} is something else, or /dev is not the kernel's`;
      throw failed(`there is no companion node: ${why}`);
    }
    await sleep(step);
  }
}

function readNumbers(file: string): string | null {
  try {
    return fs.readFileSync(file, 'utf8').trim();
  } catch {
    return null;
  }
}

/** Major and minor number as Linux packs them into st_rdev. */
function isNode(path: string, numbers: string): boolean {
  const found = fs.lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || !found.isCharacterDevice()) return false;
  const major = (found.rdev >>> 8) & 0xfff;
  const minor = (found.rdev & 0xff) | ((found.rdev >>> 12) & 0xfff00);
  return numbers === `${major}:${minor}`;
}

function failed(what: string): CausewayError {
  return new CausewayError('kernel-device-failed', what);
}
