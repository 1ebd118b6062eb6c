/** What a killed process left behind is found and taken away by the next one, and nothing else is. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { FuseTransport } from '../../src/kernel/contract.ts';
import { mountPoint } from '../../src/kernel/fuse/places.ts';
import { type Places, recordPath } from '../../src/kernel/places.ts';
import { readRecord, writeRecord } from '../../src/kernel/record.ts';
import { TestHost } from '../support/fuse-host.ts';
import { attempt, run, shell } from '../support/commands.ts';
import { backingFiles, needs, somewhere, transports } from '../support/fuse-trial.ts';
import { openHolder } from '../support/holder.ts';
import { until } from '../support/until.ts';

const MiB = 1024 * 1024;
const crasherPath = fileURLToPath(new URL('../support/fuse-crasher.js', import.meta.url));

interface Crasher {
  readonly child: ChildProcess;
  readonly path: string;
  readonly kill: () => Promise<void>;
}

async function startCrasher(context: TestContext, places: Places, transport: FuseTransport): Promise<Crasher> {
  const args = [crasherPath, places.runtimeDirectory, places.linkDirectory, transport];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  context.after(() => child.kill('SIGKILL'));
  const gone = once(child, 'exit');
  const [line] = (await Promise.race([once(child.stdout, 'data'), gone])) as [unknown];
  const path = String(line).trim();
  assert.match(path, /^\/dev\/loop\d+$/);
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await gone;
  };
  return { child, path, kill };
}

/** The next instance: takes over the name, serves, and goes in order. Returns what it had to say. */
async function nextInstance(
  context: TestContext,
  places: Places,
  transport: FuseTransport,
): Promise<readonly string[]> {
  const host = await TestHost.start({ sizeBytes: 8 * MiB });
  context.after(() => host.stop());
  const device = await host.open('trial', { transport, places });
  await shell(`dd if=/dev/urandom of=${device.path} bs=64k count=16 oflag=direct status=none`);
  await device.detach({ force: false });
  return device.notes;
}

for (const transport of transports) {
  test(`${transport}: killed while idle`, needs(transport), async (context) => {
    const { places } = somewhere(context);
    const crasher = await startCrasher(context, places, transport);
    await crasher.kill();
    assert.deepEqual(backingFiles().includes(mountPoint(places, 'trial')), true, 'something is left to find');
    await assert.rejects(shell(`dd if=${crasher.path} of=/dev/null bs=4k count=1 iflag=direct status=none`));
    const notes = await nextInstance(context, places, transport);
    assert.match(notes.join('\n'), new RegExp(`cleared up after .*${crasher.path}`));
  });

  test(`${transport}: killed under load`, needs(transport, 'fio'), async (context) => {
    const { places } = somewhere(context);
    const crasher = await startCrasher(context, places, transport);
    const load = attempt('fio', [
      '--name=load',
      `--filename=${crasher.path}`,
      '--ioengine=io_uring',
      '--direct=1',
      '--rw=randrw',
      '--bs=4k',
      '--iodepth=32',
      '--time_based',
      '--runtime=30',
    ]);
    const reads = (): number => Number(/\d+/.exec(fs.readFileSync(`/sys/block/${crasher.path.slice(5)}/stat`, 'utf8')));
    await until('load', () => reads() > 5000);
    await crasher.kill();
    assert.notEqual((await load).code, 0, 'the load ends with an error, and ends');
    assert.match((await nextInstance(context, places, transport)).join('\n'), /cleared up/);
  });

  test(
    `${transport}: killed with a holder, which the next instance does not wait for`,
    needs(transport),
    async (context) => {
      const { places } = somewhere(context);
      const crasher = await startCrasher(context, places, transport);
      const holder = await openHolder(context, crasher.path);
      await crasher.kill();
      const notes = await nextInstance(context, places, transport);
      assert.match(notes.join('\n'), /still open somewhere/);
      assert.notEqual(await holder.read(), 0);
      await holder.end();
      await until('the loop device to go', () => !fs.existsSync(`/sys/block/${crasher.path.slice(5)}/loop`));
    },
  );

  test(`${transport}: killed while it waits for its own device`, needs(transport), async (context) => {
    const { places } = somewhere(context);
    const crasher = await startCrasher(context, places, transport);
    await shell(`dd if=/dev/urandom of=${crasher.path} bs=64k count=4 status=none`);
    crasher.child.stdin?.write('\n');
    await once(crasher.child.stdout!, 'data');
    const helpers = (): string[] =>
      fs.readdirSync('/proc').filter((pid) => {
        try {
          const line = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8');
          return line.includes('loop-helper') && line.includes(places.runtimeDirectory);
        } catch {
          return false;
        }
      });
    await until('the helper', () => helpers().length > 0);
    await crasher.kill();
    await until('the helper to end', () => helpers().length === 0);
    await nextInstance(context, places, transport);
  });

  test(`${transport}: the name of a living instance is taken`, needs(transport), async (context) => {
    const { places } = somewhere(context);
    const crasher = await startCrasher(context, places, transport);
    await assert.rejects(nextInstance(context, places, transport), { code: 'device-name-taken' });
    await shell(`dd if=${crasher.path} of=/dev/null bs=4k count=1 iflag=direct status=none`);
    await crasher.kill();
    await nextInstance(context, places, transport);
  });
}

test("a stranger's loop device and mount at that place are left alone", needs('classic'), async (context) => {
  const { places, directory } = somewhere(context);
  const crasher = await startCrasher(context, places, 'classic');
  await crasher.kill();
  const record = readRecord(places, 'trial');
  assert.ok(record !== null && record !== 'damaged' && record.traces.kind === 'fuse');
  const file = record.traces.mountPoint;
  await nextInstance(context, places, 'classic');
  // The record as the dead process left it, but by now somebody else is at its places.
  const stranger = `${directory}/stranger`;
  fs.writeFileSync(file, '');
  fs.writeFileSync(stranger, '');
  await run('mount', '--bind', stranger, file);
  fs.writeFileSync(stranger, randomBytes(MiB));
  const loop = (await run('losetup', '-f', '--show', file)).trim();
  try {
    writeRecord(places, { ...record, device: loop });
    const before = await shell(`sha256sum ${stranger}`);
    await assert.rejects(nextInstance(context, places, 'classic'), { code: 'kernel-device-failed' });
    assert.equal(await shell(`sha256sum ${stranger}`), before);
    assert.ok(fs.existsSync(`/sys/block/${loop.slice(5)}/loop/backing_file`), 'the loop device is left alone');
    assert.match(fs.readFileSync('/proc/self/mountinfo', 'utf8'), new RegExp(file));
  } finally {
    await run('losetup', '-d', loop);
    await run('umount', file);
    fs.rmSync(file, { force: true });
    fs.rmSync(recordPath(places, 'trial'), { force: true });
  }
});
