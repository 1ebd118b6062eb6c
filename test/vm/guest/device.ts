/**
 * A kernel device of one kind, over two paths to the embedded array, as its users have it: `device.js KIND [KILLS [WORD…]]`, the words for `attach`. Every
 * step is a program of somebody else's. Runs wherever the kind is offered, also outside of a guest.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { askDevice } from '../../../src/cli/ask.ts';
import { startArray } from '../../../src/demo/array-thread.ts';
import { callControl } from '../../../src/host/control-client.ts';
import { pathRank } from '../../../src/multipath/state.ts';
import { freshName, type Running, setPatience, startReady, traces } from '../../support/cli.ts';
import { attempt, run, shell } from '../../support/commands.ts';
import { killTrial, stuckTasks, withVerifiedLoad } from '../../support/kill-trial.ts';
import { makeTree, readTree, treeProgram } from '../../support/tree.ts';
import { until } from '../../support/until.ts';
import { check } from '../harness/check.ts';

// Its attached programs live on, through all that is done with a device.
setPatience(3_600_000);
const mebi = 2 ** 20;
/** xfs takes no less. */
const sizeBytes = 320 * mebi;
const seed = Number(process.env['CAUSEWAY_SEED'] ?? 1);
const [kind, killsText = '3', ...more] = process.argv.slice(2);
if (kind !== 'ublk' && kind !== 'nbd' && kind !== 'fuse') throw new Error('device.js ublk|nbd|fuse [KILLS [WORD…]]');
const kills = Number(killsText);
/** Else the volume would be in quarantine until a guest has been up for a minute: nobody knows what was before. */
const words = ['--keep-alive', '5', '--quiesce-time', '2', ...more];

const name = freshName();
const folder = fs.mkdtempSync('/tmp/causeway-device-');
const point = path.join(folder, 'mounted');
fs.mkdirSync(point);

/** A detach is asked for as the command line does it, and other things of the device, without a process for each. */
const detachMilliseconds = 120_000;

const array = await startArray({ ports: 2, sizeBytes });
let served: Running | null = null;
let device = '';

async function attach(...besides: string[]): Promise<void> {
  const { running, ready } = await startReady(
    'attach',
    array.url,
    '--name',
    name,
    '--kernel-device',
    kind ?? '',
    ...words,
    ...besides,
  );
  served = running;
  device = ready.device;
}

async function detach(): Promise<void> {
  await callControl(name, 'detach', {}, detachMilliseconds);
  assert.equal((await served?.ended)?.code, 0);
  assert.deepEqual(traces(name), []);
}

async function sectorsOf(node: string): Promise<number> {
  return Number(await run('blockdev', '--getsz', node));
}

await check(`a ${kind} device is made, and is what the volume is`, async () => {
  await attach();
  const { kernelDevice, transport, notes } = await askDevice(name);
  assert.equal(kernelDevice, kind);
  console.log(transport, notes.join('; '));
  assert.equal((await run('blockdev', '--getss', device)).trim(), '4096');
  assert.equal((await run('blockdev', '--getro', device)).trim(), '0');
  assert.equal((await sectorsOf(device)) * 512, sizeBytes);
  assert.equal(fs.realpathSync(`/dev/causeway/${name}`), device);
});

for (const system of ['ext4', 'xfs'] as const) {
  await check(`${system}: made, a tree copied and read back, checked, trimmed`, async () => {
    const source = path.join(folder, `source-${system}`);
    makeTree(source, { seed, files: 120, bytes: 12 * mebi });
    await (system === 'ext4' ? run('mkfs.ext4', '-q', '-F', device) : run('mkfs.xfs', '-q', '-f', device));
    await run('mount', '-t', system, device, point);
    try {
      await run('cp', '-a', source, path.join(point, 'copy'));
      await run('sync', '-f', point);
      await shell('echo 3 > /proc/sys/vm/drop_caches');
      const found = (await run(process.execPath, treeProgram, path.join(point, 'copy'))).trimEnd().split('\n');
      assert.deepEqual(found, readTree(source));
      await run('rm', '-rf', path.join(point, 'copy'));
      await run('sync', '-f', point);
      assert.match(await run('fstrim', '-v', point), /[1-9]\d* bytes/);
    } finally {
      await run('umount', point);
      fs.rmSync(source, { recursive: true });
    }
    await (system === 'ext4' ? run('fsck.ext4', '-f', '-n', device) : run('xfs_repair', '-n', device));
  });
}

await check('verified I/O while each path is lost in turn', async () => {
  const figures = await withVerifiedLoad({ device, seed, sizeBytes: 32 * mebi, depth: 8 }, async (isOver) => {
    for (const port of [0, 1, 0]) {
      await sleep(1500);
      await array.setPort(port, 'closed');
      await sleep(1500);
      await array.setPort(port, 'open');
      assert.ok(!isOver(), 'the load ended');
      const areLive = async (): Promise<boolean> =>
        (await askDevice(name)).paths.every(({ state }) => pathRank(state) > 0);
      await until('the path to be back', areLive, 60_000);
    }
  });
  console.log(JSON.stringify(figures));
  assert.ok(figures.requests > 100);
});

await check('what is discarded and zeroed reads as zeroes', async () => {
  await run('dd', 'if=/dev/urandom', `of=${device}`, 'bs=1M', 'count=8', 'oflag=direct', 'status=none');
  const zeroes = async (): Promise<string> =>
    await shell(`cmp -n ${8 * mebi} ${device} /dev/zero && echo same || true`);
  assert.doesNotMatch(await zeroes(), /same/);
  await run('blkdiscard', '-z', '-l', String(8 * mebi), device);
  assert.match(await zeroes(), /same/);
  await run('blkdiscard', device);
});

await check('a partition table is seen, after the next attach as well', async () => {
  await shell(`printf 'label: dos\\n,16M\\n,\\n' | sfdisk -q --no-tell-kernel ${device}`);
  await detach();
  await attach();
  const first = partitionOf(1);
  await until(first, () => fs.existsSync(`/sys/class/block/${path.basename(first)}`));
  assert.equal((await sectorsOf(first)) * 512, 16 * mebi);
  await run('wipefs', '-aq', device);
  await run('blockdev', '--rereadpt', device);
});

function partitionOf(number: number): string {
  return `${device}p${number}`;
}

await check('it is refused to whoever detaches it while it is in use, and goes by force', async () => {
  const holder = fs.openSync(device, 'r');
  await assert.rejects(callControl(name, 'detach', {}, detachMilliseconds), { code: 'kernel-device-busy' });
  const reading = await attempt('dd', [`if=${device}`, 'of=/dev/null', 'bs=4k', 'count=1', 'iflag=direct']);
  assert.equal(reading.code, 0, 'it goes on being served');
  await callControl(name, 'detach', { force: true }, detachMilliseconds);
  await served?.ended;
  fs.closeSync(holder);
  await until('everything to go', () => traces(name).length === 0);
  assert.deepEqual(stuckTasks(), []);
});

await check('read-only, as the user wants it', async () => {
  await attach('--read-only');
  assert.equal((await run('blockdev', '--getro', device)).trim(), '1');
  const { code } = await attempt('dd', ['if=/dev/zero', `of=${device}`, 'bs=4k', 'count=1', 'oflag=direct']);
  assert.notEqual(code, 0);
  await detach();
});

/** The kernel's driver can be told of a size: ublk's from Linux 6.16 on. */
const [major = 0, minor = 0] = os.release().split('.').map(Number);
const canGrow = kind !== 'ublk' || major > 6 || (major === 6 && minor >= 16);

await check('it grows with its volume, at the next attach at the latest', async () => {
  await attach();
  await array.fault('resizeVolume', [1, 384 * mebi]);
  if (!canGrow) {
    const isTold = async (): Promise<boolean> =>
      (await askDevice(name)).notes.some((note) => note.includes('cannot resize'));
    await until('word that this kernel cannot', isTold, 30_000);
    await detach();
    await attach();
  }
  await until('the new size', async () => (await sectorsOf(device)) * 512 === 384 * mebi, 30_000);
  await run('dd', 'if=/dev/zero', `of=${device}`, 'bs=1M', 'seek=383', 'count=1', 'oflag=direct', 'status=none');
  await detach();
});

await array.stop();

if (kills > 0) {
  await check(`${kills} kills under verified I/O: it goes on`, async () => {
    const load = { between: 3000, depth: 8, sizeBytes: 32 * mebi };
    console.log(JSON.stringify(await killTrial({ kernelDevice: kind, kills, seed, words, ...load })));
  });
}

fs.rmSync(folder, { recursive: true, force: true });
