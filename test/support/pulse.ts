/** Feels a volume's pulse: whether requests end while a path lives, how long they do not, and what all-down looks like. */
import { type DeviceStatistics, deviceCounter } from '../../src/multipath/statistics.ts';
import type { ServedVolume } from '../../src/host/served-volume.ts';

/** Between two looks, milliseconds. */
const interval = 10;

export class Pulse {
  /** Longest time without any request ending although a path lived all the while, milliseconds. */
  longestStall = 0;
  /** Longest time that no path lived, and how often that was the case. */
  longestDark = 0;
  darks = 0;
  /**
   * Requests that ended while no path lived. After a loss there is none; a path that ANA closes still answers what it
   * has, and a second reactor hears of it a little later.
   */
  endedInTheDark = 0;
  /** The longest time from the first path's return to the first request that ended. */
  slowestReturn = 0;
  /** Most requests that waited at once for a path. */
  mostWaiting = 0;
  readonly #volume: ServedVolume;
  readonly #timer: NodeJS.Timeout;
  #ended = 0;
  #endedAt: number;
  #livesSince: number;
  #darkSince = Number.NaN;
  #returned = false;

  /** Requests have to be under way all the time from now until `stop`. */
  constructor(volume: ServedVolume) {
    this.#volume = volume;
    this.#endedAt = performance.now();
    this.#livesSince = this.#endedAt;
    this.#ended = this.#count();
    this.#timer = setInterval(() => this.#look(), interval);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #count(): number {
    const { statistics } = this.#volume.source;
    return statistics.reduce((sum, each) => sum + ended(each), 0);
  }

  #look(): void {
    const now = performance.now();
    const { paths, counters } = this.#volume.view();
    const alive = paths.some(({ state }) => state === 'live-optimized' || state === 'live-non-optimized');
    const count = this.#count();
    const progress = count - this.#ended;
    this.#ended = count;
    this.mostWaiting = Math.max(this.mostWaiting, counters.waiting);
    if (progress > 0) this.#progress(now);
    if (!alive) this.#dark(now, progress);
    else if (!Number.isNaN(this.#darkSince)) this.#light(now);
    if (alive) this.longestStall = Math.max(this.longestStall, now - Math.max(this.#endedAt, this.#livesSince));
  }

  #progress(now: number): void {
    this.#endedAt = now;
    if (!this.#returned) return;
    this.#returned = false;
    this.slowestReturn = Math.max(this.slowestReturn, now - this.#livesSince);
  }

  #dark(now: number, progress: number): void {
    if (Number.isNaN(this.#darkSince)) {
      this.#darkSince = now;
      this.darks += 1;
    } else {
      this.endedInTheDark += progress;
    }
    this.longestDark = Math.max(this.longestDark, now - this.#darkSince);
  }

  #light(now: number): void {
    this.#darkSince = Number.NaN;
    this.#livesSince = now;
    this.#returned = true;
  }
}

function ended(statistics: DeviceStatistics): number {
  return (
    statistics.get(deviceCounter.reads) +
    statistics.get(deviceCounter.writes) +
    statistics.get(deviceCounter.writeZeroes)
  );
}
