/**
 * A namespace of the array: a device, its identity, and what this array makes of it (group, protection, cache).
 */
import { createHash } from 'node:crypto';
import { CausewayError } from '../base/errors.ts';
import { FileDevice } from '../block/file-device.ts';
import { MemoryDevice } from '../block/memory-device.ts';
import type { Io } from '../io/contract.ts';
import { type ArrayConfig, type VolumeConfig, checkVolume } from './config.ts';
import { Reservations } from './reservations.ts';
import { type CacheWork, largestCachedBytes, WriteCache } from './write-cache.ts';

export class Volume {
  readonly nsid: number;
  readonly name: string;
  /** Identifiers as hexadecimal digits, null where the namespace has none. */
  readonly nguid: string | null;
  readonly uuid: string | null;
  readonly eui64: string | null;
  readonly blockBytes: number;
  /** Log2 of the block size. */
  readonly blockShift: number;
  /** Deallocate leaves the data alone. */
  readonly keepsOnDeallocate: boolean;
  readonly cache: WriteCache | null;
  readonly reservations = new Reservations();
  anagrpid: number;
  readOnly: boolean;
  /** Requests under way in the device. */
  inFlight = 0;
  /** No command finds it any more; closed when nothing is under way. */
  removed = false;
  /** Called when a removed volume has nothing under way any more. */
  onIdle: (() => void) | null = null;
  readonly #device: MemoryDevice | FileDevice;

  private constructor(
    io: Io,
    config: ArrayConfig,
    volume: VolumeConfig,
    nsid: number,
    device: MemoryDevice | FileDevice,
  ) {
    this.nsid = nsid;
    this.name = volume.name;
    this.blockBytes = device.geometry.blockBytes;
    this.blockShift = Math.log2(this.blockBytes);
    this.keepsOnDeallocate = volume.deallocate === 'keep';
    this.anagrpid = volume.anagrpid ?? 1;
    this.readOnly = volume.readOnly ?? false;
    const derived = createHash('sha256').update(`${config.serial}/${config.subnqn}/${nsid}/${volume.name}`).digest();
    const digits = derived.toString('hex');
    // Any digits will do, save those of a UUID's version (8: of our own making) and variant.
    const uuid = `${digits.slice(32, 44)}8${digits.slice(45, 48)}8${digits.slice(49)}`;
    this.nguid = identifier(volume.nguid, digits.slice(0, 32));
    this.uuid = identifier(volume.uuid, uuid);
    this.eui64 = identifier(volume.eui64, null);
    this.#device = device;
    const capacity = capacityOf(volume);
    this.cache = config.volatileWriteCache ? new WriteCache(io, device, volume.name, capacity) : null;
  }

  /** @throws CausewayError `invalid-argument`, `out-of-memory`, `file-open` */
  static async open(io: Io, config: ArrayConfig, volume: VolumeConfig, nsid: number): Promise<Volume> {
    checkVolume(config, volume);
    if (config.volatileWriteCache && capacityOf(volume) > largestCachedBytes) {
      throw new CausewayError(
        'invalid-argument',
        `Volume "${volume.name}" is too large for a volatile write cache: ${largestCachedBytes} bytes at most.`,
      );
    }
    const { name, sizeBytes } = volume;
    const blockBytes = volume.blockBytes ?? 4096;
    const device =
      volume.file === undefined
        ? new MemoryDevice(io, { name, sizeBytes, blockBytes, capacityBytes: capacityOf(volume) })
        : await FileDevice.open(io, {
            path: volume.file,
            sizeBytes,
            blockBytes,
            readOnly: volume.readOnly ?? false,
          });
    return new Volume(io, config, volume, nsid, device);
  }

  get sizeBytes(): number {
    return this.#device.geometry.sizeBytes;
  }

  get blocks(): number {
    return this.#device.geometry.sizeBytes / this.blockBytes;
  }

  /** There is something a flush has to do. */
  get needsFlush(): boolean {
    return this.cache !== null || this.#device.geometry.volatileCache;
  }

  /** Bytes that really take space; null where the device does not know. Control. */
  allocatedBytes(): number | null {
    return this.#device instanceof MemoryDevice ? this.#device.allocatedBytes() : null;
  }

  /** Data path. Takes a checked request over until it is finished; its completer calls `ended`. */
  submit(work: CacheWork): void {
    this.inFlight += 1;
    if (this.cache === null) this.#device.submit(work.request);
    else this.cache.submit(work);
  }

  /** A request given to `submit` has come back. */
  ended(): void {
    this.inFlight -= 1;
    if (this.removed && this.inFlight === 0) this.onIdle?.();
  }

  /** Control. @throws CausewayError `invalid-argument` */
  resize(sizeBytes: number): void {
    this.#device.resize(sizeBytes);
  }

  /** Control. Nothing may be under way. */
  async close(): Promise<void> {
    this.cache?.close();
    await this.#device.close();
  }
}

/** Beyond this size a volume is not given room to grow unless it is asked for. */
const freeGrowthBytes = 64 * 2 ** 30;

function capacityOf(volume: VolumeConfig): number {
  const wanted = volume.capacityBytes ?? Math.min(volume.sizeBytes * 4, freeGrowthBytes);
  return Math.max(wanted, volume.sizeBytes);
}

/** An identifier's digits: given as text, derived when left out, none when null. */
function identifier(text: string | null | undefined, derived: string | null): string | null {
  if (text === undefined) return derived;
  return text === null ? null : text.replaceAll('-', '').toLowerCase();
}
