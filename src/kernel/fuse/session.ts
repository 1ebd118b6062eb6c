/**
 * The FUSE side of a kernel device, from the main thread: open /dev/fuse, mount, agree on INIT, and at the end let go.
 * Nothing in here asks the mounted file for anything.
 */
import fs from 'node:fs';
import { CausewayError } from '../../base/errors.ts';
import {
  closeDescriptor,
  ioctlBytes,
  openFlag,
  openPath,
  readDescriptor,
  writeDescriptor,
} from '../../native/descriptors.ts';
import { errno, errnoName } from '../../native/errno.ts';
import { systemError } from '../../native/libc.ts';
import { mount, mountFlag, ownMounts, unmount, unmountFlag } from '../../native/mount.ts';
import type { FuseTransport, KernelGeometry, KernelHost } from '../contract.ts';
import { deviceClone, leastReadBytes, regularFile } from './abi.ts';
import { abortConnection, detachMount, mountsAt } from './connection.ts';
import { decodeInit, encodeInitReply, encodeResend, offersResend, offersUring } from './init.ts';
import { mountType } from './places.ts';

const devicePath = '/dev/fuse';
/** INIT is there when mount returns; the wait is for a kernel that takes its time. */
const initMilliseconds = 5000;
const initStep = 10;

export interface SessionOptions {
  readonly mountPoint: string;
  readonly source: string;
  readonly geometry: KernelGeometry;
  readonly payloadBytes: number;
  /** Ask for io_uring if INIT offers it. */
  readonly uring: boolean;
  /** Serve the classic way, so that the next process can go on, if INIT offers that; it comes before `uring`. */
  readonly survive: boolean;
}

interface Agreement {
  readonly transport: FuseTransport;
  /** What is unanswered when this process dies can be handed out again. */
  readonly canResend: boolean;
}

function openDevice(): number {
  const fd = openPath(devicePath, openFlag.readWrite | openFlag.nonBlock);
  if (fd >= 0) return fd;
  if (fd === -errno.ENOENT || fd === -errno.ENODEV || fd === -errno.ENXIO) {
    throw new CausewayError('kernel-device-unavailable', `there is no ${devicePath}`, {
      hint: 'Load the module with `modprobe fuse`; in a container, pass the device in (`--device /dev/fuse`).',
    });
  }
  throw systemError('kernel-device-unavailable', `cannot open ${devicePath}`, -fd, 'Run as root (CAP_SYS_ADMIN).');
}

type Place = Pick<SessionOptions, 'mountPoint' | 'source'>;

export class FuseSession {
  readonly transport: FuseTransport;
  /** The next process can go on when this one dies, if somebody keeps the descriptor. */
  readonly canSurvive: boolean;
  readonly #fds: number[];
  readonly #place: Place;

  private constructor(fd: number, transport: FuseTransport, canSurvive: boolean, place: Place) {
    this.#fds = [fd];
    this.transport = transport;
    this.canSurvive = canSurvive;
    this.#place = place;
  }

  /** @throws CausewayError `kernel-device-unavailable`, `kernel-device-failed` */
  static async open(host: KernelHost, options: SessionOptions): Promise<FuseSession> {
    const fd = openDevice();
    try {
      mountOver(fd, options);
      const { transport, canResend } = await agree(host, fd, options);
      return new FuseSession(fd, transport, options.survive && canResend && transport === 'classic', options);
    } catch (error) {
      abortConnection(options.mountPoint, options.source);
      detachMount(options.mountPoint, options.source);
      closeDescriptor(fd);
      throw error;
    }
  }

  /** A connection that a dead process left: `fd` is a descriptor of it, everything is agreed on. */
  static adopt(fd: number, place: Place): FuseSession {
    return new FuseSession(fd, 'classic', true, place);
  }

  /** The first descriptor, the one to be kept. */
  get kept(): number {
    return this.#fds[0]!;
  }

  /**
   * The descriptor for one more reactor: each has its own, so that they do not contend for one list of requests. A
   * connection that is to survive has one only: when any of them is closed, the kernel ends what was read through it.
   */
  descriptor(reactor: number): number {
    const first = this.kept;
    if (reactor === 0 || this.canSurvive) return first;
    const fd = openDevice();
    const result = ioctlBytes(fd, deviceClone, new Uint8Array(new Uint32Array([first]).buffer));
    if (result < 0) {
      closeDescriptor(fd);
      throw systemError('kernel-device-failed', 'cannot join a FUSE connection', -result);
    }
    this.#fds.push(fd);
    return fd;
  }

  /**
   * Has everything that a dead process had read and not answered handed out again. Nothing of that process is left.
   * @throws CausewayError `kernel-device-failed`
   */
  resend(): void {
    const notification = encodeResend();
    const put = writeDescriptor(this.kept, notification);
    if (put !== notification.length) {
      throw new CausewayError('kernel-device-failed', `the kernel does not hand requests out again: ${errnoName(put)}`);
    }
  }

  /**
   * Takes the mount away, after the loop device let go of the file. With that the connection ends, and the kernel lets
   * go of every queue.
   */
  unmount(): void {
    const { mountPoint, source } = this.#place;
    if (mountsAt(mountPoint, source).length === 0) return;
    if (unmount(mountPoint, unmountFlag.noFollow) === 0) return;
    // Somebody has the bare file open, which is nobody's business but ours: they get an error.
    abortConnection(mountPoint, source);
    detachMount(mountPoint, source);
  }

  /** Ends every request that waits with an error, now and from now on. */
  abort(): void {
    abortConnection(this.#place.mountPoint, this.#place.source);
  }

  /** Closes the descriptors. No reactor uses them any more. */
  close(): void {
    for (const fd of this.#fds.splice(0)) closeDescriptor(fd);
  }
}

/**
 * Makes the empty file that is mounted over.
 * @throws CausewayError `kernel-device-failed` if something else is in its place: that is not ours to change
 */
function makeMountPoint(mountPoint: string): void {
  const inTheWay = (what: string): CausewayError =>
    new CausewayError('kernel-device-failed', `${mountPoint} is ${what}`, {
      hint: `Find out whose it is (\`findmnt ${mountPoint}\`), take it away, or choose another name.`,
    });
  if (ownMounts().some((entry) => entry.target === mountPoint)) throw inTheWay("somebody else's mount");
  try {
    fs.writeFileSync(mountPoint, '', { mode: 0o600, flag: 'wx' });
  } catch (error) {
    const there = fs.lstatSync(mountPoint, { throwIfNoEntry: false });
    if (there === undefined) throw error;
    if (!there.isFile() || there.size > 0) throw inTheWay('there already and not empty');
  }
}

function mountOver(fd: number, options: SessionOptions): void {
  const { mountPoint, source, geometry, payloadBytes } = options;
  makeMountPoint(mountPoint);
  const mode = (regularFile | (geometry.readOnly ? 0o400 : 0o600)).toString(8);
  const data = `fd=${fd},rootmode=${mode},user_id=0,group_id=0,default_permissions,max_read=${payloadBytes}`;
  const flags =
    mountFlag.noSuid |
    mountFlag.noDev |
    mountFlag.noExec |
    mountFlag.noAtime |
    (geometry.readOnly ? mountFlag.readOnly : 0);
  const result = mount(source, mountPoint, mountType, flags, data);
  if (result === 0) return;
  fs.rmSync(mountPoint, { force: true });
  if (result === -errno.EPERM) {
    throw systemError(
      'kernel-device-unavailable',
      `cannot mount ${mountPoint}`,
      -result,
      'Run as root (CAP_SYS_ADMIN).',
    );
  }
  throw systemError('kernel-device-failed', `cannot mount ${mountPoint}`, -result);
}

/** Answers INIT. */
async function agree(host: KernelHost, fd: number, options: SessionOptions): Promise<Agreement> {
  // The kernel wants room for the largest write there could be before it hands out anything.
  const buffer = new Uint8Array(leastReadBytes);
  const until = host.now() + initMilliseconds;
  let got = readDescriptor(fd, buffer);
  while (got === -errno.EAGAIN && host.now() < until) {
    await host.sleep(initStep);
    got = readDescriptor(fd, buffer);
  }
  if (got < 0) throw systemError('kernel-device-failed', 'the kernel does not say INIT', -got);
  const request = decodeInit(buffer.subarray(0, got));
  const canResend = offersResend(request);
  const uring = options.uring && offersUring(request) && !(options.survive && canResend);
  const reply = encodeInitReply(request, options.payloadBytes, uring);
  const put = writeDescriptor(fd, reply);
  if (put !== reply.length) {
    throw new CausewayError('kernel-device-failed', `the kernel refuses our INIT: ${errnoName(put)}`);
  }
  return { transport: uring ? 'uring' : 'classic', canResend };
}
