/** What fio logs of every single request: when it ended, how long it took, and what it was. */

export interface LoggedIo {
  /** Milliseconds since 1970. */
  readonly endedAt: number;
  readonly milliseconds: number;
  readonly isWrite: boolean;
}

export interface Stall {
  /** The longest that one request took, milliseconds; 0 if there was none. */
  readonly longest: number;
  readonly count: number;
}

/** A line is `time (ms), latency (ns), direction, block size, offset, priority`. */
export function parseLatencyLog(text: string): LoggedIo[] {
  const found: LoggedIo[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [time, nanoseconds, direction] = line.split(',').map(Number);
    if (!Number.isFinite(time) || !Number.isFinite(nanoseconds) || !Number.isFinite(direction)) {
      throw new Error(`fio logged something else than a latency: ${line.slice(0, 100)}`);
    }
    found.push({ endedAt: time!, milliseconds: nanoseconds! / 1e6, isWrite: direction === 1 });
  }
  return found;
}

/** The longest of those that were under way at any time between `from` and `to` (milliseconds since 1970). */
export function longestBetween(log: readonly LoggedIo[], from: number, to: number): Stall {
  let longest = 0;
  let count = 0;
  for (const { endedAt, milliseconds } of log) {
    if (endedAt < from || endedAt - milliseconds > to) continue;
    count += 1;
    if (milliseconds > longest) longest = milliseconds;
  }
  return { longest, count };
}
