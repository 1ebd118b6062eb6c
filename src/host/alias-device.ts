/** Another door to a device of this reactor, which lives on when this one is closed: it may be read-only. */
import type { BlockDevice, Geometry, Identity } from '../block/device.ts';
import type { Request } from '../block/request.ts';

export class AliasDevice implements BlockDevice {
  readonly #of: BlockDevice;
  readonly #readOnly: boolean;

  constructor(of: BlockDevice, readOnly: boolean) {
    this.#of = of;
    this.#readOnly = readOnly;
  }

  get geometry(): Geometry {
    const { geometry } = this.#of;
    return this.#readOnly && !geometry.readOnly ? { ...geometry, readOnly: true } : geometry;
  }

  get identity(): Identity {
    return this.#of.identity;
  }

  submit(request: Request): void {
    this.#of.submit(request);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
