/**
 * What is ublk's own about a ublk device: its number and its tag, its limits, and what becomes of it when its program dies
 * or goes, in every way. `ublk.js`; every step is a program of somebody else's.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultPlaces } from '../../../src/kernel/places.ts';
import { type DeviceRecord, readRecord, writeRecord } from '../../../src/kernel/record.ts';
import type { UblkTraces } from '../../../src/kernel/traces.ts';
import { causeway, freshName, type Running, startReady, traces } from '../../support/cli.ts';
import { attempt, type Outcome, run } from '../../support/commands.ts';
import { stuckTasks, withVerifiedLoad } from '../../support/kill-trial.ts';
import { until } from '../../support/until.ts';
import { check } from '../harness/check.ts';

const mebi = 2 ** 20;
const sizeBytes = 64 * mebi;
const seed = Number(process.env['CAUSEWAY_SEED'] ?? 1);
const array = freshName();

await run('modprobe', 'ublk_drv');

function ublkDevices(): string[] {
  return fs.readdirSync('/sys/class/ublk-char');
}

function limit(device: string, name: string): number {
  return Number(fs.readFileSync(`/sys/block/${device.slice('/dev/'.length)}/queue/${name}`, 'utf8'));
}

async function must(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await causeway(...words);
  assert.equal(code, 0, `causeway ${words.join(' ')}: ${stderr}`);
  return stdout;
}

interface Served {
  readonly name: string;
  readonly device: string;
  readonly running: Running;
}

const arrayRun = await startReady('array', '--name', array, '--port', '0', '--ports', '2', '--size', String(sizeBytes));
const url = arrayRun.ready.url ?? '';

async function attach(name: string, volume = url, ...words: string[]): Promise<Served> {
  const { running, ready } = await startReady('attach', volume, '--name', name, '--kernel-device', 'ublk', ...words);
  return { name, device: ready.device, running };
}

async function detach({ name, running }: Served, ...words: string[]): Promise<void> {
  await must('detach', name, '--grace', '20', ...words);
  await running.ended;
  assert.deepEqual(traces(name), []);
}

async function kill({ running }: Served): Promise<void> {
  running.kill('SIGKILL');
  await running.ended;
}

/** One block, past the caches. */
function dd(device: string, ...words: string[]): Promise<Outcome> {
  return attempt('dd', [`if=${device}`, 'of=/dev/null', 'bs=4k', 'count=1', 'iflag=direct', 'status=none', ...words]);
}

function recordOf(name: string): DeviceRecord & { readonly traces: UblkTraces } {
  const record = readRecord(defaultPlaces, name);
  assert.ok(record !== null && record !== 'damaged' && record.traces.kind === 'ublk');
  return { ...record, traces: record.traces };
}

await check('a RAM disk is written and read, and goes without a trace', async () => {
  const disk = await attach(freshName(), 'mem:64m');
  const file = '/tmp/causeway-ublk-data';
  await run('dd', 'if=/dev/urandom', `of=${file}`, 'bs=1M', 'count=16', 'status=none');
  await run('dd', `if=${file}`, `of=${disk.device}`, 'bs=1M', 'oflag=direct', 'status=none');
  await run('cmp', '-n', String(16 * mebi), file, disk.device);
  await run('blkdiscard', '-z', '-l', String(mebi), disk.device);
  await run('cmp', '-n', String(mebi), '/dev/zero', disk.device);
  assert.equal(fs.realpathSync(`/dev/causeway/${disk.name}`), disk.device);
  await detach(disk);
  assert.deepEqual(ublkDevices(), []);
  fs.rmSync(file);
});

await check('its limits are those of the volume', async () => {
  const disk = await attach(freshName());
  try {
    assert.equal(limit(disk.device, 'logical_block_size'), 4096);
    assert.equal(limit(disk.device, 'max_hw_sectors_kb'), 1024);
    const widest = limit(disk.device, 'discard_max_hw_bytes');
    assert.ok(widest > 2 ** 31 && widest < 2 ** 32 && widest % 4096 === 0);
    assert.equal(limit(disk.device, 'discard_granularity'), 4096);
    assert.equal(limit(disk.device, 'write_zeroes_max_bytes'), widest);
    assert.equal(limit(disk.device, 'fua'), 0);
    assert.match(fs.readFileSync(`/sys/block/${disk.device.slice(5)}/queue/write_cache`, 'utf8'), /write through/);
  } finally {
    await detach(disk);
  }
});

await check('two devices have numbers of their own', async () => {
  const [first, second] = [await attach(freshName(), 'mem:16m'), await attach(freshName(), 'mem:32m')];
  assert.notEqual(first.device, second.device);
  assert.equal((await run('blockdev', '--getsize64', first.device)).trim(), String(16 * mebi));
  assert.equal((await run('blockdev', '--getsize64', second.device)).trim(), String(32 * mebi));
  await detach(first);
  assert.equal((await dd(second.device)).code, 0);
  await detach(second);
});

await check('a device of that number but with another tag is somebody else’s, and left alone', async () => {
  const [stranger, name] = [await attach(freshName(), 'mem:16m'), freshName()];
  const ours = await attach(name);
  await kill(ours);
  const left = recordOf(name);
  const { id } = recordOf(stranger.name).traces;
  // As after the number was given out anew.
  writeRecord(defaultPlaces, { ...left, traces: { ...left.traces, id }, device: stranger.device });
  const next = await attach(name);
  assert.notEqual(next.device, stranger.device);
  assert.equal((await dd(stranger.device)).code, 0);
  await detach(next);
  assert.equal((await dd(stranger.device)).code, 0);
  await detach(stranger);
  // What the record did not tell of any more is there still: give it its record back, and it goes.
  writeRecord(defaultPlaces, left);
  await must('detach', name, '--force');
  assert.deepEqual(ublkDevices(), []);
});

await check('its program is killed with every tag in use: who waits is answered by the next one', async () => {
  const disk = await attach(freshName());
  for (const port of ['1', '2']) await must('array', 'fault', array, 'delayExecution', port, 'milliseconds=60000');
  const depth = limit(disk.device, 'nr_requests');
  const waiting = [];
  // More than all tags of all queues.
  for (let nth = 0; nth < 2; nth += 1) {
    waiting.push(
      attempt(
        'fio',
        `--name=w${nth} --thread --filename=${disk.device} --ioengine=libaio --direct=1 --rw=randread --bs=4k --iodepth=${depth} --number_ios=${depth} --cpus_allowed=${nth} --output-format=terse`.split(
          ' ',
        ),
        240,
      ),
    );
  }
  await until('every tag to be in use', () => inFlight(disk.device) >= depth, 60_000);
  await kill(disk);
  for (const port of ['1', '2']) await must('array', 'fault', array, 'delayExecution', port, 'milliseconds=0');
  const died = performance.now();
  const next = await attach(disk.name);
  assert.equal(next.device, disk.device);
  for (const { code, stderr } of await Promise.all(waiting)) assert.equal(code, 0, stderr);
  console.log(`all tags in use (${depth}): answered ${Math.round(performance.now() - died)} ms after the death`);
  await detach(next);
});

function inFlight(device: string): number {
  const fields = fs
    .readFileSync(`/sys/block/${device.slice(5)}/stat`, 'utf8')
    .trim()
    .split(/\s+/);
  return Number(fields[8]);
}

await check('one that waits is given up by force: who uses it gets an error, and nothing is left', async () => {
  const disk = await attach(freshName());
  await kill(disk);
  const reading = dd(disk.device);
  await sleep(500);
  await must('detach', disk.name, '--force');
  assert.notEqual((await reading).code, 0);
  assert.deepEqual([traces(disk.name), ublkDevices(), stuckTasks()], [[], [], []]);
});

await check('one that does not outlive its program: errors soon, and the next start clears it away', async () => {
  const disk = await attach(freshName(), 'mem:16m');
  await kill(disk);
  const begin = performance.now();
  await until('the device to go', () => !fs.existsSync(`/sys/block/${disk.device.slice(5)}`), 30_000);
  console.log(`gone ${Math.round(performance.now() - begin)} ms after its program`);
  assert.equal(ublkDevices().length, 1);
  const next = await attach(disk.name, 'mem:16m');
  assert.equal(ublkDevices().length, 1);
  assert.match((await causeway('show', disk.name)).stdout, /cleared up after an instance that had died/);
  await detach(next);
  assert.deepEqual(ublkDevices(), []);
});

await check('its program is replaced three times under verified I/O: it goes on', async () => {
  const name = freshName();
  const device = (await must('attach', url, '--name', name, '--kernel-device', 'ublk', '--background')).trim();
  const figures = await withVerifiedLoad({ device, seed, sizeBytes: 32 * mebi, depth: 8 }, async () => {
    for (let turn = 0; turn < 3; turn += 1) {
      await sleep(1000);
      await must('upgrade', name, '--json');
    }
    await sleep(1000);
  });
  console.log(JSON.stringify(figures));
  await must('detach', name);
  assert.deepEqual([traces(name), ublkDevices()], [[], []]);
});

await check('detach is refused to whom it would hurt, and by force ends what no path carries any more', async () => {
  const disk = await attach(freshName());
  for (const port of ['1', '2']) await must('array', 'fault', array, 'port-close', port);
  const reading = dd(disk.device);
  await until('a request under way', () => inFlight(disk.device) > 0, 20_000);
  const refused = await causeway('detach', disk.name, '--grace', '1');
  assert.equal(refused.code, 6, refused.stderr);
  assert.match(refused.stderr, /dd \(pid/);
  const begin = performance.now();
  const [ended] = await Promise.all([
    reading.then(() => performance.now() - begin),
    must('detach', disk.name, '--force'),
  ]);
  assert.notEqual((await reading).code, 0);
  console.log(
    `by force: an error after ${Math.round(ended)} ms, all after ${Math.round(performance.now() - begin)} ms`,
  );
  await disk.running.ended;
  assert.deepEqual([traces(disk.name), ublkDevices(), stuckTasks()], [[], [], []]);
  for (const port of ['1', '2']) await must('array', 'fault', array, 'port-open', port);
});

await check('by force while somebody has it open: the node goes, the rest at the last close', async () => {
  const disk = await attach(freshName(), 'mem:16m');
  const holder = fs.openSync(disk.device, 'r');
  await must('detach', disk.name, '--force');
  await disk.running.ended;
  assert.equal(fs.existsSync(disk.device), false);
  assert.deepEqual(traces(disk.name), []);
  const next = await attach(disk.name, 'mem:16m');
  fs.closeSync(holder);
  assert.equal((await dd(next.device)).code, 0);
  await detach(next);
  await until('the first one to be gone', () => ublkDevices().length === 0);
});

await check('a partition table of a file is seen', async () => {
  const file = '/tmp/causeway-ublk-disk';
  const disk = Buffer.alloc(32 * mebi);
  // One entry of an MBR: type 0x83, from sector 2048, 8 MiB long.
  disk.writeUInt8(0x83, 446 + 4);
  disk.writeUInt32LE(2048, 446 + 8);
  disk.writeUInt32LE((8 * mebi) / 512, 446 + 12);
  disk.writeUInt16LE(0xaa55, 510);
  fs.writeFileSync(file, disk);
  const served = await attach(freshName(), `file:${file}`);
  const partition = `${served.device}p1`;
  await until('the partition', () => fs.existsSync(partition));
  assert.equal((await run('blockdev', '--getsize64', partition)).trim(), String(8 * mebi));
  await detach(served);
  fs.rmSync(file);
});

await check('a size that the kernel can be told of is shown, and otherwise it is said that it cannot', async () => {
  const disk = await attach(freshName());
  const size = async (): Promise<number> => Number(await run('blockdev', '--getsize64', disk.device));
  await must('array', 'fault', array, 'setReadOnly', '1', 'true');
  await until('write protection', async () => (await run('blockdev', '--getro', disk.device)).trim() === '1', 30_000);
  await must('array', 'fault', array, 'setReadOnly', '1', 'false');
  await until('its end', async () => (await run('blockdev', '--getro', disk.device)).trim() === '0', 30_000);
  await must('array', 'fault', array, 'resizeVolume', '1', String(sizeBytes + 16 * mebi));
  const cannot = async (): Promise<boolean> => (await must('show', disk.name)).includes('cannot resize');
  const grown = async (): Promise<boolean> => (await size()) === sizeBytes + 16 * mebi;
  await until('the size, or word of it', async () => (await grown()) || (await cannot()), 30_000);
  console.log((await grown()) ? 'resized in use' : 'not resized in use');
  await detach(disk);
  const next = await attach(disk.name);
  assert.equal(Number(await run('blockdev', '--getsize64', next.device)), sizeBytes + 16 * mebi);
  await detach(next);
});

arrayRun.running.kill('SIGTERM');
await arrayRun.running.ended;

await check('the kernel has nothing to complain of', async () => {
  const log = await run('dmesg');
  assert.doesNotMatch(log, /WARNING:|BUG:|blocked for more than/);
  assert.deepEqual(ublkDevices(), []);
});
