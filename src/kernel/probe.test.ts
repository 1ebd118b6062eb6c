import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { kernelDeviceKinds } from './contract.ts';
import { moduleState } from './host-facts.ts';
import { probeKernelDevices } from './probe.ts';

test('every kind has its row, in order; what is not available says why', () => {
  const rows = probeKernelDevices();
  assert.deepEqual(
    rows.map((row) => row.kind),
    kernelDeviceKinds,
  );
  for (const row of rows) {
    assert.equal(row.reason === null, row.available, row.kind);
    assert.ok(row.loadable === null || !row.available, row.kind);
  }
});

test('modules: in use, built in, on disk, missing', (context) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'causeway-'));
  context.after(() => fs.rmSync(directory, { recursive: true }));
  const root = `${directory}/`;
  const modules = `${root}lib/modules/${os.release()}`;
  assert.equal(moduleState('nbd', root), 'missing');
  fs.mkdirSync(modules, { recursive: true });
  fs.mkdirSync(`${root}sys/module/fuse`, { recursive: true });
  fs.writeFileSync(`${modules}/modules.builtin`, 'kernel/drivers/block/loop.ko\n');
  fs.writeFileSync(
    `${modules}/modules.dep`,
    'kernel/drivers/block/nbd.ko.xz: kernel/a.ko\nkernel/drivers/block/ublk_drv.ko: kernel/other.ko\n',
  );
  assert.equal(moduleState('fuse', root), 'loaded');
  assert.equal(moduleState('loop', root), 'loaded');
  assert.equal(moduleState('nbd', root), 'loadable');
  assert.equal(moduleState('ublk_drv', root), 'loadable');
  assert.equal(moduleState('bd', root), 'missing');
});
