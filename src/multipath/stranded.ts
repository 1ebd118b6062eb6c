import { deviceCounter, type DeviceStatistics } from './statistics.ts';

/** Since when something has been waiting without any path, and when patience ends. Milliseconds of the reactor's clock. */
export class Stranded {
  /** 0: nothing waits without a path. */
  since = Number.NaN; // starts as a double, so that the field's representation never changes
  readonly #statistics: DeviceStatistics;
  /** Milliseconds that may be waited; -1 = for ever. Another one counts from the same beginning. */
  patience: number;

  constructor(statistics: DeviceStatistics, patience: number) {
    this.#statistics = statistics;
    this.patience = patience;
    this.since = 0;
  }

  /** Notes what is so now. Returns when patience ends; Infinity if it does not. */
  note(stranded: boolean, now: number): number {
    if (!stranded) this.since = 0;
    else if (this.since === 0) this.since = now;
    this.#statistics.set(deviceCounter.waitingSince, this.since);
    return this.since === 0 || this.patience < 0 ? Number.POSITIVE_INFINITY : this.since + this.patience;
  }

  isOver(now: number): boolean {
    return this.since !== 0 && this.patience >= 0 && now >= this.since + this.patience;
  }
}
