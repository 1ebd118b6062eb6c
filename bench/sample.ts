/** What one measurement says. */

/** As the load generator tells it. */
export interface Measured {
  readonly completed: number;
  readonly iops: number;
  readonly bytesPerSecond: number;
  /** Latencies, microseconds. */
  readonly p50: number;
  readonly p99: number;
  /** CPU seconds of the load generator, by part. */
  readonly cpu: Readonly<Record<string, number>>;
}

/** With what it cost, and how much of the machine was not ours meanwhile. */
export interface Sample extends Omit<Measured, 'cpu'> {
  /** CPU seconds per million I/Os, by part. */
  readonly cpuPerMillion: Readonly<Record<string, number>>;
  /** Time of CPUs that went to others, as a part of the time measured: 0.02 is 2 % of one CPU. */
  readonly foreign: number;
}

const million = 1e6;

export function makeSample(measured: Measured, parts: Readonly<Record<string, number>>, foreign: number): Sample {
  const perMillion = (seconds: number): number => (seconds / measured.completed) * million;
  const { completed, iops, bytesPerSecond, p50, p99 } = measured;
  return {
    completed,
    iops,
    bytesPerSecond,
    p50,
    p99,
    cpuPerMillion: Object.fromEntries(Object.entries(parts).map(([name, seconds]) => [name, perMillion(seconds)])),
    foreign,
  };
}
