import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { errno } from './errno.ts';
import { nameThread, pinThread } from './threads.ts';

test('a CPU that is not there is refused', () => {
  assert.equal(pinThread(1023), -errno.EINVAL);
  assert.equal(pinThread(-1), -errno.EINVAL);
  assert.equal(pinThread(0.5), -errno.EINVAL);
});

test('a pinned and named thread shows as such, and no other thread of the process does', async () => {
  const { href } = new URL(import.meta.url.endsWith('.ts') ? './threads.ts' : './threads.js', import.meta.url);
  const code = `
    const { parentPort } = require('node:worker_threads');
    const fs = require('node:fs');
    import(${JSON.stringify(href)}).then(({ pinThread, nameThread }) => {
      const result = pinThread(0);
      nameThread('a-thread-with-a-long-name');
      const status = fs.readFileSync('/proc/thread-self/status', 'utf8');
      parentPort.postMessage({ result, status });
    });`;
  const worker = new Worker(code, { eval: true });
  const seen = await new Promise<{ result: number; status: string }>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  assert.equal(seen.result, 0);
  assert.match(seen.status, /^Name:\ta-thread-with-a$/m);
  assert.match(seen.status, /^Cpus_allowed_list:\t0$/m);
  const mine = fs.readFileSync('/proc/self/status', 'utf8');
  assert.doesNotMatch(mine, /a-thread-with-a/);
});

test('naming does not harm', () => {
  const before = fs.readFileSync('/proc/thread-self/comm', 'utf8').trim();
  nameThread('named');
  assert.equal(fs.readFileSync('/proc/thread-self/comm', 'utf8').trim(), 'named');
  nameThread(before);
});
