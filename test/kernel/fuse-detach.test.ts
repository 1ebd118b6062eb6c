/** How a kernel device goes: in order, refused while it is in use, by force, and when somebody else takes it away. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import { test, type TestContext } from 'node:test';
import { CausewayError } from '../../src/base/errors.ts';
import { unmount, unmountFlag } from '../../src/native/mount.ts';
import { attempt, run, shell } from '../support/commands.ts';
import { backingFiles, needs, transports, trial } from '../support/fuse-trial.ts';
import { openHolder } from '../support/holder.ts';
import { until } from '../support/until.ts';

const MiB = 1024 * 1024;

function busyWith(pattern: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof CausewayError && error.code === 'kernel-device-busy' && pattern.test(error.message);
}

function isAttached(file: string): boolean {
  return backingFiles().includes(file);
}

/** A process that reads from the device until that fails. */
function startReader(context: TestContext, path: string): { readonly end: Promise<number> } {
  const line = `while dd if=${path} of=/dev/null bs=64k count=64 iflag=direct status=none; do :; done`;
  const reader = spawn('sh', ['-c', line], { stdio: 'ignore' });
  context.after(() => reader.kill('SIGKILL'));
  return { end: once(reader, 'exit').then(([code]) => Number(code)) };
}

for (const transport of transports) {
  test(`${transport}: in order, with a flush, and nothing stays`, needs(transport), async (context) => {
    const { host, open } = await trial(context, transport, { sizeBytes: 8 * MiB });
    const device = await open();
    assert.equal(fs.realpathSync(device.link ?? ''), device.path);
    await shell(`dd if=/dev/urandom of=${device.path} bs=64k count=8 status=none`);
    const { counts: before } = await host.workers[0]!.ask({ kind: 'counts' }, 'counts');
    await device.flush();
    await device.detach({ force: false });
    const { counts, taken } = await host.workers[0]!.ask({ kind: 'counts' }, 'counts');
    assert.ok(counts[2]! >= before[2]! + 2, 'flushed, and flushed again before it goes');
    assert.equal(taken, 0, 'the memory is given back');
    assert.equal(fs.existsSync(`/sys/block/${device.path.slice(5)}/loop`), false);
    assert.equal(await Promise.race([device.lost, host.sleep(50)]), undefined, 'what was asked for is no loss');
  });

  test(`${transport}: while a process has it open it stays, and goes on working`, needs(transport), async (context) => {
    const { open } = await trial(context, transport, { sizeBytes: 8 * MiB });
    const device = await open();
    const holder = await openHolder(context, device.path);
    await assert.rejects(device.detach({ force: false }), busyWith(new RegExp(`dd|sh \\(pid ${holder.pid}\\)`)));
    assert.deepEqual(
      device.holders().map(({ kind, pid }) => ({ kind, pid })),
      [{ kind: 'process', pid: holder.pid }],
    );
    assert.equal(await holder.read(), 0);
    await shell(`dd if=/dev/zero of=${device.path} bs=64k count=8 oflag=direct status=none`);
    await holder.end();
    await device.detach({ force: false });
  });

  const filesystem = needs(transport, 'ext4', 'mkfs.ext4');
  test(`${transport}: while it is mounted it stays, and the mount is named`, filesystem, async (context) => {
    const { open, directory } = await trial(context, transport, { sizeBytes: 16 * MiB });
    const device = await open();
    const target = `${directory}/mnt`;
    fs.mkdirSync(target);
    await run('mkfs.ext4', '-q', device.path);
    await run('mount', device.path, target);
    try {
      await assert.rejects(device.detach({ force: false }), busyWith(new RegExp(`mounted on ${target}`)));
      await shell(`echo works > ${target}/file && sync`);
    } finally {
      await run('umount', target);
    }
    await device.detach({ force: false });
  });

  test(
    `${transport}: by force: holders get EIO, and the node goes with the last of them`,
    needs(transport),
    async (context) => {
      const { open, places, host } = await trial(context, transport, { sizeBytes: 8 * MiB });
      const device = await open();
      const file = `${places.runtimeDirectory}/trial.volume`;
      const holder = await openHolder(context, device.path);
      assert.equal(await holder.read(), 0);
      const started = performance.now();
      await device.detach({ force: true });
      assert.ok(performance.now() - started < 5000, 'nothing waits for holders');
      assert.equal(fs.existsSync(file), false);
      assert.notEqual(await holder.read(), 0, 'the holder gets an error');
      assert.equal(fs.readFileSync(`/sys/block/${device.path.slice(5)}/loop/autoclear`, 'utf8').trim(), '1');
      assert.equal((await host.workers[0]!.ask({ kind: 'counts' }, 'counts')).taken, 0);
      await holder.end();
      await until('the loop device to go', () => !fs.existsSync(`/sys/block/${device.path.slice(5)}/loop`));
    },
  );

  test(`${transport}: by force while the volume does not answer`, needs(transport), async (context) => {
    const { open, host, places } = await trial(context, transport, { sizeBytes: 8 * MiB });
    const device = await open();
    const file = `${places.runtimeDirectory}/trial.volume`;
    await host.all({ kind: 'hold', on: true });
    const stuck = attempt('dd', [`if=${device.path}`, 'of=/dev/null', 'bs=4k', 'count=1', 'iflag=direct']);
    await until('the read to be held', async () => {
      const { counts } = await host.workers[0]!.ask({ kind: 'counts' }, 'counts');
      return counts[0]! > 0;
    });
    const gone = device.detach({ force: true });
    assert.notEqual((await stuck).code, 0, 'the reader is told, though the volume has not answered');
    await until('mount and loop device to go', () => !isAttached(file) && !fs.existsSync(file));
    // Its memory belongs to the request until the volume has answered: only then the reactor is done.
    await host.all({ kind: 'hold', on: false });
    await gone;
    assert.equal((await host.workers[0]!.ask({ kind: 'counts' }, 'counts')).taken, 0);
  });

  test(`${transport}: under load, by force`, needs(transport), async (context) => {
    const { open, host } = await trial(context, transport, { sizeBytes: 8 * MiB, reactors: 2 });
    const device = await open();
    const readers = [1, 2, 3].map(() => startReader(context, device.path));
    await until('load', async () => {
      const { counts } = await host.workers[0]!.ask({ kind: 'counts' }, 'counts');
      return counts[0]! > 200;
    });
    await device.detach({ force: true });
    for (const { end } of readers) assert.equal(await end, 0, 'the loop of the shell ends with the first error');
  });

  test(`${transport}: taken away by somebody else, and cleared up`, needs(transport), async (context) => {
    const { open, places } = await trial(context, transport, { sizeBytes: 8 * MiB });
    const device = await open();
    assert.equal(isAttached(`${places.runtimeDirectory}/trial.volume`), true);
    // Aborts the connection; the mount itself is in use.
    assert.notEqual(unmount(`${places.runtimeDirectory}/trial.volume`, unmountFlag.force), 0);
    assert.match(await device.lost, /aborted/);
    await assert.rejects(shell(`dd if=${device.path} of=/dev/null bs=4k count=1 iflag=direct status=none`));
    await device.detach({ force: true });
  });
}

test('queues that the kernel refuses: the other transport is taken, and said so', needs('uring'), async (context) => {
  const { host, open } = await trial(context, 'classic', { sizeBytes: 8 * MiB, reactors: 2 });
  // There is no such CPU.
  host.spoil = (plan) =>
    plan.kind === 'fuse' && plan.transport === 'uring' ? { ...plan, queues: [...plan.queues, 60_000] } : plan;
  await assert.rejects(open({ transport: 'uring' }), /refused an entry.*EINVAL/);
  const isEmpty = async (): Promise<boolean> => {
    const answers = await Promise.all(host.workers.map((worker) => worker.ask({ kind: 'counts' }, 'counts')));
    return answers.every(({ taken }) => taken === 0);
  };
  await until('the memory to be given back', isEmpty);
  const device = await open({ transport: 'auto' });
  assert.match(device.notes.join('\n'), /the classic way.*EINVAL/);
  await shell(`dd if=${device.path} of=/dev/null bs=64k count=8 iflag=direct status=none`);
  await device.detach({ force: false });
  await until('the memory to be given back', isEmpty);
});

test('more reactors than CPUs', needs('uring'), async (context) => {
  const { host, open } = await trial(context, 'uring', { sizeBytes: 8 * MiB, reactors: os.cpus().length + 2 });
  const device = await open();
  await shell(`dd if=${device.path} of=/dev/null bs=64k count=8 iflag=direct status=none`);
  assert.equal(await Promise.race([device.lost, host.sleep(50)]), undefined);
  await device.detach({ force: false });
});
