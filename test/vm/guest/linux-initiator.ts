/** `causeway array` under Linux's own initiator with its native multipath, both in this guest. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { callControl } from '../../../src/host/control-client.ts';
import { setPatience, start } from '../../support/cli.ts';
import { attempt, run } from '../../support/commands.ts';
import { until } from '../../support/until.ts';
import { check } from '../harness/check.ts';
import { blockDevice, connect, controllers, nvmeJson, setPolicy, startInitiator } from '../harness/linux-initiator.ts';

const MEBI = 2 ** 20;
const NAME = 'array';
const SUBNQN = 'nqn.2026-11.io.causeway:array';
const PORT = 4420;
const ADDRESSES = ['127.0.0.1', '127.0.0.2'] as const;
const [first, second] = ADDRESSES;
/** For anything that follows within a second on a fast machine; this one is emulated. */
const PATIENCE = 60_000;
const ARRAY_LIFE = 600_000;

setPatience(ARRAY_LIFE);
const array = start(
  'array',
  '--name',
  NAME,
  '--address',
  ADDRESSES.join(),
  '--size',
  '128m',
  '--serial',
  'S1',
  '--json',
);
await array.line('"event":"ready"');
await startInitiator();

const fault = (name: string, ...args: unknown[]): Promise<unknown> =>
  callControl(NAME, 'array-fault', { fault: name, args }, PATIENCE);
const setPort = (port: number, state: string): Promise<unknown> =>
  callControl(NAME, 'array-port', { port, state }, PATIENCE);

function device(): string {
  const found = blockDevice(SUBNQN);
  assert(found !== null, 'there is no block device');
  return found;
}

async function untilPath(address: string, state: string, ana = ''): Promise<void> {
  await until(
    `${address} to be ${state} ${ana}`,
    () => {
      const controller = controllers(SUBNQN).get(address);
      return controller?.state === state && (ana === '' || controller.ana === ana);
    },
    PATIENCE,
  );
}

/** fio with verification for so many seconds, and `work` meanwhile; fails unless both succeed. */
async function verifiedWhile(seconds: number, work: () => Promise<void>): Promise<void> {
  const fio = attempt(
    'fio',
    [
      '--name=verify',
      '--thread',
      `--filename=${device()}`,
      '--ioengine=io_uring',
      '--direct=1',
      '--rw=randrw',
      '--bsrange=4k-128k',
      '--blockalign=4k',
      '--iodepth=16',
      '--size=32m',
      '--serialize_overlap=1',
      '--verify=crc32c',
      '--verify_backlog=64',
      '--verify_fatal=1',
      '--verify_state_save=0',
      '--time_based',
      `--runtime=${seconds}`,
    ],
    seconds + 120,
  );
  const [{ code, stdout, stderr }] = await Promise.all([fio, work()]);
  assert.equal(code, 0, `${stdout}${stderr}`);
}

/** Sectors that went over each path so far. */
function sectorsByPath(): number[] {
  return ADDRESSES.map((address) => {
    const { name = '' } = controllers(SUBNQN).get(address) ?? {};
    const folder = `/sys/class/nvme/${name}`;
    const hidden = fs.readdirSync(folder).find((entry) => /^nvme\d+c\d+n\d+$/.test(entry)) ?? '';
    const fields = fs.readFileSync(`${folder}/${hidden}/stat`, 'utf8').trim().split(/\s+/).map(Number);
    return (fields[2] ?? 0) + (fields[6] ?? 0);
  });
}

await check('nvme discover shows both ports', async () => {
  const { records } = await nvmeJson<{ records: readonly Record<string, string>[] }>(
    'discover',
    '--transport=tcp',
    `--traddr=${first}`,
    `--trsvcid=${PORT}`,
  );
  const ways = records
    .filter((entry) => entry['subnqn'] === SUBNQN)
    .map((entry) => `${entry['traddr']}:${entry['trsvcid']}`);
  assert.deepEqual(
    ways,
    ADDRESSES.map((address) => `${address}:${PORT}`),
  );
});

await check('nvme connect over both ports makes one device of two paths', async () => {
  await connect({ address: first, port: PORT, subnqn: SUBNQN });
  await connect({ address: second, port: PORT, subnqn: SUBNQN, digests: true });
  for (const address of ADDRESSES) await untilPath(address, 'live', 'optimized');
  await until('the block device', () => fs.existsSync(blockDevice(SUBNQN) ?? '/none'), PATIENCE);
  setPolicy(SUBNQN, 'round-robin');
});

await check('nvme id-ctrl, id-ns and ns-descs', async () => {
  const ctrl = await nvmeJson<Record<string, unknown>>('id-ctrl', device());
  assert.equal(String(ctrl['mn']).trim(), 'Causeway embedded array');
  assert.equal(String(ctrl['sn']).trim(), 'S1');
  assert.equal(ctrl['subnqn'], SUBNQN);
  const ns = await nvmeJson<Record<string, unknown>>('id-ns', device());
  assert.deepEqual([ns['nsze'], ns['anagrpid']], [(128 * MEBI) / 4096, 1]);
  const descriptors = await run('nvme', 'ns-descs', device());
  const nguid = /nguid\s*:\s*([0-9a-f]{32})/.exec(descriptors)?.[1];
  assert.equal(nguid, String(ns['nguid']));
});

await check('the logs that nvme-cli knows', async () => {
  const ana = await nvmeJson<Record<string, unknown>>('ana-log', device());
  assert.match(JSON.stringify(ana), /optimized/i);
  await nvmeJson('smart-log', device());
  await nvmeJson('error-log', device());
  await nvmeJson('fw-log', device());
  const paths = await run('nvme', 'list-subsys');
  assert.equal(paths.match(/tcp .*live/g)?.length, 2, paths);
});

await check('verified I/O goes over both ports', async () => {
  const before = sectorsByPath();
  await verifiedWhile(5, () => Promise.resolve());
  const after = sectorsByPath();
  assert(
    after.every((sectors, index) => sectors > before[index]!),
    `sectors: ${before.join()} then ${after.join()}`,
  );
});

await check('discard, write zeroes and a file system', async () => {
  await run('blkdiscard', device());
  await run('blkdiscard', '--zeroout', '--length', String(MEBI), device());
  await run('mkfs.ext4', '-q', '-F', device());
  fs.mkdirSync('/tmp/mnt');
  await run('mount', device(), '/tmp/mnt');
  await run('cp', '-r', 'docs', '/tmp/mnt/docs');
  await run('fstrim', '/tmp/mnt');
  await run('umount', '/tmp/mnt');
  await run('mount', device(), '/tmp/mnt');
  await run('diff', '-r', 'docs', '/tmp/mnt/docs');
  await run('umount', '/tmp/mnt');
  await run('fsck.ext4', '-f', '-n', device());
});

await check('the kernel follows ANA under I/O', async () => {
  await verifiedWhile(6, async () => {
    for (const state of ['non-optimized', 'inaccessible', 'optimized']) {
      await fault('setAna', 1, 1, state);
      await untilPath(first, 'live', state);
    }
  });
});

await check('a port that goes and comes back under I/O', async () => {
  await verifiedWhile(8, async () => {
    await setPort(2, 'closed');
    await untilPath(second, 'connecting');
    await setPort(2, 'open');
    await untilPath(second, 'live', 'optimized');
  });
});

await check('the volume grows', async () => {
  await fault('resizeVolume', 1, 160 * MEBI);
  const size = String(160 * MEBI);
  await until('the new size', async () => (await run('blockdev', '--getsize64', device())).trim() === size, PATIENCE);
});

await check('nvme disconnect, and the array ends in order', async () => {
  await run('nvme', 'disconnect', `--nqn=${SUBNQN}`);
  await until('the end of both controllers', () => controllers(SUBNQN).size === 0, PATIENCE);
  array.kill('SIGTERM');
  const { code, stderr } = await array.ended;
  assert.deepEqual([code, stderr], [0, '']);
});

await check('the kernel complained of nothing but the port that was gone', async () => {
  const lines = (await run('dmesg', '--level=emerg,alert,crit,err,warn')).split('\n');
  // The last one speaks of time, which an emulated guest has no say in; Linux 7 also gives it as 2^32 ms less some minutes.
  const expected =
    /starting error recovery|failed to connect socket|Failed reconnect attempt|Connect command failed|long keepalive RTT/;
  const complaints = lines.filter((line) => /nvme|BUG|WARNING|Call Trace/.test(line) && !expected.test(line));
  assert.deepEqual(complaints, []);
});
