/** fio, the load generator, on a block device. */
import { run } from './programs.ts';
import type { Measured } from './sample.ts';
import type { Workload } from './workloads.ts';

const patterns = { 'random-read': 'randread', 'random-write': 'randwrite', read: 'read', write: 'write' } as const;

/** What fio needs beyond the time it measures, seconds: start, the last requests, its report. */
const slack = 60;

function options(device: string, workload: Workload, seconds: number): string[] {
  return [
    '--name=bench',
    `--filename=${device}`,
    '--ioengine=io_uring',
    '--direct=1',
    `--rw=${patterns[workload.pattern]}`,
    `--bs=${workload.blockBytes}`,
    `--iodepth=${workload.depth}`,
    `--offset=${workload.offsetBytes ?? 0}`,
    // Which blocks were hit already costs fio time to remember and says nothing.
    '--norandommap',
    '--randrepeat=0',
    '--time_based',
    `--runtime=${Math.round(seconds * 1000)}ms`,
    '--output-format=json',
  ];
}

/** @throws Error if fio fails or meets an I/O error */
export async function runFio(device: string, workload: Workload, seconds: number): Promise<Measured> {
  const { stdout } = await run('fio', options(device, workload, seconds), seconds + slack);
  return parseFio(stdout);
}

/** Writes the whole device once, so that no measurement pays for memory that is touched for the first time. */
export async function fillDevice(device: string): Promise<void> {
  const args = ['--name=fill', `--filename=${device}`, '--ioengine=io_uring', '--direct=1', '--rw=write', '--bs=1M'];
  await run('fio', [...args, '--iodepth=8', '--output-format=json'], 300);
}

interface FioDirection {
  readonly total_ios: number;
  readonly io_bytes: number;
  readonly iops: number;
  readonly bw_bytes: number;
  readonly runtime: number;
  readonly clat_ns: { readonly mean: number; readonly percentile?: Readonly<Record<string, number>> };
}

interface FioJob {
  readonly error: number;
  readonly usr_cpu: number;
  readonly sys_cpu: number;
  readonly job_runtime: number;
  readonly read: FioDirection;
  readonly write: FioDirection;
}

function jobOf(json: string): FioJob | undefined {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- fio writes it, and a field that is missing shows as NaN
  const report = JSON.parse(json) as { readonly jobs?: readonly FioJob[] };
  return report.jobs?.[0];
}

/** What fio's report says. @throws Error if it is none, or reports an error */
export function parseFio(text: string): Measured {
  // Warnings may stand before the report.
  const from = text.indexOf('{');
  const job = from === -1 ? undefined : jobOf(text.slice(from));
  if (job === undefined) throw new Error(`fio gave no report: ${text.slice(0, 200)}`);
  if (job.error !== 0) throw new Error(`fio met the error ${job.error}`);
  const one = job.read.total_ios > 0 ? job.read : job.write;
  const microseconds = (percentile: string): number => (one.clat_ns.percentile?.[percentile] ?? Number.NaN) / 1000;
  return {
    completed: one.total_ios,
    iops: one.iops,
    bytesPerSecond: one.bw_bytes,
    p50: microseconds('50.000000'),
    p99: microseconds('99.000000'),
    cpu: { fio: ((job.usr_cpu + job.sys_cpu) / 100) * (job.job_runtime / 1000) },
  };
}
