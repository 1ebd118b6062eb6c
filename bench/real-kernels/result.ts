/** What the program in the guest says, a line each, and the host makes tables of. */

export const subjects = ['kernel', 'ublk', 'nbd', 'fuse', 'fuse-uring', 'qemu-nbd'] as const;
export type Subject = (typeof subjects)[number];

export interface Measurement {
  readonly kind: 'measurement';
  readonly subject: Subject;
  readonly workload: string;
  readonly iops: number;
  /** Both processors of the guest, for whomever: host, target and load generator. Seconds. */
  readonly cpuSeconds: number;
  readonly completed: number;
}

export interface Stall {
  readonly kind: 'stall';
  readonly subject: Subject;
  /** The longest request before a port was taken away, and while one was; milliseconds. */
  readonly before: number;
  readonly after: number;
}

/** It is not measured, and why. */
export interface Absence {
  readonly kind: 'absence';
  readonly subject: Subject;
  readonly reason: string;
}

export type Result = Measurement | Stall | Absence;

const mark = 'bench ';

export function resultLine(result: Result): string {
  return mark + JSON.stringify(result);
}

/** Null for a line that is none. Only our own program is behind it. */
export function parseResultLine(line: string): Result | null {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the program beside this file writes it
  return line.startsWith(mark) ? (JSON.parse(line.slice(mark.length)) as Result) : null;
}
