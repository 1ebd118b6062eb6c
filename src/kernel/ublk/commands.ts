/** What is asked of the ublk driver: one function a command, each with its bound. */
import { CausewayError } from '../../base/errors.ts';
import { errno, errnoName } from '../../native/errno.ts';
import type { KernelHost } from '../contract.ts';
import { controlCommand, devInfoBytes, featuresBytes, noDevice } from './abi.ts';
import { CommandRing, type ControlCommand } from './command-ring.ts';
import { decodeDeviceInfo, type DeviceInfo, encodeDeviceInfo, type NewDevice } from './device-info.ts';

/** Memory is taken and a node is made, nothing else. */
const quickMilliseconds = 10_000;

/** The features of this kernel's driver; null if it cannot tell (before Linux 6.5) or does not answer. */
export function probeFeatures(): bigint | null {
  const ring = CommandRing.open();
  try {
    const buffer = new Uint8Array(featuresBytes);
    const result = ring.runNow(features(buffer), 1000);
    return result === 0 ? new DataView(buffer.buffer).getBigUint64(0, true) : null;
  } finally {
    ring.close();
  }
}

function features(buffer: Uint8Array): ControlCommand {
  return { name: 'GET_FEATURES', command: controlCommand.getFeatures, device: noDevice, buffer };
}

/** One device, by its number. */
export class UblkCommands {
  readonly #host: KernelHost;
  readonly #ring: CommandRing;

  /** @throws CausewayError `kernel-device-unavailable` */
  constructor(host: KernelHost) {
    this.#host = host;
    this.#ring = CommandRing.open();
  }

  /** As CommandRing.isStuck. */
  get isStuck(): boolean {
    return this.#ring.isStuck;
  }

  async features(): Promise<bigint> {
    const buffer = new Uint8Array(featuresBytes);
    const result = await this.#ring.run(this.#host, features(buffer), quickMilliseconds);
    return result === 0 ? new DataView(buffer.buffer).getBigUint64(0, true) : 0n;
  }

  /** What it became; null if the number is taken. @throws CausewayError `kernel-device-unavailable` */
  async addDevice(device: NewDevice): Promise<DeviceInfo | null> {
    const buffer = encodeDeviceInfo(device);
    const { addDev } = controlCommand;
    const command = { name: 'ADD_DEV', command: addDev, device: device.id, buffer };
    const result = await this.#ring.run(this.#host, command, quickMilliseconds);
    if (result >= 0) return decodeDeviceInfo(buffer);
    if (result === -errno.EEXIST) return null;
    throw new CausewayError('kernel-device-unavailable', `the kernel makes no ublk device: ${errnoName(result)}`, {
      hint: 'Linux 6.4 or later is needed; see the kernel log (`dmesg | tail`).',
    });
  }

  /** Null: there is no device of that number. */
  async deviceInfo(id: number): Promise<DeviceInfo | null> {
    const buffer = new Uint8Array(devInfoBytes);
    const command = { name: 'GET_DEV_INFO', command: controlCommand.getDevInfo, device: id, buffer };
    const result = await this.#ring.run(this.#host, command, quickMilliseconds);
    if (result === -errno.ENODEV) return null;
    this.#check(result, command);
    return decodeDeviceInfo(buffer);
  }

  async setParameters(id: number, parameters: Uint8Array): Promise<void> {
    const { setParams } = controlCommand;
    await this.#do({ name: 'SET_PARAMS', command: setParams, device: id, buffer: parameters }, quickMilliseconds);
  }

  /** Waits for all queues, and while the kernel looks for partitions. */
  async start(id: number, milliseconds: number): Promise<void> {
    const { startDev } = controlCommand;
    await this.#do({ name: 'START_DEV', command: startDev, device: id, data: process.pid }, milliseconds);
  }

  /** Of a device whose server is dead: that of a living one is to be stopped by the helper process. */
  async stop(id: number, milliseconds: number): Promise<void> {
    await this.#do({ name: 'STOP_DEV', command: controlCommand.stopDev, device: id }, milliseconds);
  }

  /** Takes a stopped device away. One that somebody has open goes at the last close. */
  async remove(id: number): Promise<void> {
    const command = { name: 'DEL_DEV_ASYNC', command: controlCommand.delDevAsync, device: id };
    const result = await this.#ring.run(this.#host, command, quickMilliseconds);
    if (result === -errno.EOPNOTSUPP || result === -errno.EINVAL) {
      // Before Linux 6.9: this one waits for the last close.
      await this.#do({ name: 'DEL_DEV', command: controlCommand.delDev, device: id }, quickMilliseconds);
    } else if (result !== -errno.ENODEV) {
      this.#check(result, command);
    }
  }

  /** -errno, or 0. EBUSY: something of the earlier server is left. */
  async startRecovery(id: number): Promise<number> {
    const command = { name: 'START_USER_RECOVERY', command: controlCommand.startUserRecovery, device: id };
    return await this.#ring.run(this.#host, command, quickMilliseconds);
  }

  async endRecovery(id: number): Promise<void> {
    const command = { name: 'END_USER_RECOVERY', command: controlCommand.endUserRecovery, device: id };
    await this.#do({ ...command, data: process.pid }, quickMilliseconds);
  }

  async updateSize(id: number, sectors: number): Promise<void> {
    const command = { name: 'UPDATE_SIZE', command: controlCommand.updateSize, device: id, data: sectors };
    await this.#do(command, quickMilliseconds);
  }

  async #do(command: ControlCommand, milliseconds: number): Promise<void> {
    this.#check(await this.#ring.run(this.#host, command, milliseconds), command);
  }

  #check(result: number, { name, device }: ControlCommand): void {
    if (result >= 0) return;
    throw new CausewayError('kernel-device-failed', `${name} of ublk device ${device}: ${errnoName(result)}`);
  }

  close(): void {
    this.#ring.close();
  }
}
