/** A volume that its array grows, shrinks, protects from writes, or puts another one in the place of, while it is used. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { HostEvent } from '../../src/host/view.ts';
import { runFio } from '../support/fio.ts';
import { requires } from '../support/requires.ts';
import { type Scene, type SceneOptions, withScene } from '../support/scene.ts';

const mebi = 2 ** 20;
const needs = ['root', 'io_uring', 'fuse', 'loop', 'fio'] as const;
/** How soon the kernel's device has to show a change, milliseconds. */
const soon = 2_000;

function scene(label: string, more: Partial<SceneOptions> = {}): SceneOptions {
  return {
    label,
    bound: 60_000,
    ...more,
    array: { ports: 4, sizeBytes: 64 * mebi, ...more.array },
    attach: { kernelDevice: 'fuse', ...more.attach },
  };
}

/** Waits until the kernel's device has this size, and says how long that took. */
async function hasSize(it: Scene, bytes: number): Promise<number> {
  const entry = path.join('/sys/block', path.basename(it.device), 'size');
  const took = await it.until(soon, 'the new size', () => Number(fs.readFileSync(entry, 'utf8')) * 512 === bytes);
  assert.equal(Number(await it.must(5_000, 'blockdev', '--getsize64', it.device)), bytes);
  return took;
}

function isProtected(it: Scene): boolean {
  return fs.readFileSync(path.join('/sys/block', path.basename(it.device), 'ro'), 'utf8').trim() === '1';
}

function changes(it: Scene, event: HostEvent['event'] = 'volume-changed'): string[] {
  return it.events.filter((one) => one.event === event).map(({ message }) => message);
}

/** Writes a piece, or reads it, past all caches. */
function dd(it: Scene, how: 'write' | 'read', megabyte: number): Promise<{ code: number | null; err: string }> {
  const ends = how === 'write' ? ['if=/dev/zero', `of=${it.device}`] : [`if=${it.device}`, 'of=/dev/null'];
  const place = how === 'write' ? [`seek=${megabyte}`, 'oflag=direct'] : [`skip=${megabyte}`, 'iflag=direct'];
  return it.run(10_000, 'dd', ...ends, 'bs=1M', 'count=1', 'conv=notrunc', ...place);
}

test(
  'a volume grows under verified I/O, and XFS on it while it is mounted',
  requires(...needs, 'fuse-uring', 'xfs', 'mkfs.xfs'),
  (t) =>
    withScene(
      scene('grow-uring', {
        host: { reactors: 2 },
        array: { sizeBytes: 320 * mebi },
        attach: { fuseTransport: 'uring' },
      }),
      (it) =>
        growUnderLoad(
          it,
          (text) => t.diagnostic(text),
          ['mkfs.xfs', '-q'],
          async (point) => {
            await it.must(20_000, 'xfs_growfs', point);
          },
        ),
    ),
);

test(
  'a volume grows under verified I/O over the classic transport, and ext4 on it after it',
  requires(...needs, 'ext4', 'mkfs.ext4', 'resize2fs', 'fsck.ext4'),
  (t) =>
    withScene(scene('grow-classic', { array: { sizeBytes: 320 * mebi }, attach: { fuseTransport: 'classic' } }), (it) =>
      growUnderLoad(
        it,
        (text) => t.diagnostic(text),
        ['mkfs.ext4', '-q', '-F'],
        async (point) => {
          // With the file system mounted it takes a right that not every root has (CAP_SYS_RESOURCE).
          await it.unmount(point);
          await it.must(20_000, 'fsck.ext4', '-f', '-p', it.device);
          await it.must(20_000, 'resize2fs', it.device);
          await it.mount(point);
        },
      ),
    ),
);

async function growUnderLoad(
  it: Scene,
  tell: (text: string) => void,
  mkfs: readonly [string, ...string[]],
  grow: (point: string) => Promise<void>,
): Promise<void> {
  const point = path.join(it.folder, 'mounted');
  const [program, ...args] = mkfs;
  await it.must(30_000, program, ...args, it.device);
  await it.mount(point);
  const before = fs.statfsSync(point).blocks;
  const job = { seed: 20_261_201, seconds: 6, bytes: 24 * mebi, file: path.join(point, 'verified') };
  const load = runFio(it, job);
  load.catch(() => undefined);
  await it.until(10_000, 'the load', () => it.volume.view().counters.writes > 500);
  await it.array.fault('resizeVolume', [1, 960 * mebi]);
  const took = await hasSize(it, 960 * mebi);
  tell(`the kernel's device has grown after ${Math.round(took)} ms`);
  assert.equal((await dd(it, 'read', 959)).code, 0, 'the end can be read while others write');
  if (program === 'mkfs.xfs') await grow(point);
  const { error, ioErrors, text } = await load;
  assert.deepEqual({ error, ioErrors }, { error: 0, ioErrors: 0 }, text);
  if (program !== 'mkfs.xfs') await grow(point);
  assert(fs.statfsSync(point).blocks > before * 2.5, 'the file system has not grown');

  // What is new is used: more than there was room for before.
  const large = { ...job, seconds: 4, bytes: 400 * mebi, blocks: '128k-1m', file: path.join(point, 'large') };
  const { error: lateError, ioErrors: lateErrors, text: lateText } = await runFio(it, large);
  assert.deepEqual([lateError, lateErrors], [0, 0], lateText);
  const { sizeBytes, counters, notes, paths } = it.volume.view();
  assert.deepEqual([sizeBytes, counters.errors, notes], [960 * mebi, 0, []]);
  for (const { state, losses } of paths) assert.deepEqual([state, losses], ['live-optimized', 0]);
  assert.deepEqual(changes(it), [`${it.name} grew from 320 MiB to 960 MiB`]);
  const event = it.events.find((one) => one.event === 'volume-changed');
  assert.deepEqual([event?.sizeBefore, event?.sizeBytes], [320 * mebi, 960 * mebi]);
  await it.unmount(point);
}

test('a path that is down while the volume grows comes back to the larger device', requires(...needs), () =>
  withScene(scene('grow-down'), async (it) => {
    await it.array.setPort(0, 'closed');
    await it.until(5_000, 'the loss', () => it.volume.view().paths[0]?.state === 'down');
    await it.array.fault('resizeVolume', [1, 128 * mebi]);
    await hasSize(it, 128 * mebi);
    await it.array.setPort(0, 'open');
    await it.until(10_000, 'its return', () => it.volume.view().paths[0]?.state === 'live-optimized');
    for (const port of [1, 2, 3]) await it.array.setPort(port, 'closed');
    await it.until(
      5_000,
      'the losses',
      () => it.volume.view().paths.filter(({ state }) => state === 'down').length === 3,
    );
    assert.equal((await dd(it, 'write', 127)).code, 0);
    assert.equal(it.volume.view().counters.errors, 0);
  }),
);

test('a volume that shrinks goes on with what is left, and says what is lost', requires(...needs), () =>
  withScene(scene('shrink', { host: { reactors: 2 } }), async (it) => {
    assert.equal((await dd(it, 'write', 40)).code, 0);
    await it.array.fault('resizeVolume', [1, 32 * mebi]);
    await hasSize(it, 32 * mebi);
    for (const how of ['write', 'read'] as const) {
      assert.equal((await dd(it, how, 31)).code, 0, `${how} within`);
    }
    assert.notEqual((await dd(it, 'write', 40)).code, 0, 'a write beyond the end');
    const said = changes(it).find((message) => message.includes('shrank'));
    assert.equal(said, `${it.name} shrank from 64 MiB to 32 MiB: what lay beyond is lost, and requests to it fail`);
    for (const { state } of it.volume.view().paths) assert.equal(state, 'live-optimized');
    await it.array.fault('resizeVolume', [1, 64 * mebi]);
    await hasSize(it, 64 * mebi);
    assert.equal((await dd(it, 'write', 40)).code, 0);
  }),
);

test('a volume that its array protects is read-only, and writable again after it', requires(...needs), () =>
  withScene(scene('protect', { host: { reactors: 2 } }), async (it) => {
    assert.equal((await dd(it, 'write', 1)).code, 0);
    await it.array.fault('setReadOnly', [1, true]);
    await it.until(soon, 'the protection', () => isProtected(it));
    const refused = await dd(it, 'write', 1);
    assert.notEqual(refused.code, 0);
    assert.match(refused.err, /not permitted|denied|Read-only/);
    assert.equal((await dd(it, 'read', 1)).code, 0);
    assert.equal(it.volume.view().readOnly, true);
    for (const { state } of it.volume.view().paths) assert.equal(state, 'live-optimized');

    await it.array.fault('setReadOnly', [1, false]);
    await it.until(soon, 'its end', () => !isProtected(it));
    assert.equal((await dd(it, 'write', 1)).code, 0);
    assert.deepEqual(changes(it).slice(-2), [
      `${it.name} is read-only now: its array protects it from writes`,
      `${it.name} is writable again`,
    ]);
  }),
);

test(
  'a volume that is protected when it is attached becomes writable; one attached read-only stays so',
  requires(...needs),
  () =>
    withScene(scene('protected'), async (it) => {
      await it.detach();
      await it.array.fault('setReadOnly', [1, true]);
      await it.attach(it.array.url, { kernelDevice: 'fuse' });
      assert.equal(isProtected(it), true);
      assert.notEqual((await dd(it, 'write', 1)).code, 0);
      await it.array.fault('setReadOnly', [1, false]);
      await it.until(soon, 'the end of protection', () => !isProtected(it));
      assert.equal((await dd(it, 'write', 1)).code, 0);

      await it.detach();
      await it.attach(it.array.url, { kernelDevice: 'fuse', readOnly: true });
      await it.array.fault('setReadOnly', [1, true]);
      await it.array.fault('setReadOnly', [1, false]);
      await it.array.fault('resizeVolume', [1, 128 * mebi]);
      await hasSize(it, 128 * mebi);
      assert.equal((await dd(it, 'read', 127)).code, 0);
      assert.equal(isProtected(it), true);
      assert.notEqual((await dd(it, 'write', 1)).code, 0);
    }),
);

test('writes on their way to a volume that becomes protected end as the array says', requires(...needs), () =>
  withScene(scene('protect-late'), async (it) => {
    // Executed late, so that they are with the array when it changes its mind.
    for (let port = 1; port <= 4; port += 1)
      await it.array.fault('delayExecution', [port, { milliseconds: 500, writesOnly: true }]);
    const write = dd(it, 'write', 1);
    await it.until(5_000, 'the write', () => it.volume.view().paths.some(({ counters }) => counters.inFlight > 0));
    await it.array.fault('setReadOnly', [1, true]);
    const { code, err } = await write;
    const { errors, retries } = it.volume.view().counters;
    // The array decides whether it is too late; what it refuses is not tried elsewhere.
    assert.equal(retries, 0);
    assert.equal(code !== 0, errors > 0, err);
    await it.until(soon, 'the protection', () => isProtected(it));
  }),
);

test('another volume under the same address is refused, loudly, until the right one is back', requires(...needs), () =>
  withScene(scene('replace', { host: { reactors: 2 } }), async (it) => {
    const right = { nsid: 1, name: 'volume-1', sizeBytes: 64 * mebi };
    await it.array.fault('removeVolume', [1]);
    await it.until(5_000, 'the removal', () => it.volume.view().paths.every(({ state }) => state === 'removed'));
    await it.array.fault('addVolume', [{ ...right, name: 'another' }]);
    const reason = /another volume is there now, nguid\.[0-9a-f]{32} instead of nguid\.[0-9a-f]{32}/;
    await it.until(5_000, 'word of it', () => it.volume.view().paths.every((one) => reason.test(one.reason)));
    const told = it.events.filter(({ event }) => event === 'volume-replaced');
    assert.deepEqual(new Set(told.map(({ path: id }) => id)).size, 4);
    assert.equal(told.length, 4, 'told once of each path');
    for (const { code, message } of told) {
      assert.equal(code, 'volume-replaced');
      assert.match(message, reason);
    }
    const write = dd(it, 'write', 3);
    await it.until(5_000, 'the write that waits', () => it.volume.view().counters.waiting > 0);
    assert.equal(await it.allocated(), 0, 'the other volume was written to');
    await it.array.fault('removeVolume', [1]);
    await it.array.fault('addVolume', [right]);
    await it.until(10_000, 'its return', () => it.volume.view().paths.every(({ state }) => state === 'live-optimized'));
    assert.equal((await write).code, 0);
    assert.equal(it.volume.view().counters.errors, 0);
  }),
);
