/**
 * What is ublk's own about a ublk device: its number and its tag, its limits, and what becomes of it when its program dies
 * or goes, in every way. Over memory volumes of this process and of processes that are killed. `ublk.js [REGEXP]`
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { clearName } from '../../../src/kernel/claim.ts';
import type { KernelDevice } from '../../../src/kernel/contract.ts';
import type { KernelDeviceOptions } from '../../../src/kernel/open.ts';
import type { Places } from '../../../src/kernel/places.ts';
import { type DeviceRecord, readRecord, writeRecord } from '../../../src/kernel/record.ts';
import type { UblkTraces } from '../../../src/kernel/traces.ts';
import { attempt, type Outcome, run } from '../../support/commands.ts';
import { TestHost, type TestHostOptions } from '../../support/fuse-host.ts';
import { stuckTasks } from '../../support/kill-trial.ts';
import { until } from '../../support/until.ts';
import { check } from '../harness/check.ts';

const mebi = 2 ** 20;
const sizeBytes = 32 * mebi;
/** The guest is emulated, and node needs seconds to start there. */
const patience = 120_000;
/** Only the checks whose names match. */
const only = new RegExp(process.argv[2] ?? '');
const crasher = fileURLToPath(new URL('../../support/ublk-crasher.js', import.meta.url));
const places: Places = { runtimeDirectory: '/run/ublk-test', linkDirectory: '/dev/ublk-test' };

await run('modprobe', 'ublk_drv');

function ublkDevices(): string[] {
  return fs.readdirSync('/sys/class/ublk-char');
}

function nameOf(device: string): string {
  return device.slice('/dev/'.length);
}

function limit(device: string, name: string): number {
  return Number(fs.readFileSync(`/sys/block/${nameOf(device)}/queue/${name}`, 'utf8'));
}

/** Requests that were submitted and not answered. */
function inFlight(device: string): number {
  const fields = fs
    .readFileSync(`/sys/block/${nameOf(device)}/stat`, 'utf8')
    .trim()
    .split(/\s+/);
  return Number(fields[8]);
}

async function sizeOf(device: string): Promise<number> {
  return Number(await run('blockdev', '--getsize64', device));
}

/** Reads one block, past the caches. */
function readBlock(device: string): Promise<Outcome> {
  return attempt('dd', [`if=${device}`, 'of=/dev/null', 'bs=4k', 'count=1', 'iflag=direct', 'status=none'], 300);
}

/** The kernel has looked for partitions; later ones do that after the device was made, and nobody can open it meanwhile. */
async function scanned(device: string): Promise<void> {
  assert.equal((await readBlock(device)).code, 0);
}

function left(): object {
  const records = fs.existsSync(places.runtimeDirectory) ? fs.readdirSync(places.runtimeDirectory) : [];
  const links = fs.existsSync(places.linkDirectory) ? fs.readdirSync(places.linkDirectory) : [];
  return { devices: ublkDevices(), records: records.filter((name) => name !== '.lock'), links, stuck: stuckTasks() };
}

const nothing = { devices: [], records: [], links: [], stuck: [] };

/** A check with a host of its own, after which nothing may be left. */
async function checkWith(
  name: string,
  options: TestHostOptions,
  body: (
    open: (name: string, more?: Partial<KernelDeviceOptions>) => Promise<KernelDevice>,
    host: TestHost,
  ) => Promise<void>,
): Promise<void> {
  if (!only.test(name)) return;
  await check(name, async () => {
    const devices: KernelDevice[] = [];
    const host = await TestHost.start(options);
    try {
      await body(async (label, more = {}) => {
        const device = await host.open(label, { kind: 'ublk', places, ...more });
        devices.push(device);
        return device;
      }, host);
    } finally {
      for (const device of devices) {
        if (fs.existsSync(device.link ?? '')) await device.detach({ force: true }).catch(() => {});
      }
      // Only after a failure is there anything to do.
      for (const child of crashers.splice(0)) child.kill('SIGKILL');
      await clearName(host, places, 'trial').catch(() => {});
      await host.stop();
    }
    await until('everything to go', () => ublkDevices().length === 0, 20_000).catch(() => {});
    assert.deepEqual(left(), nothing);
  });
}

const crashers: ChildProcess[] = [];

interface Crasher {
  readonly child: ChildProcess;
  readonly device: string;
  say(): Promise<void>;
  kill(): Promise<void>;
}

async function startCrasher(fate: 'survive' | 'dies', reactors = 2): Promise<Crasher> {
  const words = [crasher, places.runtimeDirectory, places.linkDirectory, fate, String(reactors)];
  const child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  crashers.push(child);
  const gone = once(child, 'exit');
  const heard = await Promise.race([once(child.stdout, 'data'), gone]);
  const device = String(heard[0]).trim();
  assert.match(device, /^\/dev\/ublkb\d+$/);
  await scanned(device);
  return {
    child,
    device,
    say: async () => {
      const heard = once(child.stdout, 'data');
      child.stdin.write('\n');
      await heard;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

function recordOf(name: string): DeviceRecord & { readonly traces: UblkTraces } {
  const record = readRecord(places, name);
  assert.ok(record !== null && record !== 'damaged' && record.traces.kind === 'ublk');
  return { ...record, traces: record.traces };
}

for (const blockBytes of [512, 4096]) {
  const options = { sizeBytes, blockBytes, reactors: 2 };
  await checkWith(
    `blocks of ${blockBytes}: what is written is read, zeroed is zero, and limits are the volume's`,
    options,
    async (open) => {
      const begin = performance.now();
      const device = await open('trial');
      console.log(
        `made in ${Math.round(performance.now() - begin)} ms; ${device.transport}; ${device.notes.join('; ')}`,
      );
      const file = '/tmp/ublk-data';
      await run('dd', 'if=/dev/urandom', `of=${file}`, 'bs=1M', 'count=16', 'status=none');
      await run('dd', `if=${file}`, `of=${device.path}`, 'bs=1M', 'oflag=direct', 'status=none');
      await run('cmp', '-n', String(16 * mebi), file, device.path);
      await run('blkdiscard', '-z', '-o', '4096', '-l', String(mebi), device.path);
      await run('blkdiscard', '-o', String(8 * mebi), '-l', String(mebi), device.path);
      await run('cmp', '-n', String(mebi), '-i', '0:4096', '/dev/zero', device.path);
      await run('cmp', '-n', '4096', file, device.path);
      assert.equal(fs.realpathSync(`${places.linkDirectory}/trial`), device.path);
      assert.equal(limit(device.path, 'logical_block_size'), blockBytes);
      assert.equal(limit(device.path, 'physical_block_size'), 4096);
      assert.equal(limit(device.path, 'max_hw_sectors_kb'), 1024);
      const widest = limit(device.path, 'discard_max_hw_bytes');
      assert.ok(widest > 2 ** 31 && widest < 2 ** 32 && widest % 4096 === 0, String(widest));
      // Later kernels never take less than a physical block.
      assert.ok([blockBytes, 4096].includes(limit(device.path, 'discard_granularity')));
      assert.equal(limit(device.path, 'write_zeroes_max_bytes'), widest);
      assert.equal(limit(device.path, 'fua'), 0);
      assert.equal(fs.readdirSync(`/sys/block/${nameOf(device.path)}/mq`).length, 2, 'a queue for each reactor');
      await device.flush();
      await device.detach({ force: false });
      fs.rmSync(file);
    },
  );
}

const cached = { sizeBytes, reactors: 1, withoutWriteZeroes: true };
await checkWith(
  'a cache is flushed and gone past, and what the volume cannot do is not offered',
  cached,
  async (open, host) => {
    const device = await open('trial', { geometry: { ...host.geometry(), volatileCache: true, canDiscard: false } });
    const cache = fs.readFileSync(`/sys/block/${nameOf(device.path)}/queue/write_cache`, 'utf8').trim();
    assert.deepEqual([cache, limit(device.path, 'fua')], ['write back', 1]);
    assert.equal(limit(device.path, 'write_zeroes_max_bytes'), 0);
    assert.equal(limit(device.path, 'discard_max_hw_bytes'), 0);
    await run(
      'dd',
      'if=/dev/zero',
      `of=${device.path}`,
      'bs=64k',
      'count=4',
      'oflag=direct',
      'conv=fsync',
      'status=none',
    );
    await device.detach({ force: false });
  },
);

await checkWith('read-only for good, and for now', { sizeBytes, reactors: 1 }, async (open, host) => {
  const device = await open('trial');
  const protectedNow = async (): Promise<string> => (await run('blockdev', '--getro', device.path)).trim();
  assert.equal(await protectedNow(), '0');
  await device.setReadOnly(true);
  assert.equal(await protectedNow(), '1');
  await device.setReadOnly(false);
  await run('dd', 'if=/dev/zero', `of=${device.path}`, 'bs=4k', 'count=1', 'oflag=direct', 'status=none');
  const forGood = await open('good', { geometry: { ...host.geometry(), readOnly: true } });
  assert.notEqual(forGood.path, device.path);
  assert.equal((await run('blockdev', '--getro', forGood.path)).trim(), '1');
  await forGood.detach({ force: false });
  await device.detach({ force: false });
});

const growing = { sizeBytes, capacityBytes: 2 * sizeBytes, reactors: 2 };
await checkWith(
  'it grows in use where the kernel can do that, and otherwise says that it cannot',
  growing,
  async (open, host) => {
    const device = await open('trial');
    await host.all({ kind: 'resize', sizeBytes: 2 * sizeBytes });
    const outcome = await device.resize(2 * sizeBytes).then(
      () => 'resized',
      (error: unknown) => String(error),
    );
    console.log(outcome);
    if (outcome === 'resized') {
      assert.equal(await sizeOf(device.path), 2 * sizeBytes);
      await run(
        'dd',
        'if=/dev/zero',
        `of=${device.path}`,
        'bs=1M',
        'seek=63',
        'count=1',
        'oflag=direct',
        'status=none',
      );
    } else {
      assert.match(outcome, /cannot resize/);
      assert.equal(await sizeOf(device.path), sizeBytes);
    }
    await device.detach({ force: false });
  },
);

await checkWith('a partition table is seen when the device is made', { sizeBytes, reactors: 1 }, async (open) => {
  const first = await open('trial');
  const table = Buffer.alloc(512);
  // One entry of an MBR: type 0x83, from sector 2048, 8 MiB long.
  table.writeUInt8(0x83, 446 + 4);
  table.writeUInt32LE(2048, 446 + 8);
  table.writeUInt32LE((8 * mebi) / 512, 446 + 12);
  table.writeUInt16LE(0xaa55, 510);
  fs.writeFileSync('/tmp/ublk-table', table);
  await run('dd', 'if=/tmp/ublk-table', `of=${first.path}`, 'bs=512', 'count=1', 'conv=fsync', 'status=none');
  await first.detach({ force: false });
  const device = await open('trial');
  await until('the partition', () => fs.existsSync(`${device.path}p1`), 20_000);
  assert.equal(await sizeOf(`${device.path}p1`), 8 * mebi);
  await device.detach({ force: false });
});

/** A process that has the device open, and nothing else. */
async function hold(device: string): Promise<() => Promise<void>> {
  const child = spawn('sh', ['-c', `exec 3<${device}; echo open; read x`], { stdio: ['pipe', 'pipe', 'inherit'] });
  const gone = once(child, 'exit');
  await once(child.stdout, 'data');
  return async () => {
    child.stdin.end();
    await gone;
  };
}

await checkWith(
  'in use: refused in order, by name; by force the node goes, the rest at the last close',
  { sizeBytes, reactors: 1 },
  async (open) => {
    const device = await open('trial');
    const end = await hold(device.path);
    await assert.rejects(device.detach({ force: false }), /in use: sh \(pid/);
    assert.equal((await readBlock(device.path)).code, 0, 'it goes on being served');
    await device.detach({ force: true });
    assert.equal(fs.existsSync(device.path), false);
    // The name is free at once, and the number is not.
    const next = await open('trial');
    assert.notEqual(next.path, device.path);
    await end();
    assert.equal((await readBlock(next.path)).code, 0);
    await next.detach({ force: false });
  },
);

await checkWith(
  'by force while nothing is answered: whoever waits gets an error at once',
  { sizeBytes, reactors: 2 },
  async (open, host) => {
    const device = await open('trial');
    await scanned(device.path);
    await host.all({ kind: 'hold', on: true });
    const readings = Array.from({ length: 4 }, () => readBlock(device.path));
    await until('requests under way', () => inFlight(device.path) >= 4, patience);
    const begin = performance.now();
    const detached = device.detach({ force: true });
    for (const { code } of await Promise.all(readings)) assert.notEqual(code, 0);
    console.log(`errors after ${Math.round(performance.now() - begin)} ms`);
    await until('the node to go', () => !fs.existsSync(device.path), 20_000);
    // It is only over when the volume has given its requests back.
    await host.all({ kind: 'hold', on: false });
    await detached;
  },
);

await checkWith(
  'a queue that the kernel refuses: nothing is left of the device',
  { sizeBytes, reactors: 2 },
  async (open, host) => {
    // There is no such queue.
    host.spoil = (plan) => (plan.kind === 'ublk' && plan.queues[0] === 1 ? { ...plan, depth: plan.depth + 1 } : plan);
    await assert.rejects(open('trial'), { code: 'kernel-device-failed' });
  },
);

await checkWith(
  'its program is killed with every tag in use: who waits is answered by the next one',
  { sizeBytes, reactors: 1 },
  async (open) => {
    const dead = await startCrasher('survive', 1);
    const { device } = dead;
    await dead.say();
    // 8 tags; who finds none waits for one.
    const load = attempt(
      'fio',
      `--name=wait --thread --numjobs=2 --filename=${device} --ioengine=libaio --direct=1 --rw=randread --bs=4k --iodepth=16 --number_ios=16 --output-format=terse`.split(
        ' ',
      ),
      300,
    );
    await until('the tags to be in use', () => inFlight(device) >= 8, patience);
    await dead.kill();
    const died = performance.now();
    const next = await open('trial', { survive: true });
    console.log(`taken over after ${Math.round(performance.now() - died)} ms; ${next.notes.join('; ')}`);
    assert.equal(next.path, device);
    assert.match(next.notes.join('\n'), /took over from process/);
    const { code, stderr } = await load;
    assert.equal(code, 0, stderr);
    console.log(`all answered after ${Math.round(performance.now() - died)} ms`);
    await next.detach({ force: false });
  },
);

await checkWith(
  'one that waits is given up: who uses it gets an error, and nothing is left',
  { sizeBytes, reactors: 1 },
  async (_open, host) => {
    const dead = await startCrasher('survive');
    await dead.kill();
    const reading = readBlock(dead.device);
    await until('the request', () => inFlight(dead.device) > 0, patience).catch(() => {});
    const begin = performance.now();
    const cleared = await clearName(host, places, 'trial');
    assert.equal(cleared?.device, dead.device);
    assert.notEqual((await reading).code, 0);
    console.log(`an error after ${Math.round(performance.now() - begin)} ms`);
  },
);

await checkWith(
  'one that does not outlive its program: an error soon, and the next start clears it away',
  { sizeBytes, reactors: 1 },
  async (open) => {
    const dead = await startCrasher('dies');
    await dead.say();
    const reading = readBlock(dead.device);
    await until('a request under way', () => inFlight(dead.device) > 0, patience);
    await dead.kill();
    const died = performance.now();
    assert.notEqual((await reading).code, 0);
    console.log(`an error ${Math.round(performance.now() - died)} ms after the death`);
    const next = await open('trial');
    assert.match(next.notes.join('\n'), /cleared up after an instance that had died/);
    assert.equal((await readBlock(next.path)).code, 0);
    assert.equal(ublkDevices().length, 1);
    await next.detach({ force: false });
  },
);

await checkWith(
  'a device of that number but with another tag is somebody else’s, and left alone',
  { sizeBytes, reactors: 1 },
  async (open) => {
    const stranger = await open('stranger');
    const dead = await startCrasher('survive');
    await dead.kill();
    const record = recordOf('trial');
    // As if the number had been given out anew.
    const { id } = recordOf('stranger').traces;
    writeRecord(places, { ...record, traces: { ...record.traces, id }, device: stranger.path });
    const next = await open('trial', { survive: true });
    assert.notEqual(next.path, stranger.path);
    assert.equal((await readBlock(stranger.path)).code, 0);
    await next.detach({ force: false });
    assert.equal((await readBlock(stranger.path)).code, 0);
    await stranger.detach({ force: false });
    // What no record told of is there still; with its record back one reactor takes over what two had.
    writeRecord(places, record);
    const again = await open('trial', { survive: true });
    assert.equal(again.path, dead.device);
    assert.equal((await readBlock(again.path)).code, 0);
    await again.detach({ force: false });
  },
);

await checkWith(
  'somebody else stops it: that is told, and what is left goes',
  { sizeBytes, reactors: 1 },
  async (open, host) => {
    const device = await open('trial');
    const { UblkCommands } = await import('../../../src/kernel/ublk/commands.ts');
    const commands = new UblkCommands(host);
    await commands.stop(recordOf('trial').traces.id ?? -1, 20_000);
    commands.close();
    assert.match(await device.lost, /stopped by somebody else/);
    await device.detach({ force: true });
  },
);

await check('the kernel has nothing to complain of', async () => {
  const log = await run('dmesg');
  const complaint = /^.*(?:WARNING:|BUG:|blocked for more than|Oops).*$/m.exec(log)?.[0] ?? '';
  assert.equal(complaint, '');
});
