/** Devices from their start to every kind of end, on the real kernel. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { causeway, freshName, mainPath, Running, start, startReady, traces } from '../support/cli.ts';
import { attempt, run } from '../support/commands.ts';
import { requires } from '../support/requires.ts';

const needed = requires('root', 'io_uring', 'fuse', 'loop');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'causeway-cli-'));
after(() => fs.rmSync(folder, { recursive: true, force: true }));

/** A process that has the device open. */
async function holdOpen(device: string): Promise<{ pid: number; end: () => Promise<void> }> {
  const child = spawn(
    process.execPath,
    ['-e', `require('fs').openSync('${device}', 'r'); console.log('open'); setInterval(() => {}, 1000)`],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  await once(child.stdout, 'data');
  return {
    pid: child.pid ?? 0,
    end: async () => {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

const demo = (name: string, ...more: string[]): ReturnType<typeof startReady> =>
  startReady('demo', '--name', name, '--size', '256m', ...more);

describe('a demo', needed, () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    test(`not in use, ends on ${signal} at once, with 0, and leaves nothing behind`, async () => {
      const name = freshName();
      const { running, ready } = await demo(name);
      assert.deepEqual(Object.keys(ready), ['event', 'name', 'device', 'paths']);
      assert.match(ready.device, /^\/dev\/loop\d+$/);
      assert.equal(ready.paths.length, 4);
      assert.ok(traces(name).length > 0);
      running.kill(signal);
      const ended = await running.ended;
      assert.deepEqual([ended.code, ended.signal], [0, null], ended.stderr);
      assert.deepEqual(traces(name), []);
    });
  }

  test('with filters: they act, and `show --filters` prints what they saw', async () => {
    const name = freshName();
    const { running, ready } = await demo(
      name,
      '--filter',
      'stats',
      '--filter',
      'error=medium-error,ops:read,from:8k,to:12k',
    );
    const dd = (skip: number): string[] => [
      `if=${ready.device}`,
      'of=/dev/null',
      'bs=4k',
      `skip=${skip}`,
      'count=1',
      'iflag=direct',
    ];
    assert.equal((await attempt('dd', dd(1))).code, 0);
    assert.match((await attempt('dd', dd(2))).stderr, /Input\/output error|data available/);
    const shown = await causeway('show', name, '--filters');
    assert.match(shown.stdout, /^stats, reactor 0\n[^]*^error, reactor 0\n {2}[1-9]\d* failed through this filter/m);
    running.kill('SIGTERM');
    assert.equal((await running.ended).code, 0);
    const refused = await causeway('demo', '--name', name, '--filter', 'slow=2');
    assert.equal(refused.code, 2, refused.stderr);
    assert.match(refused.stderr, /there is no "slow"/);
  });

  test('in use: names the holder, serves on, and ends when it is gone', async () => {
    const name = freshName();
    const { running, ready } = await demo(name, '--grace', '60');
    const holder = await holdOpen(ready.device);
    running.kill('SIGTERM');
    const event = JSON.parse(await running.line('"event":"in-use"')) as { holders: { pid: number }[]; message: string };
    assert.ok(
      event.holders.some(({ pid }) => pid === holder.pid),
      JSON.stringify(event),
    );
    const view = JSON.parse((await causeway('show', name, '--json')).stdout) as { state: string };
    assert.equal(view.state, 'serving');
    await holder.end();
    const ended = await running.ended;
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(traces(name), []);
  });

  test('in use beyond the grace: serves on; the second signal forces, and the holder gets EIO', async () => {
    const name = freshName();
    const { running, ready } = await demo(name, '--grace', '0.3');
    const holder = await holdOpen(ready.device);
    const fd = fs.openSync(ready.device, fs.constants.O_RDONLY | fs.constants.O_DIRECT);
    running.kill('SIGINT');
    await running.line('still in use');
    running.kill('SIGINT');
    const ended = await running.ended;
    assert.equal(ended.code, 0, ended.stderr);
    assert.throws(() => fs.readSync(fd, Buffer.alloc(4096), 0, 4096, 0), /EIO|ENXIO|ENODEV|EINVAL/);
    fs.closeSync(fd);
    await holder.end();
    assert.deepEqual(traces(name), []);
  });

  test('--force: the first signal is enough', async () => {
    const name = freshName();
    const { running, ready } = await demo(name, '--force');
    const holder = await holdOpen(ready.device);
    running.kill('SIGTERM');
    assert.equal((await running.ended).code, 0);
    await holder.end();
    assert.deepEqual(traces(name), []);
  });

  test(
    'mounted: `detach` is refused with the mount point, and done once it is unmounted',
    requires('mkfs.ext4'),
    async () => {
      const name = freshName();
      const { running, ready } = await demo(name);
      const target = path.join(folder, name);
      fs.mkdirSync(target);
      await run('mkfs.ext4', '-q', ready.device);
      await run('mount', ready.device, target);
      const refused = await causeway('detach', name, '--grace', '0');
      assert.equal(refused.code, 6);
      assert.ok(refused.stderr.includes(`mounted on ${target}`), refused.stderr);
      fs.writeFileSync(path.join(target, 'file'), 'still served');
      await run('umount', target);
      const done = await causeway('detach', name);
      assert.equal(done.code, 0, done.stderr);
      // Whoever waited for `detach` may start the next one of that name at once.
      const again = await demo(name);
      again.running.kill('SIGTERM');
      assert.equal((await again.running.ended).code, 0);
      assert.equal((await running.ended).code, 0);
      assert.deepEqual(traces(name), []);
    },
  );

  test('killed: listed as crashed, and the next start under the name cleans up', async () => {
    const name = freshName();
    const { running } = await demo(name);
    running.kill('SIGKILL');
    assert.equal((await running.ended).signal, 'SIGKILL');
    const listed = await causeway('list');
    assert.match(listed.stdout, new RegExp(`^${name} .*crashed; the next start under this name cleans up`, 'm'));
    assert.equal((await causeway('show', name)).code, 7);
    const again = await demo(name);
    again.running.kill('SIGTERM');
    assert.equal((await again.running.ended).code, 0);
    assert.deepEqual(traces(name), []);
  });

  test('paths and ports by command, and what it tells of them', async () => {
    const name = freshName();
    const { running, ready } = await demo(name, '--ports', '2');
    const second = ready.paths[1]?.id ?? '';
    const failed = await causeway('path', 'fail', name, second, '--json');
    assert.deepEqual(JSON.parse(failed.stdout), { name, path: second, state: 'disabled' });
    const restored = await causeway('path', 'restore', name, '2', '--json');
    assert.deepEqual(JSON.parse(restored.stdout), { name, path: second, state: 'live-optimized' });
    assert.equal((await causeway('array', 'fault', name, 'port-close', '1')).code, 0);
    const down = JSON.parse(await running.line('"state":"down"')) as { path: string };
    assert.equal(down.path, ready.paths[0]?.id);
    assert.equal((await causeway('array', 'fault', name, 'port-open', '1')).code, 0);
    await running.line(`path ${down.path} is live-optimized`);
    const shown = await causeway('show', name);
    assert.match(shown.stdout, /2 of 2 live/);
    running.kill('SIGTERM');
    assert.equal((await running.ended).code, 0);
  });

  test('a reader that goes away stops nobody', async () => {
    const name = freshName();
    const { running } = await demo(name, '--ports', '2');
    running.child.stdout?.destroy();
    assert.equal((await causeway('path', 'fail', name, '1')).code, 0);
    assert.equal((await causeway('path', 'restore', name, '1')).code, 0);
    assert.equal((await causeway('detach', name)).code, 0);
    assert.equal((await running.ended).code, 0);
  });
});

describe('attach', needed, () => {
  test('in the background: prints the device, goes on serving, and `detach` ends it', async () => {
    const name = freshName();
    const begun = await causeway('attach', 'mem:64m', '--name', name, '--background');
    assert.equal(begun.code, 0, begun.stderr);
    const device = begun.stdout.trim();
    assert.match(device, /^\/dev\/loop\d+$/);
    const fd = fs.openSync(device, 'r');
    assert.equal(fs.readSync(fd, Buffer.alloc(4096), 0, 4096, 0), 4096);
    fs.closeSync(fd);
    const done = await causeway('detach', name, '--json');
    assert.deepEqual(JSON.parse(done.stdout), { name, device, detached: true });
    assert.deepEqual(traces(name), []);
  });

  test('in the background, interrupted while it is still trying: both processes end, and nothing is left', async () => {
    const name = freshName();
    const url = 'nvme+tcp://127.0.0.1:1/nqn.2014-08.org.example:x';
    const running = start('attach', url, '--name', name, '--timeout', '5s', '--background');
    while (!traces(name).includes(`${name}.lock`) && running.child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 5));
    running.kill('SIGTERM');
    const ended = await running.ended;
    assert.ok(ended.code === 1 || ended.code === 4, `${ended.code} ${ended.signal} ${ended.stderr}`);
    assert.deepEqual(traces(name), []);
  });

  test('a signal while it is still trying ends it, and leaves nothing', async () => {
    const name = freshName();
    const url = 'nvme+tcp://127.0.0.1:1/nqn.2014-08.org.example:x';
    const running = start('attach', url, '--name', name, '--timeout', '5s');
    while (traces(name).length === 0 && running.child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 5));
    running.kill('SIGINT');
    const ended = await running.ended;
    // Signals are heard before the name is taken: never the exit of a process that was killed.
    assert.ok(ended.code === 1 || ended.code === 4, `${ended.code} ${ended.signal} ${ended.stderr}`);
    assert.deepEqual(traces(name), []);
  });
});

/** A demo on a terminal of its own. */
const onTerminal = (name: string): Running =>
  new Running(
    'script',
    [
      '-qec',
      `stty cols 100 rows 40; exec '${process.execPath}' '${mainPath}' demo --name ${name} --size 64m --ports 2`,
      '/dev/null',
    ],
    { TERM: 'xterm', SHELL: '/bin/sh' },
  );
/** Waits until `text` is drawn. */
const shown = async (running: Running, text: string): Promise<void> => {
  const seen = running.stdout.length;
  const { child } = running;
  while (!running.stdout.slice(seen).includes(text) && child.exitCode === null && child.signalCode === null) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.ok(running.stdout.slice(seen).includes(text), `"${text}" was not shown, but:\n${running.stdout.slice(seen)}`);
};

describe('on a terminal', requires('root', 'io_uring', 'fuse', 'loop', 'script'), () => {
  const leave = '\u001b[?25h\u001b[?1049l';
  test('a screen with keys: ports are pulled, q ends, the terminal is as it was', async () => {
    const name = freshName();
    const running = onTerminal(name);
    await shown(running, 'live-optimized');
    running.child.stdin?.write('1');
    await shown(running, 'down');
    running.child.stdin?.write('1');
    await shown(running, '2 of 2 paths live');
    running.child.stdin?.write('q');
    const ended = await running.ended;
    assert.equal(ended.code, 0);
    assert.ok(ended.stdout.includes(leave));
    assert.ok(
      !ended.stdout.slice(ended.stdout.indexOf(leave) + leave.length).includes('\u001b['),
      'drawn after the end',
    );
    assert.deepEqual(traces(name), []);
  });

  test('killed: the terminal is restored all the same', async () => {
    const name = freshName();
    const running = onTerminal(name);
    await shown(running, 'live-optimized');
    const list = JSON.parse((await causeway('list', '--json')).stdout) as {
      instances: { name: string; pid: number }[];
    };
    const pid = list.instances.find((instance) => instance.name === name)?.pid;
    assert.ok(pid !== undefined);
    process.kill(pid, 'SIGKILL');
    await running.ended;
    assert.ok(running.stdout.includes(leave));
    const again = await demo(name);
    again.running.kill('SIGTERM');
    assert.equal((await again.running.ended).code, 0);
    assert.deepEqual(traces(name), []);
  });
});
