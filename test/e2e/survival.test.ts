/**
 * The program that serves a device is killed, or replaced by its next version, while the device is in use: who uses it
 * sees a pause. With `--fast`, who uses it gets an error, soon.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it as test } from 'node:test';
import { causeway, freshName, startReady, traces } from '../support/cli.ts';
import { attempt } from '../support/commands.ts';
import { keeperOf, killTrial, stuckTasks, withVerifiedLoad } from '../support/kill-trial.ts';
import { requires } from '../support/requires.ts';
import { fastKillTrial } from '../support/fast-kill-trial.ts';

const needs = requires('root', 'io_uring', 'fuse', 'loop', 'fio');
const seed = Number(process.env['CAUSEWAY_SEED'] ?? 1);

async function startArray(size = '16m'): Promise<{ url: string; end: () => Promise<void> }> {
  const { running, ready } = await startReady(
    'array',
    '--name',
    freshName(),
    '--port',
    '0',
    '--ports',
    '2',
    '--size',
    size,
  );
  return {
    url: ready.url ?? '',
    end: async () => {
      running.kill('SIGTERM');
      await running.ended;
    },
  };
}

/** Reads a block past the caches; its exit code. */
async function read(device: string): Promise<number> {
  const { code } = await attempt('dd', [`if=${device}`, 'of=/dev/null', 'bs=4k', 'count=1', 'iflag=direct']);
  return code;
}

describe('a FUSE device', needs, () => {
  test('three kills under verified I/O: it goes on', async (t) => {
    const report = await killTrial({ kernelDevice: 'fuse', kills: 3, seed, between: 2000 });
    t.diagnostic(JSON.stringify(report));
    assert.ok(report.requests > 1000);
  });

  test('--fast, three kills under I/O: an error within 5 s, nothing hangs, and the next start clears up', async (t) => {
    t.diagnostic(JSON.stringify(await fastKillTrial({ kills: 3, seed })));
  });

  test('its program is replaced three times under verified I/O: it goes on', async (t) => {
    const [array, name] = [await startArray('64m'), freshName()];
    try {
      const attached = await causeway('attach', array.url, '--name', name, '--background');
      assert.equal(attached.code, 0, attached.stderr);
      const device = attached.stdout.trim();
      const pids = new Set<number>();
      const figures = await withVerifiedLoad({ device, seed, sizeBytes: 64 * 2 ** 20, depth: 16 }, async () => {
        for (let turn = 0; turn < 3; turn += 1) {
          const { code, stdout, stderr } = await causeway('upgrade', name, '--json');
          assert.equal(code, 0, stderr);
          const report: unknown = JSON.parse(stdout);
          assert.ok(typeof report === 'object' && report !== null && 'pid' in report && 'device' in report);
          assert.equal(report.device, device);
          pids.add(Number(report.pid));
        }
      });
      t.diagnostic(JSON.stringify(figures));
      assert.equal(pids.size, 3);
      const { code, stderr } = await causeway('detach', name);
      assert.equal(code, 0, stderr);
      assert.deepEqual(traces(name), []);
    } finally {
      await causeway('detach', name, '--force');
      await array.end();
    }
  });

  test('one that waits is not given to another volume, nor taken from who uses it without force', async () => {
    const [array, other, name] = [await startArray(), await startArray(), freshName()];
    try {
      const first = await startReady('attach', array.url, '--name', name);
      const { device } = first.ready;
      const holder = fs.openSync(device, 'r');
      first.running.kill('SIGKILL');
      await first.running.ended;
      const reading = read(device);

      const listed = await causeway('list');
      assert.match(listed.stdout, new RegExp(`^${name} .*crashed; ${device} waits`, 'm'));
      const wrong = await causeway('attach', other.url, '--name', name, '--background');
      assert.equal(wrong.code, 6);
      assert.match(wrong.stderr, /\[kernel-device-left\]/);
      const kept = await causeway('detach', name);
      assert.equal(kept.code, 6);
      assert.match(kept.stderr, /\[device-in-use\]/);

      const again = await causeway('attach', array.url, '--name', name, '--background');
      assert.equal(again.code, 0, again.stderr);
      assert.equal(await reading, 0, 'what waited was not answered');
      fs.closeSync(holder);
      const detached = await causeway('detach', name);
      assert.equal(detached.code, 0, detached.stderr);
      assert.deepEqual(traces(name), []);
    } finally {
      await causeway('detach', name, '--force');
      await array.end();
      await other.end();
    }
  });

  test('one that waits is given up by force: who uses it gets an error, and nothing is left', async () => {
    const [array, name] = [await startArray(), freshName()];
    try {
      const first = await startReady('attach', array.url, '--name', name);
      first.running.kill('SIGKILL');
      await first.running.ended;
      const reading = read(first.ready.device);
      const detached = await causeway('detach', name, '--force');
      assert.equal(detached.code, 0, detached.stderr);
      assert.notEqual(await reading, 0);
      assert.deepEqual(traces(name), []);
      assert.deepEqual(stuckTasks(), []);
    } finally {
      await array.end();
    }
  });

  test('one whose keeper is gone is made anew, and says so', async () => {
    const [array, name] = [await startArray(), freshName()];
    try {
      const first = await startReady('attach', array.url, '--name', name);
      const keeper = keeperOf(name);
      assert.ok(keeper !== null);
      first.running.kill('SIGKILL');
      await first.running.ended;
      process.kill(keeper.pid, 'SIGKILL');
      const second = await causeway('attach', array.url, '--name', name, '--background');
      assert.equal(second.code, 0, second.stderr);
      assert.equal(await read(second.stdout.trim()), 0);
      const shown = await causeway('show', name);
      assert.match(shown.stdout, /cleared up after an instance that had died/);
      assert.equal((await causeway('detach', name)).code, 0);
      assert.deepEqual(traces(name), []);
    } finally {
      await causeway('detach', name, '--force');
      await array.end();
    }
  });

  test('a device that does not outlive a crash is not handed over', async () => {
    const [array, name] = [await startArray(), freshName()];
    try {
      assert.equal((await causeway('attach', array.url, '--name', name, '--fast', '--background')).code, 0);
      const { code, stderr } = await causeway('upgrade', name);
      assert.equal(code, 6, stderr);
      assert.match(stderr, /\[cannot-hand-over\]/);
      const shown = await causeway('show', name);
      assert.match(shown.stdout, /serving/);
      assert.equal((await causeway('detach', name)).code, 0);
    } finally {
      await causeway('detach', name, '--force');
      await array.end();
    }
  });
});
