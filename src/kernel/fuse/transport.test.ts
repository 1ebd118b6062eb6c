import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { parseCpuList, spreadQueues, switchUringOn } from './transport.ts';

test('lists of CPUs', () => {
  assert.deepEqual(parseCpuList('0\n'), [0]);
  assert.deepEqual(parseCpuList('0-3,8,10-11'), [0, 1, 2, 3, 8, 10, 11]);
  assert.deepEqual(parseCpuList(''), []);
});

test('queues are dealt out evenly, and each exactly once', () => {
  assert.deepEqual(spreadQueues([0, 1, 2, 3, 4], 2), [
    [0, 2, 4],
    [1, 3],
  ]);
  assert.deepEqual(spreadQueues([0, 1], 3), [[0], [1], []]);
});

test('the switch of FUSE over io_uring: on, off, mended, not there', (context) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'causeway-'));
  context.after(() => fs.rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'enable_uring');
  const missing = switchUringOn(true, file);
  assert.equal(missing.available, false);
  assert.match(missing.note ?? '', /no FUSE over io_uring/);
  fs.writeFileSync(file, 'Y\n');
  assert.deepEqual(switchUringOn(false, file), { available: true, note: null });
  fs.writeFileSync(file, 'N\n');
  const off = switchUringOn(false, file);
  assert.equal(off.available, false);
  assert.match(off.note ?? '', /echo Y > /);
  assert.equal(fs.readFileSync(file, 'utf8'), 'N\n');
  assert.equal(switchUringOn(true, file).available, true);
  assert.equal(fs.readFileSync(file, 'utf8'), 'Y');
});
