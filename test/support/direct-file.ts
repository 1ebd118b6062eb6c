/** A block device past all caches, for programs that know what they wrote: memory that O_DIRECT takes, and whole transfers. */
import fs from 'node:fs';
import { mapAnonymous, viewOf } from '../../src/native/mapping.ts';

export class DirectFile {
  /** The same memory, as bytes and as words. */
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly #fd: number;

  /** @param bytes how much memory it has for payload: as much as is under way at once */
  constructor(device: string, bytes: number) {
    this.#fd = fs.openSync(device, fs.constants.O_RDWR | fs.constants.O_DIRECT);
    // O_DIRECT wants aligned memory.
    const buffer = viewOf(mapAnonymous('a test', bytes), bytes);
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
  }

  /** @param bytes a part of its memory. @throws Error if it moves less than all of it */
  transfer(way: 'read' | 'write', bytes: Uint8Array, position: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error: Error | null, moved: number): void => {
        if (error !== null) reject(error);
        else if (moved !== bytes.length) reject(new Error(`${way} of ${bytes.length} bytes moved ${moved}`));
        else resolve();
      };
      if (way === 'read') fs.read(this.#fd, bytes, 0, bytes.length, position, done);
      else fs.write(this.#fd, bytes, 0, bytes.length, position, done);
    });
  }

  close(): void {
    fs.closeSync(this.#fd);
  }
}
