/**
 * CPU time of threads, processes and the kernel's own threads, and what is left over: time that this machine, or the one
 * it is a guest of, spent on somebody else.
 */
import fs from 'node:fs';

const nanoseconds = 1e9;
/** USER_HZ: the same on every architecture that Node runs on. */
const ticksPerSecond = 100;

/** Times are seconds, counted from whenever. */
export interface CpuReading {
  /** By part: the name of a thread of a watched process, or `<process> (other threads)`. */
  readonly parts: ReadonlyMap<string, number>;
  readonly kernelThreads: number;
  /** All CPUs together, busy for anybody. */
  readonly busy: number;
  /** The hypervisor ran somebody else while we were ready. */
  readonly stolen: number;
  readonly at: number;
}

/** A process whose threads are told apart. */
export interface WatchedProcess {
  readonly name: string;
  readonly pid: number;
  /** Threads that are parts of their own, by the kernel's name of them. */
  readonly threads: readonly string[];
}

function textOf(path: string): string {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch {
    // The thread has ended meanwhile.
    return '';
  }
}

/** Time on a CPU, in seconds, of a task directory of proc. */
function runTime(task: string): number {
  return Number(textOf(`${task}/schedstat`).split(' ')[0] ?? 0) / nanoseconds;
}

function listing(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch {
    return [];
  }
}

function addThreads(process: WatchedProcess, parts: Map<string, number>): void {
  for (const tid of listing(`/proc/${process.pid}/task`)) {
    const task = `/proc/${process.pid}/task/${tid}`;
    const name = textOf(`${task}/comm`).trim();
    const part = process.threads.includes(name) ? name : `${process.name} (other threads)`;
    parts.set(part, (parts.get(part) ?? 0) + runTime(task));
  }
}

/** The kernel's threads have kthreadd, process 2, as their parent. */
function kernelThreads(): number {
  let sum = 0;
  for (const entry of listing('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    // Fields after the name, which stands in parentheses and may hold anything: state, parent, …
    const [, parent] = textOf(`/proc/${entry}/stat`).split(') ').at(-1)?.split(' ') ?? [];
    if (parent === '2') sum += runTime(`/proc/${entry}`);
  }
  return sum;
}

export function readCpu(processes: readonly WatchedProcess[]): CpuReading {
  const parts = new Map<string, number>();
  for (const process of processes) addThreads(process, parts);
  // user nice system idle iowait irq softirq steal
  const ticks = textOf('/proc/stat').split('\n')[0]?.trim().split(/\s+/).slice(1).map(Number) ?? [];
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = ticks;
  return {
    parts,
    kernelThreads: kernelThreads(),
    busy: (user + nice + system + irq + softirq) / ticksPerSecond,
    stolen: steal / ticksPerSecond,
    at: performance.now() / 1000,
  };
}

export interface CpuUse {
  /** Seconds by part; what the kernel's threads took is one of them. */
  readonly parts: Readonly<Record<string, number>>;
  /** Seconds that went to processes that have nothing to do with the measurement, or to other guests of the machine. */
  readonly foreign: number;
  readonly elapsed: number;
}

/** What was used between two readings; `own` is what else belongs to the measurement, by part (fio, for instance). */
export function cpuBetween(before: CpuReading, after: CpuReading, own: Readonly<Record<string, number>>): CpuUse {
  const parts: Record<string, number> = {};
  for (const [name, time] of after.parts) parts[name] = Math.max(0, time - (before.parts.get(name) ?? 0));
  for (const [name, time] of Object.entries(own)) parts[name] = (parts[name] ?? 0) + time;
  parts['kernel threads'] = Math.max(0, after.kernelThreads - before.kernelThreads);
  const ours = Object.values(parts).reduce((sum, time) => sum + time, 0);
  const stolen = after.stolen - before.stolen;
  const foreign = Math.max(0, after.busy - before.busy - ours) + stolen;
  return { parts, foreign, elapsed: after.at - before.at };
}
