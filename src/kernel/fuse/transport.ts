/** Which way FUSE requests travel, and why not the other one. */
import fs from 'node:fs';

const parameter = '/sys/module/fuse/parameters/enable_uring';

export interface UringSwitch {
  readonly available: boolean;
  /** What was done, or why it is not available; null if it simply is. */
  readonly note: string | null;
}

/** Looks whether FUSE over io_uring is switched on, and with `mend` switches it on where it is off. */
export function switchUringOn(mend: boolean, file = parameter): UringSwitch {
  let value: string;
  try {
    value = fs.readFileSync(file, 'utf8').trim();
  } catch {
    return { available: false, note: 'this kernel has no FUSE over io_uring (Linux 6.14 with CONFIG_FUSE_IO_URING)' };
  }
  if (value === 'Y' || value === '1') return { available: true, note: null };
  const command = `echo Y > ${file}`;
  if (!mend) return { available: false, note: `FUSE over io_uring is switched off; \`${command}\` switches it on` };
  try {
    fs.writeFileSync(file, 'Y');
    return { available: true, note: `switched FUSE over io_uring on (${command})` };
  } catch {
    return { available: false, note: `FUSE over io_uring is switched off and cannot be switched on (${command})` };
  }
}

/** The CPUs that may ever be there: "0-3,8" is 0, 1, 2, 3 and 8. */
export function parseCpuList(text: string): number[] {
  const cpus: number[] = [];
  for (const part of text.trim().split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (match === null) continue;
    for (let cpu = Number(match[1]); cpu <= Number(match[2] ?? match[1]); cpu += 1) cpus.push(cpu);
  }
  return cpus;
}

function possibleCpus(): number[] {
  const cpus = parseCpuList(fs.readFileSync('/sys/devices/system/cpu/possible', 'utf8'));
  return cpus.length === 0 ? [0] : cpus;
}

/** How many queues FUSE over io_uring has: one for each number up to the last possible CPU's. */
export function ringQueues(): number {
  return (possibleCpus().at(-1) ?? 0) + 1;
}

/** Deals the queues out to the reactors, one after the other. */
export function spreadQueues(queues: readonly number[], reactors: number): number[][] {
  const spread: number[][] = Array.from({ length: reactors }, () => []);
  for (const [place, queue] of queues.entries()) spread[place % reactors]?.push(queue);
  return spread;
}
