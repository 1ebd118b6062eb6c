import assert from 'node:assert/strict';
import { test } from 'node:test';
import { longestBetween, parseLatencyLog } from './latency-log.ts';

const text = `1000, 2500000, 0, 4096, 8192, 0
1010, 30000000, 1, 4096, 0, 0
1500, 1000000, 1, 4096, 4096, 0
`;

test('each line of the log is a request', () => {
  assert.deepEqual(parseLatencyLog(text), [
    { endedAt: 1000, milliseconds: 2.5, isWrite: false },
    { endedAt: 1010, milliseconds: 30, isWrite: true },
    { endedAt: 1500, milliseconds: 1, isWrite: true },
  ]);
});

test('what is no log is refused', () => {
  assert.throws(() => parseLatencyLog('1000, 2500000, 0, 4096\nfio: out of room\n'), /fio: out of room/);
});

test('a request counts in every window in which it was under way at any time', () => {
  const log = parseLatencyLog(text);
  assert.deepEqual(longestBetween(log, 990, 1005), { longest: 30, count: 2 });
  assert.deepEqual(longestBetween(log, 985, 990), { longest: 30, count: 1 });
  assert.deepEqual(longestBetween(log, 1011, 1498), { longest: 0, count: 0 });
  assert.deepEqual(longestBetween(log, 1011, 1600), { longest: 1, count: 1 });
});
