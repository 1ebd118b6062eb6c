/**
 * The helper process for ublk devices (helper.ts). Opening such a device may read from it, closing it writes back, a change
 * of its queue and its end wait for all its requests, beyond the reach of a signal. And where the kernel learns of a
 * server's death from its descriptors being closed (Linux 6.16), a server that waited so itself and was killed would never
 * let go of them, and nothing would end the wait.
 */
import fs from 'node:fs';
import { setBlockReadOnly } from '../../native/block-device.ts';
import { openFlag, openPath } from '../../native/descriptors.ts';
import { errno } from '../../native/errno.ts';
import { answerRequest, check, type HelperAnswer, HelperFailure, using } from '../helper.ts';
import { deviceHolders } from '../in-use.ts';
import { controlCommand, devInfoBytes } from './abi.ts';
import { CommandRing, type ControlCommand } from './command-ring.ts';
import { decodeDeviceInfo, isDeviceOf } from './device-info.ts';
import { blockPath } from './nodes.ts';
import { parseWork, type UblkWork } from './work.ts';

/** Who asks has the bound, and kills. Milliseconds. */
const forEver = 24 * 3600 * 1000;

function ask(ring: CommandRing, command: ControlCommand): number {
  return ring.runNow(command, forEver) ?? -errno.EIO;
}

/** True if there is a device of that number with that tag. */
function isOurs(ring: CommandRing, { id, tag }: UblkWork): boolean {
  const buffer = new Uint8Array(devInfoBytes);
  const known = ask(ring, { name: 'GET_DEV_INFO', command: controlCommand.getDevInfo, device: id, buffer });
  if (known === -errno.ENODEV) return false;
  check(known, 'GET_DEV_INFO');
  return isDeviceOf({ kind: 'ublk', id, tag }, decodeDeviceInfo(buffer));
}

function withNode<T>(id: number, act: (fd: number) => T): T {
  return using(check(openPath(blockPath(id), openFlag.readOnly), 'cannot open it'), act);
}

/** False: somebody has it open. */
function stopUnlessHeld(ring: CommandRing, { id, canTry }: UblkWork): boolean {
  withNode(id, (fd) => fs.fsyncSync(fd));
  if (deviceHolders(blockPath(id)).length > 0) return false;
  if (canTry !== true) {
    stop(ring, id);
    return true;
  }
  const tried = ask(ring, { name: 'TRY_STOP_DEV', command: controlCommand.tryStopDev, device: id });
  if (tried === -errno.EBUSY) return false;
  if (tried !== -errno.ENODEV) check(tried, 'TRY_STOP_DEV');
  return true;
}

function stop(ring: CommandRing, id: number): void {
  const stopped = ask(ring, { name: 'STOP_DEV', command: controlCommand.stopDev, device: id });
  if (stopped !== -errno.ENODEV) check(stopped, 'STOP_DEV');
}

function perform(work: UblkWork): HelperAnswer {
  const device = blockPath(work.id);
  const ring = CommandRing.open();
  if (!isOurs(ring, work)) {
    if (work.kind !== 'detach' && work.kind !== 'release') throw new HelperFailure('it is gone');
    return { failure: null, device: '', held: false };
  }
  let held = false;
  switch (work.kind) {
    case 'detach':
      held = !stopUnlessHeld(ring, work);
      break;
    case 'release':
      stop(ring, work.id);
      break;
    case 'flush':
      withNode(work.id, (fd) => fs.fsyncSync(fd));
      break;
    case 'protect':
      withNode(work.id, (fd) => check(setBlockReadOnly(fd, work.readOnly === true), 'cannot protect it'));
      break;
    case 'look':
      fs.writeFileSync(`/sys/block/ublkb${work.id}/queue/io_timeout`, String(work.milliseconds));
      break;
  }
  return { failure: null, device, held };
}

answerRequest(parseWork, perform);
