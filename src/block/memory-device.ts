/** A volume kept in memory: sparse, gone with the process. Discard and write-zeroes give the space back. */
import { CausewayError } from '../base/errors.ts';
import type { Io, Store } from '../io/contract.ts';
import { type BlockDevice, type Geometry, type Identity, maxTransferBytes } from './device.ts';
import { op, type Request } from './request.ts';
import { status } from './status.ts';

export interface MemoryDeviceOptions {
  /** Names the store: devices of several reactors of one process that give the same name share one volume. */
  readonly name: string;
  /** Bytes; a multiple of the block. */
  readonly sizeBytes: number;
  /** 512 or 4096 (default). */
  readonly blockBytes?: number;
  /** How far `resize` may grow it; `sizeBytes` when left out. Costs address space only. */
  readonly capacityBytes?: number;
  readonly readOnly?: boolean;
  /** Canonical identity; `mem.<name>` when left out. */
  readonly id?: string;
}

/**
 * Checks the size of a volume.
 * @throws CausewayError `invalid-argument` for another block size than 512 and 4096, or a size that is not a positive
 * multiple of it below 2^53
 */
export function checkVolumeSize(sizeBytes: number, blockBytes: number): void {
  if (blockBytes !== 512 && blockBytes !== 4096) {
    throw new CausewayError('invalid-argument', `A block of ${blockBytes} bytes is not possible: it is 512 or 4096.`);
  }
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0 || sizeBytes % blockBytes !== 0) {
    throw new CausewayError(
      'invalid-argument',
      `A volume of ${sizeBytes} bytes is not possible: its size is a positive multiple of ${blockBytes} bytes.`,
    );
  }
}

export class MemoryDevice implements BlockDevice {
  readonly identity: Identity;
  readonly #store: Store;
  #geometry: Geometry;

  /** @throws CausewayError `invalid-argument`, `out-of-memory` */
  constructor(io: Io, options: MemoryDeviceOptions) {
    const blockBytes = options.blockBytes ?? 4096;
    checkVolumeSize(options.sizeBytes, blockBytes);
    const capacity = Math.max(options.capacityBytes ?? 0, options.sizeBytes);
    this.#store = io.openStore(options.name, capacity);
    if (this.#store.sizeBytes < options.sizeBytes) {
      throw new CausewayError(
        'invalid-argument',
        `The memory volume "${options.name}" exists already and is smaller: ${this.#store.sizeBytes} bytes.`,
      );
    }
    this.identity = { id: options.id ?? `mem.${options.name}`, model: 'Causeway memory', serial: options.name };
    this.#geometry = {
      sizeBytes: options.sizeBytes,
      blockBytes,
      physicalBlockBytes: 4096,
      maxTransferBytes,
      readOnly: options.readOnly ?? false,
      volatileCache: false,
      canDiscard: true,
      canWriteZeroes: true,
    };
  }

  get geometry(): Geometry {
    return this.#geometry;
  }

  /** Bytes that really take memory now. Control. */
  allocatedBytes(): number {
    return this.#store.allocatedBytes();
  }

  /**
   * Control. Changes the size; what is cut off is forgotten. No request may be under way beyond the new end.
   * @throws CausewayError `invalid-argument` beyond the capacity or for a size that is no multiple of the block
   */
  resize(sizeBytes: number): void {
    checkVolumeSize(sizeBytes, this.#geometry.blockBytes);
    if (sizeBytes > this.#store.sizeBytes) {
      throw new CausewayError(
        'invalid-argument',
        `The volume can grow to ${this.#store.sizeBytes} bytes at most, not to ${sizeBytes}.`,
      );
    }
    const before = this.#geometry.sizeBytes;
    this.#geometry = { ...this.#geometry, sizeBytes };
    if (sizeBytes < before) this.#store.zero(sizeBytes, before - sizeBytes);
  }

  submit(request: Request): void {
    switch (request.op) {
      case op.read:
        this.#store.read(request.buffer, request.offset, request.length);
        break;
      case op.write:
        this.#store.write(request.buffer, request.offset, request.length);
        break;
      case op.discard:
      case op.writeZeroes:
        // `keepAllocated` promises space, and memory is promised to nobody: both give the pages back.
        this.#store.zero(request.offset, request.length);
        break;
      case op.flush:
        break;
    }
    request.finish(status.ok);
  }

  async close(): Promise<void> {
    // The store stays: other reactors' devices may stand on it.
  }
}
