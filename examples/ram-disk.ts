/**
 * A RAM disk as a real block device: `node dist/examples/ram-disk.js [NAME]` as root, then use /dev/causeway/ram like any
 * disk. Ctrl-C takes it away.
 */
import { serve, type UserDevice } from '@causeway/host';

/** Memory is taken piece by piece, where something is written. */
const pieceBytes = 1024 * 1024;

export class RamDisk implements UserDevice {
  readonly sizeBytes: number;
  readonly blockBytes = 4096;
  readonly #pieces = new Map<number, Uint8Array>();

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes;
  }

  /** Bytes that the disk takes now. */
  get usedBytes(): number {
    return this.#pieces.size * pieceBytes;
  }

  read(into: Uint8Array, offset: number): void {
    this.#walk(offset, into.length, (index, start, length, done) => {
      const piece = this.#pieces.get(index);
      // What was never written reads as zeroes, and `into` is zeroed already.
      if (piece !== undefined) into.set(piece.subarray(start, start + length), done);
    });
  }

  write(from: Uint8Array, offset: number): void {
    this.#walk(offset, from.length, (index, start, length, done) => {
      let piece = this.#pieces.get(index);
      if (piece === undefined) {
        piece = new Uint8Array(pieceBytes);
        this.#pieces.set(index, piece);
      }
      piece.set(from.subarray(done, done + length), start);
    });
  }

  writeZeroes(offset: number, length: number): void {
    this.#walk(offset, length, (index, start, count) => {
      if (count === pieceBytes) this.#pieces.delete(index);
      else this.#pieces.get(index)?.fill(0, start, start + count);
    });
  }

  /** Cuts a range at the pieces' ends. */
  #walk(
    offset: number,
    length: number,
    visit: (index: number, start: number, length: number, done: number) => void,
  ): void {
    for (let done = 0; done < length; ) {
      const index = Math.floor((offset + done) / pieceBytes);
      const start = (offset + done) % pieceBytes;
      const count = Math.min(pieceBytes - start, length - done);
      visit(index, start, count, done);
      done += count;
    }
  }
}

if (import.meta.filename === process.argv[1]) {
  const [name = 'ram'] = process.argv.slice(2);
  const served = await serve(new RamDisk(512 * 1024 * 1024), { name });
  console.log(`${served.link} is ${served.device}; Ctrl-C takes it away.`);
  const close = (): void => {
    served.close().catch((error: Error) => console.error(`${error.message} Ctrl-C tries again.`));
  };
  process.on('SIGINT', close).on('SIGTERM', close);
  await served.closed;
  process.off('SIGINT', close).off('SIGTERM', close);
}
