/** fio as a judge: writes, reads back and verifies what it wrote, and says what it found. */
import assert from 'node:assert/strict';
import type { Scene } from './scene.ts';

export interface FioJob {
  readonly seed: number;
  readonly seconds: number;
  /** What it works on; the scene's device when left out. */
  readonly file?: string;
  /** Bytes that it works on, from the start. */
  readonly bytes: number;
  /** Smallest and largest block, e.g. `4k-128k`. */
  readonly blocks?: string;
  readonly depth?: number;
}

export interface FioReport {
  readonly ioErrors: number;
  /** 84 (EILSEQ) when it read back something else than it wrote. */
  readonly error: number;
  readonly reads: number;
  readonly writes: number;
  /** Milliseconds, the slowest request as fio saw it. */
  readonly slowest: number;
  /** The whole of what it said, for people. */
  readonly text: string;
}

/** fio ends a little later than it is told; more than this is a hang. Milliseconds. */
const grace = 45_000;
const longestText = 1000;

/**
 * Mixed random reads and writes with crc32c verification, each block verified soon after it was written. Overlapping
 * requests are never under way at once, or what a block has to hold would be unknown. With mixed sizes fio finds damage
 * and data of another place, but takes an older write of the same block for the right one: `runChecker` does not.
 */
export async function runFio(scene: Scene, job: FioJob): Promise<FioReport> {
  const ran = await scene.run(
    job.seconds * 1000 + grace,
    'fio',
    '--name=verify',
    // A job as a process of its own would be in a group of its own, and outlive the end of this one.
    '--thread',
    `--filename=${job.file ?? scene.device}`,
    '--ioengine=io_uring',
    '--direct=1',
    '--rw=randrw',
    `--bsrange=${job.blocks ?? '4k-128k'}`,
    '--blockalign=4k',
    `--iodepth=${job.depth ?? 32}`,
    `--size=${job.bytes}`,
    '--serialize_overlap=1',
    '--verify=crc32c',
    '--verify_backlog=64',
    '--verify_fatal=1',
    '--verify_state_save=0',
    `--randseed=${job.seed}`,
    '--time_based',
    `--runtime=${job.seconds}`,
    '--output-format=json',
  );
  return reportOf(ran.out, `${ran.signal ?? ran.code}\n${ran.err}`);
}

interface Side {
  readonly total_ios: number;
  readonly clat_ns: { readonly max: number };
}

interface Report {
  readonly jobs: readonly {
    readonly error: number;
    readonly total_err?: number;
    readonly read: Side;
    readonly write: Side;
  }[];
}

function reportOf(out: string, ending: string): FioReport {
  // Complaints come first, then the report.
  const begin = out.indexOf('{\n');
  assert(begin >= 0, `fio ended with ${ending}${out}`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is used of fio's report is checked below
  const [job] = (JSON.parse(out.slice(begin)) as Report).jobs;
  assert(job !== undefined, `fio reports no job: ${ending}`);
  // fio leaves the count out when it is zero.
  const { error, total_err: ioErrors = 0, read, write } = job;
  const slowest = Math.max(read.clat_ns.max, write.clat_ns.max) / 1e6;
  const text = `${out.slice(0, begin)}${ending}`.trim().slice(0, longestText);
  return { error, ioErrors, reads: read.total_ios, writes: write.total_ios, slowest, text };
}
