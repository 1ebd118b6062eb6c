/**
 * For devices that cannot write zeroes by command: writes them, piece after piece, from one buffer of zeroes that all
 * requests share and nobody writes to. A range may be 4 GiB; only one piece of it is under way at a time, so one
 * caller's large hole does not crowd out the others.
 */
import { assert } from '../base/assert.ts';
import type { BlockDevice } from '../block/device.ts';
import { submitChecked } from '../block/door.ts';
import { type Completer, op, type Request } from '../block/request.ts';
import { type Status, status } from '../block/status.ts';
import type { Memory } from '../io/contract.ts';

/** What the writer needs of a kernel device's request slot. */
export interface ZeroedSlot extends Completer {
  readonly request: Request;
  /** What comes next, and the end of the range; both 0 while nothing is being zeroed. Doubles from the start on. */
  zeroNext: number;
  zeroEnd: number;
}

/** Large enough that the rest of a request's cost does not count, small enough to lie idle. */
const bufferBytes = 256 * 1024;
const pageBytes = 4096;

export class ZeroWriter {
  readonly #memory: Memory;
  readonly #device: BlockDevice;
  /** Place of the zeroes; 0 while there are none. Taken at start-up if the device needs them. */
  #buffer = 0;

  constructor(memory: Memory, device: BlockDevice) {
    this.#memory = memory;
    this.#device = device;
    if (!device.geometry.canWriteZeroes && !device.geometry.readOnly) this.#take();
  }

  #take(): void {
    this.#buffer = this.#memory.allocate(bufferBytes, pageBytes);
    this.#memory.fill(this.#buffer, 0, bufferBytes);
  }

  /** Checks the whole range, so that nothing of a wrong one is touched, and notes it in the slot. */
  begin(slot: ZeroedSlot, offset: number, length: number): Status {
    const geometry = this.#device.geometry;
    if (geometry.readOnly) return status.readOnly;
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || length === 0) return status.invalid;
    if (offset % geometry.blockBytes !== 0 || length % geometry.blockBytes !== 0) return status.invalid;
    if (length > geometry.sizeBytes || offset > geometry.sizeBytes - length) return status.invalid;
    // A device that lost the ability while we served it: the one time this happens outside of start-up.
    if (this.#buffer === 0) this.#take();
    slot.zeroNext = offset;
    slot.zeroEnd = offset + length;
    return status.ok;
  }

  /** Sends the next piece, with these flags. */
  next(slot: ZeroedSlot, flags = 0): void {
    const offset = slot.zeroNext;
    const piece = Math.min(bufferBytes, this.#device.geometry.maxTransferBytes, slot.zeroEnd - offset);
    assert(piece > 0, 'a zeroed range has an end');
    slot.zeroNext = offset + piece;
    slot.request.begin(op.write, offset, piece, this.#buffer, flags, slot);
    submitChecked(this.#device, slot.request);
  }

  close(): void {
    if (this.#buffer !== 0) this.#memory.free(this.#buffer);
    this.#buffer = 0;
  }
}
