import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFio } from './fio.ts';

function direction(total: number): object {
  return {
    total_ios: total,
    io_bytes: total * 4096,
    iops: total / 2,
    bw_bytes: total * 2048,
    runtime: 2000,
    clat_ns: { mean: 10_000, percentile: { '50.000000': 9000, '99.000000': 20_000 } },
  };
}

function report(read: number, write: number, error = 0): string {
  const job = { error, usr_cpu: 10, sys_cpu: 40, job_runtime: 2000, read: direction(read), write: direction(write) };
  return `fio: a warning\n${JSON.stringify({ jobs: [job] })}`;
}

test('a report of reads, and one of writes', () => {
  const expected = { completed: 1000, iops: 500, bytesPerSecond: 2_048_000, p50: 9, p99: 20, cpu: { fio: 1 } };
  assert.deepEqual(parseFio(report(1000, 0)), expected);
  assert.deepEqual(parseFio(report(0, 1000)), expected);
});

test('an I/O error is no result', () => {
  assert.throws(() => parseFio(report(1000, 0, 5)), /error 5/);
  assert.throws(() => parseFio('fio: no such device'), /no report/);
});
