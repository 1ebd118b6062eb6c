/** How far many seeds have got, for whoever waits: on a terminal in one line, else a line now and then. */
const onTerminalMs = 500;
const elsewhereMs = 10_000;

/** Where it is written: standard error. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export class Progress {
  readonly #total: number;
  readonly #now: () => number;
  readonly #output: ProgressOutput;
  readonly #startedAt: number;
  #toldAt: number;
  #done = 0;
  #found = 0;

  constructor(total: number, output: ProgressOutput, now = () => performance.now()) {
    this.#total = total;
    this.#output = output;
    this.#now = now;
    this.#startedAt = now();
    this.#toldAt = this.#startedAt;
  }

  get seconds(): number {
    return (this.#now() - this.#startedAt) / 1000;
  }

  seedDone(hasFinding: boolean): void {
    this.#done += 1;
    if (hasFinding) this.#found += 1;
    const now = this.#now();
    if (now - this.#toldAt < (this.#output.isTTY === true ? onTerminalMs : elsewhereMs)) return;
    this.#toldAt = now;
    this.#write(this.#text());
  }

  /** Makes room for something else. */
  clear(): void {
    if (this.#output.isTTY === true) this.#output.write('\r\u001b[K');
  }

  #text(): string {
    const rate = this.#done / this.seconds;
    const left = (this.#total - this.#done) / rate;
    return `${this.#done} of ${this.#total} seeds, ${this.#found} found, ${rate.toFixed(1)} seeds/s, ${left.toFixed(0)} s left`;
  }

  #write(text: string): void {
    this.#output.write(this.#output.isTTY === true ? `\r\u001b[K${text}` : `${text}\n`);
  }
}
