import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { requires } from '../test/support/requires.ts';

const entry = fileURLToPath(new URL('./main.js', import.meta.url));
const seconds = 1000;

function start(...args: string[]): { exit: Promise<number | null>; said: () => string; kill: () => void; pid: number } {
  const child = spawn(process.execPath, [entry, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more: string) => (text += more));
  child.stderr.setEncoding('utf8').on('data', (more: string) => (text += more));
  const exit = once(child, 'exit').then(([code]: (number | null)[]) => code ?? null);
  return { exit, said: () => text, kill: () => child.kill('SIGINT'), pid: child.pid ?? 0 };
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 60 * seconds;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Mounts, loop devices and records that carry the name of this run. */
function traces(pid: number): string[] {
  const mounts = fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const records = fs.existsSync('/run/causeway') ? fs.readdirSync('/run/causeway') : [];
  const loops = fs.readdirSync('/sys/block').map((name) => {
    const file = `/sys/block/${name}/loop/backing_file`;
    return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  });
  return [...mounts, ...records, ...loops].filter((line) => line.includes(`bench-${pid}-`));
}

test('a wrong name is refused with the names that there are', async () => {
  const { exit, said } = start('nonsense');
  assert.equal(await exit, 2);
  assert.match(said(), /nonsense: no such case .*kernel-device.*footprint/);
});

test('interrupted while it measures, a run ends and leaves nothing behind', {
  ...requires('root', 'io_uring', 'fuse', 'fuse-uring', 'loop', 'fio'),
  timeout: 120 * seconds,
}, async () => {
  const run = start('--quick', 'whole-way');
  await until(() => run.said().includes('4k random read QD1'), `a measurement begins: ${run.said()}`);
  await until(() => traces(run.pid).length > 0, 'a device is there');
  run.kill();
  assert.equal(await run.exit, 130, run.said());
  assert.deepEqual(traces(run.pid), [], run.said());
});
