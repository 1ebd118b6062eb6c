/** fio on a device, with the time that every single request took. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { run } from '../programs.ts';
import { type LoggedIo, parseLatencyLog } from './latency-log.ts';

/** Requests under way that never meet the same block twice, and such that write to the same few blocks all the time. */
export const apartDepth = 32;
const sameDepth = 8;
const sameBlocks = 8;
const blockBytes = 4096;
/** Room in fio's log for so many requests a second, so that it does not have to make more while it measures. */
const mostIops = 120_000;
/** What fio needs beyond its time, seconds: start, what a fence holds back, and the logs. */
const slack = 90;

export interface LoggedLoad {
  /**
   * Random reads and writes, half and half, 32 at once. fio visits each block once before it visits any again, and is
   * stopped before that: so none of them overlaps another one, or anything that was lost with a path.
   */
  readonly apart: readonly LoggedIo[];
  /** Writes to the same eight blocks. */
  readonly same: readonly LoggedIo[];
}

/** @throws Error if fio fails or meets an I/O error, or was so fast that it visited a block twice */
export async function runLogged(device: string, deviceBytes: number, seconds: number): Promise<LoggedLoad> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'causeway-bench-'));
  const apartBytes = deviceBytes - sameBlocks * blockBytes;
  try {
    await run(
      'fio',
      [
        `--filename=${device}`,
        '--ioengine=io_uring',
        '--direct=1',
        '--thread',
        `--bs=${blockBytes}`,
        '--time_based',
        `--runtime=${Math.round(seconds * 1000)}ms`,
        '--randrepeat=0',
        '--disable_clat=1',
        '--disable_slat=1',
        '--log_unix_epoch=1',
        `--log_entries=${Math.ceil(seconds * mostIops)}`,
        '--output-format=json',
        '--name=apart',
        '--rw=randrw',
        `--iodepth=${apartDepth}`,
        `--size=${apartBytes}`,
        `--write_lat_log=${path.join(folder, 'apart')}`,
        '--name=same',
        '--rw=randwrite',
        '--norandommap',
        `--iodepth=${sameDepth}`,
        `--offset=${apartBytes}`,
        `--size=${sameBlocks * blockBytes}`,
        `--write_lat_log=${path.join(folder, 'same')}`,
      ],
      seconds + slack,
    );
    const apart = readLog(folder, 'apart');
    if (apart.length >= apartBytes / blockBytes) throw new Error('fio visited blocks twice: a larger volume is needed');
    return { apart, same: readLog(folder, 'same') };
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

function readLog(folder: string, job: string): LoggedIo[] {
  const file = fs.readdirSync(folder).find((name) => name.startsWith(`${job}_lat.`));
  if (file === undefined) throw new Error(`fio wrote no log of "${job}"`);
  return parseLatencyLog(fs.readFileSync(path.join(folder, file), 'utf8'));
}
