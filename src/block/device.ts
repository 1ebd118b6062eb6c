/**
 * What a block device is. A device object belongs to one reactor; devices of several reactors may stand for the same
 * volume. Whoever uses a device comes in through `openDoor` (door.ts), which checks every request once, so that no
 * device has to.
 */
import type { Request } from './request.ts';

export interface Geometry {
  readonly sizeBytes: number;
  /** Logical block: every offset and length is a multiple. 512 or 4096. */
  readonly blockBytes: number;
  /** What the medium likes to be written in. At least `blockBytes`. */
  readonly physicalBlockBytes: number;
  /** The largest read or write, bytes. */
  readonly maxTransferBytes: number;
  readonly readOnly: boolean;
  /** There is a volatile cache: acknowledged writes are durable only after flush (or with FUA). */
  readonly volatileCache: boolean;
  readonly canDiscard: boolean;
  readonly canWriteZeroes: boolean;
}

/** How the world tells a volume from others. */
export interface Identity {
  /** Canonical text, e.g. `nguid.0123…`, `uuid.…`, `eui.…`, `file.…`. Two devices with the same text are one volume. */
  readonly id: string;
  readonly model: string;
  readonly serial: string;
}

export interface BlockDevice {
  readonly geometry: Geometry;
  readonly identity: Identity;
  /**
   * Takes a request over until it calls `request.finish` (now or later). Always takes it: what cannot be done is
   * finished with a status.
   */
  submit(request: Request): void;
  /** Control. Ends what the device holds; no request is under way any more. */
  close(): Promise<void>;
}

/** The largest read or write that passes through Causeway in one request. */
export const maxTransferBytes = 1024 * 1024;
