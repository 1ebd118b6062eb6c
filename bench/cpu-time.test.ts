import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { nameThread } from '../src/native/threads.ts';
import { cpuBetween, readCpu } from './cpu-time.ts';

function burn(milliseconds: number): void {
  const until = process.cpuUsage().user + milliseconds * 1000;
  while (process.cpuUsage().user < until) {
    // Burns.
  }
}

test('what this process burns is found, as its part and as nobody else’s', () => {
  const watched = [{ name: 'me', pid: process.pid, threads: [] }];
  const before = readCpu(watched);
  const usedBefore = process.cpuUsage();
  burn(200);
  const after = readCpu(watched);
  const { user, system } = process.cpuUsage(usedBefore);
  const use = cpuBetween(before, after, { load: 1 });
  const mine = use.parts['me (other threads)'] ?? 0;
  // Two ways of counting: they differ by what happens between the looks, and by ticks.
  assert.ok(mine >= 0.19 && mine <= (user + system) / 1e6 + 0.1, `${mine} s of ${user + system} µs`);
  assert.equal(use.parts['load'], 1);
  assert.ok((use.parts['kernel threads'] ?? -1) >= 0);
  assert.ok(use.elapsed >= 0.19);
});

test('a thread with a name is a part of its own', () => {
  const before = fs.readFileSync('/proc/thread-self/comm', 'utf8').trim();
  nameThread('measured');
  const { parts } = readCpu([{ name: 'me', pid: process.pid, threads: ['measured'] }]);
  nameThread(before);
  assert.deepEqual([...parts.keys()].toSorted(), ['me (other threads)', 'measured']);
});

test('others’ time is what is left of all CPUs, never less than nothing', () => {
  const reading = { parts: new Map([['me', 1]]), kernelThreads: 0, busy: 10, stolen: 0, at: 0 };
  const later = { parts: new Map([['me', 2]]), kernelThreads: 0.5, busy: 13, stolen: 0.25, at: 2 };
  assert.deepEqual(cpuBetween(reading, later, {}), {
    parts: { me: 1, 'kernel threads': 0.5 },
    foreign: 1.75,
    elapsed: 2,
  });
  assert.equal(cpuBetween(reading, { ...later, busy: 10 }, {}).foreign, 0.25);
});

test('a process that is gone has used nothing', () => {
  assert.equal(readCpu([{ name: 'gone', pid: 2 ** 22 + 1, threads: [] }]).parts.size, 0);
});
