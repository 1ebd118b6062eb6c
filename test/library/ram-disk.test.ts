/** The example as a program: a file system on a RAM disk, and fio, then Ctrl-C. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { servingNeeds, type Trial, withTrial } from '../support/library-trial.ts';
import { requires } from '../support/requires.ts';
import { makeTree, readTree } from '../support/tree.ts';
import { until } from '../support/until.ts';

const program = fileURLToPath(new URL('../../examples/ram-disk.js', import.meta.url));
const seed = 20_261_123;

interface Program {
  readonly child: ChildProcess;
  readonly device: string;
  /** All it said so far. */
  text(): string;
  /** Its exit code, within 20 seconds. */
  end(): Promise<number | null>;
}

async function start(trial: Trial): Promise<Program> {
  const child = spawn(process.execPath, [program, trial.name], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more: string) => (text += more));
  child.stderr.setEncoding('utf8').on('data', (more: string) => (text += more));
  const gone = once(child, 'exit');
  trial.atEnd(async () => {
    if (child.exitCode === null) child.kill('SIGINT');
    const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await gone;
    clearTimeout(late);
  });
  await until('the device', () => {
    assert.equal(child.exitCode, null, `the program ended: ${text}`);
    return text.includes('Ctrl-C');
  });
  const device = new RegExp(`^/dev/causeway/${trial.name} is (/dev/loop\\d+);`).exec(text)?.[1];
  assert.ok(device !== undefined, text);
  return {
    child,
    device,
    text: () => text,
    end: async () => {
      await until('the end of the program', () => child.exitCode !== null, 20_000);
      return child.exitCode;
    },
  };
}

test(
  'a RAM disk carries a file system, stays while it is mounted, and goes with Ctrl-C',
  requires(...servingNeeds, 'ext4', 'mkfs.ext4', 'fsck.ext4', 'fstrim'),
  () =>
    withTrial('ram', async (trial) => {
      const ram = await start(trial);
      const point = path.join(trial.folder, 'mounted');
      const source = path.join(trial.folder, 'source');
      fs.mkdirSync(point);
      makeTree(source, { seed, files: 400, bytes: 30 * 2 ** 20 });
      await trial.must('mkfs.ext4', '-q', '-F', ram.device);
      await trial.must('mount', ram.device, point);
      trial.atEnd(() => trial.attempt('umount', '-l', point));
      await trial.must('cp', '-a', source, path.join(point, 'copy'));
      await trial.must('sync', '-f', point);
      await trial.must('sh', '-c', 'echo 3 > /proc/sys/vm/drop_caches');
      assert.deepEqual(readTree(path.join(point, 'copy')), readTree(source), `seed ${seed}`);
      await trial.must('rm', '-rf', path.join(point, 'copy'));
      await trial.must('fstrim', point);

      ram.child.kill('SIGINT');
      await until('word of who uses it', () => ram.text().includes('Ctrl-C tries again'), 20_000);
      assert.ok(ram.text().includes(point), ram.text());
      assert.deepEqual(fs.readdirSync(point), ['lost+found'], 'it is served on');

      await trial.must('umount', point);
      await trial.must('fsck.ext4', '-f', '-n', ram.device);
      ram.child.kill('SIGINT');
      assert.equal(await ram.end(), 0, ram.text());
    }),
);

test('fio finds on the RAM disk what it wrote', requires(...servingNeeds, 'fio'), () =>
  withTrial('fio', async (trial) => {
    const ram = await start(trial);
    const args = [
      '--name=verify',
      `--filename=${ram.device}`,
      '--ioengine=io_uring',
      '--direct=1',
      '--rw=randrw',
      '--bsrange=4k-128k',
      '--blockalign=4k',
      '--iodepth=32',
      '--size=64m',
      '--serialize_overlap=1',
      '--verify=crc32c',
      '--verify_state_save=0',
      '--verify_backlog=64',
      '--verify_fatal=1',
      '--verify_state_save=0',
      `--randseed=${seed}`,
      '--time_based',
      '--runtime=5',
    ];
    await trial.must('fio', ...args);
    ram.child.kill('SIGTERM');
    assert.equal(await ram.end(), 0, ram.text());
  }),
);
