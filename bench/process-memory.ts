/** Resident memory of a process. */
import fs from 'node:fs';

export interface Resident {
  /** Program files that are mapped count as well; most of it is Node itself. */
  readonly all: number;
  readonly anonymous: number;
}

export function resident(pid: number): Resident {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) * 1024;
  return { all: field('VmRSS'), anonymous: field('RssAnon') };
}
