/**
 * Where the host keeps the record of the volume's ghosts: a file on /run, as bytes. It outlives the program, whatever
 * becomes of that, and is gone when the machine starts anew.
 */
import type { Random } from '../src/base/random.ts';
import { sharedOffset } from '../src/host/ghost-record.ts';

export class GhostStore {
  /** What all reactors map. */
  memory = new ArrayBuffer(0);
  #header: Uint8Array | null = null;
  readonly #now: () => number;
  #boots = 1;
  #bootedAt = Number.NEGATIVE_INFINITY;

  /** A host that has been up for ever. @param now milliseconds of virtual time */
  constructor(now: () => number) {
    this.#now = now;
  }

  get bootId(): string {
    return `boot ${this.#boots}`;
  }

  uptime(): number {
    return this.#bootedAt === Number.NEGATIVE_INFINITY ? 3_600_000 + this.#now() : this.#now() - this.#bootedAt;
  }

  /** The file as it is now; null if there is none. */
  read(): Uint8Array | null {
    if (this.#header === null) return null;
    const file = new Uint8Array(this.#header.length + this.memory.byteLength);
    file.set(this.#header);
    file.set(new Uint8Array(this.memory), this.#header.length);
    return file;
  }

  write(file: Uint8Array): void {
    this.#header = file.slice(0, sharedOffset);
    this.memory = file.slice(sharedOffset).buffer;
  }

  /** A detach in order leaves the file with this header, or none. */
  leave(header: Uint8Array | null): void {
    this.#header = header;
  }

  /** Something else wrote to the file, or it is of a program that nobody knows. */
  tear(random: Random): void {
    if (this.#header !== null) this.#header[random.below(8)] = 0;
  }

  /** The machine starts anew. */
  boot(): void {
    this.#boots += 1;
    this.#bootedAt = this.#now();
    this.#header = null;
  }
}
