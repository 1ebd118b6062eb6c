/** Who uses a block device, told of a loop device over a plain file. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { describeHolder, holdersOf } from '../../src/native/holders.ts';
import { run } from '../support/commands.ts';
import { openHolder } from '../support/holder.ts';
import { requires } from '../support/requires.ts';

test('a process, a device on top, and nobody', requires('root', 'loop'), async (context) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'causeway-'));
  context.after(() => fs.rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'file');
  fs.writeFileSync(file, Buffer.alloc(1024 * 1024));
  const device = (await run('losetup', '-f', '--show', file)).trim();
  const name = path.basename(device);
  try {
    assert.deepEqual(holdersOf(name), []);
    const holder = await openHolder(context, device);
    const found = holdersOf(name);
    assert.deepEqual(found, [{ kind: 'process', pid: holder.pid, name: 'sh' }]);
    assert.equal(describeHolder(found[0]!), `sh (pid ${holder.pid})`);
    await holder.end();
    const upper = (await run('losetup', '-f', '--show', device)).trim();
    try {
      assert.deepEqual(holdersOf(name), [{ kind: 'device', pid: null, name: path.basename(upper) }]);
    } finally {
      await run('losetup', '-d', upper);
    }
    assert.deepEqual(holdersOf(name), []);
  } finally {
    await run('losetup', '-d', device);
  }
  assert.deepEqual(holdersOf('no-such-device'), []);
});
