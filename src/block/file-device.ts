/**
 * A volume in a file, sparse. Discard and write-zeroes punch holes, flush is fdatasync. Requests are carried out as they
 * come, any number at once; what a short read or write leaves over is asked for again.
 */
import { assert } from '../base/assert.ts';
import type { File, FileOwner, Io } from '../io/contract.ts';
import { type BlockDevice, type Geometry, type Identity, maxTransferBytes } from './device.ts';
import { checkVolumeSize } from './memory-device.ts';
import { op, type Request, requestFlag } from './request.ts';
import { type Status, status, statusOfErrno } from './status.ts';

export interface FileDeviceOptions {
  readonly path: string;
  /** Bytes; the file is made with this size if it does not exist. Left out: the size of the file that is there. */
  readonly sizeBytes?: number;
  /** 512 or 4096 (default). */
  readonly blockBytes?: number;
  readonly readOnly?: boolean;
  /** Bypass the page cache (O_DIRECT). */
  readonly direct?: boolean;
  /** Canonical identity; `file.<path>` when left out. */
  readonly id?: string;
  /** How many requests may be under way at once; more are answered `busy`. */
  readonly depth?: number;
}

const defaultDepth = 4096;

export class FileDevice implements BlockDevice, FileOwner {
  readonly identity: Identity;
  readonly #io: Io;
  #geometry: Geometry;
  #file: File | null = null;
  /** The request of each token, its progress in bytes, and whether the write is done and only its sync is awaited. */
  readonly #requests: (Request | null)[];
  readonly #done: Float64Array;
  readonly #syncing: Uint8Array;
  readonly #free: Int32Array;
  #freeCount: number;

  private constructor(io: Io, options: FileDeviceOptions) {
    const depth = options.depth ?? defaultDepth;
    this.#io = io;
    this.#requests = new Array<Request | null>(depth).fill(null);
    this.#done = new Float64Array(depth);
    this.#syncing = new Uint8Array(depth);
    this.#free = Int32Array.from({ length: depth }, (_, index) => depth - 1 - index);
    this.#freeCount = depth;
    this.identity = { id: options.id ?? `file.${options.path}`, model: 'Causeway file', serial: options.path };
    this.#geometry = {
      sizeBytes: options.sizeBytes ?? 0,
      blockBytes: options.blockBytes ?? 4096,
      physicalBlockBytes: 4096,
      maxTransferBytes,
      readOnly: options.readOnly ?? false,
      // The page cache, or the drive's own with O_DIRECT: durable only after fdatasync.
      volatileCache: true,
      canDiscard: true,
      canWriteZeroes: true,
    };
  }

  /** @throws CausewayError `file-open`, `invalid-argument` */
  static async open(io: Io, options: FileDeviceOptions): Promise<FileDevice> {
    const blockBytes = options.blockBytes ?? 4096;
    if (options.sizeBytes !== undefined) checkVolumeSize(options.sizeBytes, blockBytes);
    const device = new FileDevice(io, options);
    const file = await io.openFile(options.path, device, {
      readOnly: options.readOnly ?? false,
      direct: options.direct ?? false,
      ...(options.sizeBytes === undefined ? {} : { createBytes: options.sizeBytes }),
    });
    device.#file = file;
    try {
      // A tail that fills no block cannot be addressed, so it is left alone.
      const whole = file.sizeBytes - (file.sizeBytes % blockBytes);
      const sizeBytes = options.sizeBytes ?? whole;
      checkVolumeSize(sizeBytes, blockBytes);
      device.#geometry = { ...device.#geometry, sizeBytes };
    } catch (error) {
      await file.close();
      throw error;
    }
    return device;
  }

  get geometry(): Geometry {
    return this.#geometry;
  }

  /**
   * Control. Changes the size. A file that is shorter reads as zeroes behind its end and grows when written there; one
   * that is longer keeps what stands behind the new end.
   * @throws CausewayError `invalid-argument` for a size that is no multiple of the block
   */
  resize(sizeBytes: number): void {
    checkVolumeSize(sizeBytes, this.#geometry.blockBytes);
    this.#geometry = { ...this.#geometry, sizeBytes };
  }

  submit(request: Request): void {
    if (this.#file === null) {
      request.finish(status.gone);
      return;
    }
    if (this.#freeCount === 0) {
      request.finish(status.busy);
      return;
    }
    this.#freeCount -= 1;
    const token = this.#free[this.#freeCount]!;
    this.#requests[token] = request;
    this.#done[token] = 0;
    this.#syncing[token] = 0;
    this.#start(token, request);
  }

  #start(token: number, request: Request): void {
    const file = this.#file!;
    const done = this.#done[token]!;
    switch (request.op) {
      case op.read:
        file.read(token, request.buffer + done, request.length - done, request.offset + done);
        return;
      case op.write:
        file.write(token, request.buffer + done, request.length - done, request.offset + done);
        return;
      case op.flush:
        file.sync(token);
        return;
      case op.discard:
        file.zero(token, request.offset, request.length, true);
        return;
      case op.writeZeroes:
        file.zero(token, request.offset, request.length, (request.flags & requestFlag.keepAllocated) === 0);
        return;
    }
  }

  onFile(token: number, result: number): void {
    const request = this.#requests[token];
    assert(request !== null && request !== undefined, 'a file operation ended that nobody started');
    if (result < 0) {
      // Interrupted (EINTR) is no verdict: nothing was done, so it is asked for again.
      if (result === -4) this.#start(token, request);
      // Discard is advice: a file system that cannot punch holes takes it and keeps the space.
      else if (request.op === op.discard && result === -95) this.#finish(token, request, status.ok);
      else this.#finish(token, request, statusOfErrno(-result));
      return;
    }
    if ((request.op === op.read || request.op === op.write) && this.#syncing[token] === 0) {
      const done = this.#done[token]! + result;
      this.#done[token] = done;
      if (done < request.length) {
        if (result === 0 && request.op === op.read) {
          // Behind the end of a file that was never written so far: zeroes.
          this.#io.memory.fill(request.buffer + done, 0, request.length - done);
        } else if (result === 0) {
          this.#finish(token, request, status.ioError);
          return;
        } else {
          this.#start(token, request);
          return;
        }
      }
    }
    if ((request.flags & requestFlag.fua) !== 0 && request.op !== op.read && this.#syncing[token] === 0) {
      this.#syncing[token] = 1;
      this.#file!.sync(token);
      return;
    }
    this.#finish(token, request, status.ok);
  }

  #finish(token: number, request: Request, outcome: Status): void {
    this.#requests[token] = null;
    this.#free[this.#freeCount] = token;
    this.#freeCount += 1;
    request.finish(outcome);
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    if (file !== null) await file.close();
  }
}
