import type { BlockDevice, Geometry, Identity } from '../block/device.ts';
import { op, type Op, type Request } from '../block/request.ts';

/** How options name the operations. */
export const opByName = {
  read: op.read,
  write: op.write,
  flush: op.flush,
  discard: op.discard,
  writeZeroes: op.writeZeroes,
} as const satisfies Record<string, Op>;

export type OpName = keyof typeof opByName;

export const opNames: readonly OpName[] = ['read', 'write', 'flush', 'discard', 'writeZeroes'];

/**
 * A device that is, to everybody around it, the device behind it. Requests come to a filter through the door like to any
 * device, so they are checked already and pass on unchecked.
 */
export abstract class Filter implements BlockDevice {
  protected readonly inner: BlockDevice;

  constructor(inner: BlockDevice) {
    this.inner = inner;
  }

  get geometry(): Geometry {
    return this.inner.geometry;
  }

  get identity(): Identity {
    return this.inner.identity;
  }

  abstract submit(request: Request): void;

  close(): Promise<void> {
    return this.inner.close();
  }
}
