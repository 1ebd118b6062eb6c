/** The names under which a ublk device is found. */
import fs from 'node:fs';
import { CausewayError } from '../../base/errors.ts';
import { openFlag, openPath } from '../../native/descriptors.ts';
import { errno } from '../../native/errno.ts';
import { systemError } from '../../native/libc.ts';
import type { KernelHost } from '../contract.ts';

export const controlPath = '/dev/ublk-control';

/** How long udev, or the kernel itself, may take to make a node. */
const nodeMilliseconds = 5000;
const nodeStep = 2;

/** Where its server talks to the kernel. */
function characterPath(id: number): string {
  return `/dev/ublkc${id}`;
}

/** The block device. */
export function blockPath(id: number): string {
  return `/dev/ublkb${id}`;
}

/** True if some device has this number, as far as can be seen without asking. */
export function looksTaken(id: number): boolean {
  return fs.existsSync(`/sys/class/ublk-char/ublkc${id}`);
}

function missing(node: string): CausewayError {
  const text = `${node} did not appear within ${nodeMilliseconds / 1000} s`;
  const hint =
    'The kernel made the device: devtmpfs or udevd has to make its node; in a container, share /dev with the host.';
  return new CausewayError('kernel-device-failed', text, { hint });
}

/** Opens the character device. @throws CausewayError `kernel-device-failed` */
export async function openCharacter(host: KernelHost, id: number): Promise<number> {
  const node = characterPath(id);
  const until = host.now() + nodeMilliseconds;
  for (;;) {
    const fd = openPath(node, openFlag.readWrite);
    if (fd >= 0) return fd;
    // EACCES: udev is not through with it. EBUSY: the last one who had it is on its way out.
    const passing = fd === -errno.ENOENT || fd === -errno.EACCES || fd === -errno.EBUSY;
    if (!passing) throw systemError('kernel-device-failed', `cannot open ${node}`, -fd);
    if (host.now() > until) {
      if (fd === -errno.ENOENT) throw missing(node);
      throw systemError('kernel-device-failed', `cannot open ${node}`, -fd);
    }
    await host.sleep(nodeStep);
  }
}

/** Waits for the block device's node, without opening it. @throws CausewayError `kernel-device-failed` */
export async function awaitBlock(host: KernelHost, id: number): Promise<string> {
  const node = blockPath(id);
  const until = host.now() + nodeMilliseconds;
  while (fs.statSync(node, { throwIfNoEntry: false })?.isBlockDevice() !== true) {
    if (host.now() > until) throw missing(node);
    await host.sleep(nodeStep);
  }
  return node;
}
