/** Tells of what a program's device fails, not more often than a person can read. */
import type { ServedVolume } from '../host/served-volume.ts';

const interval = 1_000;

export class FailureNotes {
  readonly #name: string;
  #attachment: ServedVolume | null = null;
  #next = 0;
  #untold = 0;
  #warned = false;

  constructor(name: string) {
    this.#name = name;
  }

  /** Events go to the listeners of this. */
  open(attachment: ServedVolume): void {
    this.#attachment = attachment;
  }

  close(): void {
    this.#attachment = null;
  }

  add(message: string): void {
    // Without anybody who listens, the first one is still worth a word: an EIO alone explains nothing.
    if (!this.#warned && this.#attachment?.isHeard !== true) {
      process.emitWarning(
        `${this.#name}: ${message} (served.onEvent() tells of further ones)`,
        'CausewayDeviceWarning',
      );
    }
    this.#warned = true;
    const now = performance.now();
    if (now < this.#next) {
      this.#untold += 1;
      return;
    }
    this.#next = now + interval;
    const more = this.#untold === 0 ? '' : ` (and ${this.#untold} more before it)`;
    this.#untold = 0;
    this.#attachment?.note(`${this.#name}: ${message}${more}`);
  }
}
