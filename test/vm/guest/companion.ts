/** The companion node of a device (CUSE), as nvme-cli and hostile callers use it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { openFlag, openPath, closeDescriptor, ioctlBytes, ioctlNumber } from '../../../src/native/descriptors.ts';
import { nvmeIoctl, passthruBytes, passthruCommand } from '../../../src/kernel/cuse/nvme-ioctl.ts';
import { errno } from '../../../src/native/errno.ts';
import { startArray } from '../../../src/demo/array-thread.ts';
import { askDevice } from '../../../src/cli/ask.ts';
import { callControl } from '../../../src/host/control-client.ts';
import { type Ready, type Running, setPatience, startReady } from '../../support/cli.ts';
import { attempt, type Outcome, run } from '../../support/commands.ts';
import { check } from '../harness/check.ts';

const name = 'db';
const node = `/dev/causeway/${name}-nvme`;

setPatience(15 * 60_000);
for (const module of ['cuse', 'fuse', 'loop']) await run('modprobe', module);
const array = await startArray({ ports: 2, sizeBytes: 64 * 2 ** 20 });
const attach = (...words: string[]): Promise<{ running: Running; ready: Ready }> =>
  startReady('attach', array.url, '--name', name, '--kernel-device', 'fuse', ...words);
const { running, ready } = await attach();

const length = (bytes: number) => (view: DataView) => view.setUint32(passthruCommand.dataLen, bytes, true);

const nvme = (...args: string[]): Promise<Outcome> => attempt('nvme', args);
const text = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await nvme(...args);
  assert.equal(code, 0, `nvme ${args.join(' ')}: ${stderr}${stdout}`);
  return stdout;
};
const json = async (...args: string[]): Promise<Record<string, unknown>> =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what it lacks, the checks that use it will tell
  JSON.parse(await text(...args, '--output-format=json')) as Record<string, unknown>;

await check('the node is there, for root alone, and shown', async () => {
  const { mode } = fs.statSync(node);
  assert.equal(mode & 0o777, 0o600);
  assert.ok(fs.statSync(node).isCharacterDevice());
  assert.deepEqual((await askDevice(name)).companion, { path: node, reason: '' });
});

await check('nvme-cli identifies', async () => {
  assert.match(String((await json('id-ctrl', node))['mn']), /^Causeway embedded array/);
  assert.equal((await json('id-ns', node, '-n', '1'))['nsze'], 16384);
  assert.match(await text('id-ns', node), /nsze +: 0x4000/);
  assert.match(await text('get-ns-id', node), /namespace-id: ?1/);
  assert.match(await text('list-ns', node), /0x1/);
  assert.match(await text('ns-descs', node, '-n', '1'), /nguid|uuid/);
});

await check('nvme-cli reads logs and features', async () => {
  assert.equal((await json('smart-log', node))['avail_spare'], 100);
  assert.match(await text('ana-log', node), /optimized/);
  assert.match(await text('error-log', node), /error_count/);
  assert.match(await text('fw-log', node), /1\.0/);
  assert.match(await text('supported-log-pages', node), /SMART/);
  assert.match(await text('get-feature', node, '-f', '7'), /0x0*7/);
});

await check('nvme-cli registers, reserves, reports and releases', async () => {
  assert.notEqual((await nvme('resv-acquire', node, '-n', '1', '--crkey=1', '--rtype=1')).code, 0);
  await text('resv-register', node, '-n', '1', '--nrkey=1', '--rrega=0');
  await text('resv-acquire', node, '-n', '1', '--crkey=1', '--rtype=1', '--racqa=0');
  assert.match(await text('resv-report', node, '-n', '1', '--eds'), /rtype +: 1/);
  await text('resv-release', node, '-n', '1', '--crkey=1', '--rtype=1', '--rrela=0');
  await text('resv-register', node, '-n', '1', '--crkey=1', '--rrega=1');
});

await check('nvme-cli writes and reads through the device', async () => {
  const block = Buffer.alloc(4096, 'over the companion node ');
  fs.writeFileSync('/tmp/in', block);
  await text('write', node, '-s', '3', '-c', '0', '-z', '4096', '-d', '/tmp/in');
  await text('read', node, '-s', '3', '-c', '0', '-z', '4096', '-d', '/tmp/out');
  assert.ok(fs.readFileSync('/tmp/out').equals(block));
  await text('flush', node, '-n', '1');
  await text('write-zeroes', node, '-n', '1', '-s', '3', '-c', '0');
  await text('read', node, '-s', '3', '-c', '0', '-z', '4096', '-d', '/tmp/out');
  assert.ok(fs.readFileSync('/tmp/out').every((byte) => byte === 0));
  await text('dsm', node, '-n', '1', '-d', '-s', '3', '-b', '1');
  // As much as one ioctl carries.
  const blocks = 31;
  await text('read', node, '-s', '0', '-c', String(blocks - 1), '-z', String(blocks * 4096), '-d', '/tmp/out');
  assert.equal(fs.statSync('/tmp/out').size, blocks * 4096);
});

await check('what is dangerous, foreign or not for others is refused', async () => {
  assert.match((await nvme('format', node, '-n', '1', '-f')).stderr, /Permission denied/);
  assert.match((await nvme('set-feature', node, '-f', '6', '-v', '1')).stderr, /Permission denied/);
  assert.match((await nvme('io-passthru', node, '-o', '2', '-n', '2', '-l', '4096', '-r')).stderr, /Invalid argument/);
  assert.match((await nvme('admin-passthru', node, '-o', '0x18')).stderr, /Operation not permitted/);
  assert.notEqual((await nvme('reset', node)).code, 0);
  assert.match((await attempt('cat', [node])).stderr, /Invalid argument/);
});

await check('hostile callers are refused, and nobody else is hurt', async () => {
  const fd = openPath(node, openFlag.readWrite);
  assert.ok(fd >= 0);
  try {
    assert.equal(ioctlNumber(fd, nvmeIoctl.id, 0), 1);
    assert.equal(ioctlNumber(fd, 0x4e44, 0), -errno.ENOTTY);
    assert.equal(ioctlNumber(fd, nvmeIoctl.adminCommand, 0), -14, 'a structure at address 0');
    const call = (set: (view: DataView) => void): number => {
      const bytes = new Uint8Array(passthruBytes);
      const view = new DataView(bytes.buffer);
      view.setUint8(passthruCommand.opcode, 0x06);
      view.setUint32(passthruCommand.cdw10, 1, true);
      set(view);
      return ioctlBytes(fd, nvmeIoctl.adminCommand, bytes);
    };
    assert.equal(call(length(4096)), -14, 'data at address 0');
    assert.equal(call(length(0xffff_ffff)), -errno.EINVAL);
    assert.equal(call(length(128 * 1024)), -errno.EINVAL);
    assert.equal(
      call((view) => view.setUint32(passthruCommand.metadataLen, 8, true)),
      -errno.EINVAL,
    );
    assert.equal(
      call((view) => view.setUint8(passthruCommand.opcode, 0x7f)),
      -errno.EPERM,
    );
    for (let opcode = 0; opcode < 256; opcode += 1) {
      const result = call((view) => view.setUint8(passthruCommand.opcode, opcode));
      assert.ok(result !== -errno.EIO, `opcode ${opcode}`);
    }
  } finally {
    closeDescriptor(fd);
  }
  assert.match(await text('id-ctrl', node), /Causeway embedded array/);
  const { paths } = await askDevice(name);
  assert.deepEqual(
    paths.map(({ state }) => state),
    ['live-optimized', 'live-optimized'],
  );
});

await check('a path fails while ioctls run', async () => {
  const [first] = ready.paths;
  let calls = 0;
  const stop = new AbortController();
  const calling = (async () => {
    for (; !stop.signal.aborted; calls += 1) assert.match(await text('id-ctrl', node), /Causeway embedded array/);
  })();
  await run('sleep', '1');
  await callControl(name, 'path-fail', { path: first?.id ?? '' });
  await run('sleep', '1');
  stop.abort();
  await calling;
  assert.ok(calls > 3, `${calls} calls`);
  await callControl(name, 'path-restore', { path: first?.id ?? '' });
});

await check('the node goes with the device, also while it is open', async () => {
  const fd = openPath(node, openFlag.readWrite);
  running.kill('SIGINT');
  assert.equal((await running.ended).code, 0);
  assert.equal(fs.existsSync(node), false);
  assert.ok(ioctlNumber(fd, nvmeIoctl.id, 0) < 0);
  closeDescriptor(fd);
});

await array.stop();
