/** What the kernel knows of a ublk device (ublksrv_ctrl_dev_info), and how one of ours is told from others. */
import { createHash } from 'node:crypto';
import { ownIdentity } from '../process-identity.ts';
import type { UblkTraces } from '../traces.ts';
import { devInfoBytes, devInfoField } from './abi.ts';

export interface DeviceInfo {
  readonly id: number;
  readonly queues: number;
  readonly depth: number;
  /** UBLK_S_DEV_* */
  readonly state: number;
  readonly maxIoBufBytes: number;
  /** UBLK_F_*, as agreed. */
  readonly flags: bigint;
  /** The server's own number, which the kernel only keeps. */
  readonly tag: bigint;
}

export type NewDevice = Omit<DeviceInfo, 'state'>;

export function encodeDeviceInfo(device: NewDevice): Uint8Array {
  const bytes = new Uint8Array(devInfoBytes);
  const view = new DataView(bytes.buffer);
  view.setUint16(devInfoField.nrHwQueues, device.queues, true);
  view.setUint16(devInfoField.queueDepth, device.depth, true);
  view.setUint32(devInfoField.maxIoBufBytes, device.maxIoBufBytes, true);
  view.setUint32(devInfoField.devId, device.id, true);
  view.setBigUint64(devInfoField.flags, device.flags, true);
  view.setBigUint64(devInfoField.ublksrvFlags, device.tag, true);
  return bytes;
}

/** `bytes` has at least `devInfoBytes`. */
export function decodeDeviceInfo(bytes: Uint8Array): DeviceInfo {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    id: view.getUint32(devInfoField.devId, true),
    queues: view.getUint16(devInfoField.nrHwQueues, true),
    depth: view.getUint16(devInfoField.queueDepth, true),
    state: view.getUint16(devInfoField.state, true),
    maxIoBufBytes: view.getUint32(devInfoField.maxIoBufBytes, true),
    flags: view.getBigUint64(devInfoField.flags, true),
    tag: view.getBigUint64(devInfoField.ublksrvFlags, true),
  };
}

let tags = 0;

/** A number that nobody else has, hexadecimal: it follows from which process of which boot asks, and how often it has asked. */
export function newTag(): string {
  const { bootId, pid, startTime } = ownIdentity();
  tags += 1;
  return createHash('sha256').update(`${bootId} ${pid} ${startTime} ${tags}`).digest('hex').slice(0, 16);
}

export function tagValue(traces: UblkTraces): bigint {
  return /^[0-9a-f]{16}$/.test(traces.tag) ? BigInt(`0x${traces.tag}`) : 0n;
}

/**
 * True if that device is the one that these traces are of. The number alone says nothing: once its device is gone it is
 * given out anew. A tag that is none (zero is what other servers leave there) is nobody's.
 */
export function isDeviceOf(traces: UblkTraces, info: DeviceInfo): boolean {
  const tag = tagValue(traces);
  return tag !== 0n && info.id === traces.id && info.tag === tag;
}
