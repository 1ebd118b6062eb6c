/**
 * Commands to /dev/ublk-control, from the main thread, which never waits for one: a command is submitted, the kernel
 * hands it to a worker of its own, and its completion is looked for now and then. Every command has a bound. One that
 * runs over it stays with the kernel, and so do its ring and its memory: nothing else is sent through them.
 */
import { CausewayError } from '../../base/errors.ts';
import { closeDescriptor, openFlag, openPath } from '../../native/descriptors.ts';
import { errno } from '../../native/errno.ts';
import { systemError, viewOf } from '../../native/libc.ts';
import { mapAnonymous, pageBytes, unmap } from '../../native/mapping.ts';
import { opcode, sqe } from '../../uring/abi.ts';
import { Ring } from '../../uring/ring.ts';
import type { KernelHost } from '../contract.ts';
import { controlCommandBytes, controlCommandField, noQueue } from './abi.ts';
import { controlPath } from './nodes.ts';

export interface ControlCommand {
  /** For messages: `STOP_DEV`. */
  readonly name: string;
  readonly command: number;
  readonly device: number;
  /** Read by the kernel, and written. */
  readonly buffer?: Uint8Array;
  readonly data?: number;
}

/** Most commands are done at once: so long the first look waits in the kernel, milliseconds. */
const firstLook = 0.5;
const shortestStep = 1;
const longestStep = 10;

export class CommandRing {
  readonly #fd: number;
  readonly #ring: Ring;
  readonly #memory: number;
  readonly #bytes: Uint8Array;
  #result: number | null = null;
  /** A command ran over its bound. */
  #stuck: string | null = null;

  private constructor(fd: number, ring: Ring) {
    this.#fd = fd;
    this.#ring = ring;
    this.#memory = mapAnonymous('ublk commands', pageBytes);
    this.#bytes = new Uint8Array(viewOf(this.#memory, pageBytes));
  }

  /** @throws CausewayError `kernel-device-unavailable`, `io-uring-unavailable` */
  static open(): CommandRing {
    const fd = openPath(controlPath, openFlag.readWrite);
    if (fd < 0) {
      const hint = 'Load the module with `modprobe ublk_drv`, and run as root.';
      throw systemError('kernel-device-unavailable', `cannot open ${controlPath}`, -fd, hint);
    }
    try {
      return new CommandRing(fd, new Ring({ entries: 2, wide: true }));
    } catch (error) {
      closeDescriptor(fd);
      throw error;
    }
  }

  /** A command was not answered: it may yet be carried out. */
  get isStuck(): boolean {
    return this.#stuck !== null;
  }

  /** Of the ring: a command came back. */
  onCompletion(_low: number, _high: number, result: number): void {
    this.#result = result;
  }

  /** What the kernel answered: 0 or more, or -errno. @throws CausewayError `kernel-device-failed` if it does not answer */
  async run(host: KernelHost, command: ControlCommand, milliseconds: number): Promise<number> {
    this.#submit(command);
    const until = host.now() + milliseconds;
    let step = shortestStep;
    this.#ring.enter(firstLook);
    while (!this.#completed()) {
      if (host.now() > until) throw this.#expire(command, milliseconds);
      await host.sleep(step);
      step = Math.min(step * 2, longestStep);
      this.#ring.enter(0);
    }
    return this.#finish(command);
  }

  /** As `run`, for one that is done at once, waiting for it; null if it is not answered within the bound. */
  runNow(command: ControlCommand, milliseconds: number): number | null {
    this.#submit(command);
    for (let waited = 0; waited < milliseconds; waited += 1) {
      this.#ring.enter(1);
      if (this.#completed()) return this.#finish(command);
    }
    this.#expire(command, milliseconds);
    return null;
  }

  #submit({ name, command, device, buffer, data }: ControlCommand): void {
    if (this.#stuck !== null) {
      throw new CausewayError('kernel-device-failed', `${name} cannot be sent: ${this.#stuck}`);
    }
    this.#result = null;
    if (buffer !== undefined) this.#bytes.set(buffer);
    const at = this.#ring.push(opcode.uringCmd, this.#fd, 0, 0, command, 0, 0, 0) + sqe.cmd;
    const words = this.#ring.entries;
    words.fill(0, at, at + (controlCommandBytes >> 2));
    const view = new DataView(words.buffer, words.byteOffset + at * 4, controlCommandBytes);
    view.setUint32(controlCommandField.devId, device, true);
    view.setUint16(controlCommandField.queueId, noQueue, true);
    if (buffer !== undefined) {
      view.setUint16(controlCommandField.len, buffer.length, true);
      view.setBigUint64(controlCommandField.addr, BigInt(this.#memory), true);
    }
    view.setBigUint64(controlCommandField.data, BigInt(data ?? 0), true);
  }

  #completed(): boolean {
    this.#ring.reap(this);
    return this.#result !== null;
  }

  #finish({ buffer }: ControlCommand): number {
    const result = this.#result ?? -errno.EIO;
    if (result >= 0) buffer?.set(this.#bytes.subarray(0, buffer.length));
    return result;
  }

  #expire({ name, device }: ControlCommand, milliseconds: number): CausewayError {
    this.#stuck = `${name} of ublk device ${device} was not answered within ${Math.round(milliseconds / 1000)} s`;
    return new CausewayError('kernel-device-failed', this.#stuck);
  }

  /** Lets go. What a command that was not answered refers to is kept until this process ends. */
  close(): void {
    if (this.#stuck !== null) return;
    this.#ring.close();
    closeDescriptor(this.#fd);
    unmap(this.#memory, pageBytes);
  }
}
