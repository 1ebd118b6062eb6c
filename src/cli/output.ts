/**
 * Lines for stdout and stderr of a program that must not stop because of them: a reader that is gone is no error, and
 * one that is slow makes no queue without end. A device is served whether anybody reads or not.
 */
import type { Writable } from 'node:stream';

/** What may wait for a slow reader, bytes; beyond it, lines that can be missed are dropped. */
const backlog = 256 * 1024;
/** Beyond this, all are. */
const fullBacklog = 4 * 1024 * 1024;

export class Output {
  readonly #stream: Writable;
  #gone = false;
  #dropped = 0;

  constructor(stream: Writable) {
    this.#stream = stream;
    // EPIPE: the reader went (`… | head -1`). EIO: the terminal went.
    stream.on('error', () => (this.#gone = true));
  }

  /** @param canBeMissed the line says what a later one says again */
  line(text: string, canBeMissed = false): void {
    if (this.#gone || this.#stream.writableEnded) return;
    const waiting = this.#stream.writableLength;
    if (waiting > fullBacklog || (canBeMissed && waiting > backlog)) {
      this.#dropped += 1;
      return;
    }
    this.#stream.write(`${text}\n`);
  }

  /** Bytes as they are. */
  bytes(data: Uint8Array): void {
    if (!this.#gone && !this.#stream.writableEnded) this.#stream.write(data);
  }

  /** Lines that a slow reader has missed. */
  get dropped(): number {
    return this.#dropped;
  }
}
