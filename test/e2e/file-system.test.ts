/** A file system on the kernel device, over four paths: what is written is what is read, and what is given back is free. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { requires } from '../support/requires.ts';
import { type Scene, withScene } from '../support/scene.ts';
import { makeTree, readTree, treeProgram } from '../support/tree.ts';

const mebi = 2 ** 20;
const block = 4096;
const seed = 20_261_122;
const treeBytes = 210 * mebi;
const fuse = ['root', 'io_uring', 'fuse', 'loop'] as const;

for (const fuseTransport of ['uring', 'classic'] as const) {
  const needs = fuseTransport === 'uring' ? (['fuse-uring'] as const) : [];
  test(
    `a tree of 5,200 files survives ext4 over ${fuseTransport}, and fstrim frees the array's space`,
    requires(...fuse, ...needs, 'ext4', 'mkfs.ext4', 'fsck.ext4', 'fstrim'),
    () =>
      withScene(
        {
          label: `tree-${fuseTransport}`,
          bound: 180_000,
          array: { ports: 4, sizeBytes: 1024 * mebi },
          attach: { kernelDevice: 'fuse', fuseTransport },
        },
        copyTree,
      ),
  );
}

async function copyTree(scene: Scene): Promise<void> {
  const source = path.join(scene.folder, 'source');
  const point = path.join(scene.folder, 'mounted');
  const copy = path.join(point, 'copy');
  makeTree(source, { seed, files: 5_200, bytes: treeBytes });
  const expected = readTree(source);
  assert(expected.length >= 5_200, `the tree has only ${expected.length} entries`);

  await scene.must(60_000, 'mkfs.ext4', '-q', '-F', scene.device);
  const empty = await scene.allocated();
  await scene.mount(point);
  await scene.must(120_000, 'cp', '-a', source, copy);
  await scene.must(60_000, 'sync', '-f', point);
  await dropCaches(scene);

  const before = scene.volume.view().counters.readBytes;
  const found = (await scene.must(120_000, process.execPath, treeProgram, copy)).trimEnd().split('\n');
  assert.deepEqual(found, expected, `the copy differs from its source (seed ${seed})`);
  const read = scene.volume.view().counters.readBytes - before;
  assert(read >= treeBytes, `only ${read} bytes were read over the paths: the caches were not dropped`);
  for (const { id, counters } of scene.volume.view().paths) assert(counters.writes > 0, `nothing went over ${id}`);
  await scene.unmount(point);
  await scene.must(60_000, 'fsck.ext4', '-f', '-n', scene.device);
  const full = await scene.allocated();
  assert(full >= empty + treeBytes, `the array holds ${full} bytes, before the copy ${empty}`);

  await scene.mount(point);
  await scene.must(60_000, 'rm', '-rf', copy);
  await scene.must(60_000, 'sync', '-f', point);
  await scene.must(60_000, 'fstrim', point);
  // What the file system keeps of its own (tables and journal that were touched meanwhile) is far below a tenth.
  const trimmed = await scene.allocated();
  assert(trimmed < empty + treeBytes / 10, `after fstrim the array holds ${trimmed} bytes, when empty ${empty}`);
  await scene.unmount(point);
  await scene.must(60_000, 'fsck.ext4', '-f', '-n', scene.device);
  assert.equal(scene.volume.view().counters.errors, 0);
}

async function dropCaches(scene: Scene): Promise<void> {
  await scene.must(60_000, 'sync');
  await scene.must(60_000, 'sh', '-c', 'echo 3 > /proc/sys/vm/drop_caches');
}

for (const deallocate of ['keep', 'zero'] as const) {
  test(
    `blkdiscard -z reads back as zeroes where Deallocate would ${deallocate} the data`,
    requires(...fuse, 'blkdiscard'),
    () =>
      withScene(
        {
          label: `zero-${deallocate}`,
          bound: 60_000,
          array: { ports: 4, advanced: { volumes: [{ name: 'one', sizeBytes: 64 * mebi, deallocate }] } },
          attach: { kernelDevice: 'fuse' },
        },
        zeroAfterDirtying,
      ),
  );
}

async function zeroAfterDirtying(scene: Scene): Promise<void> {
  const { device } = scene;
  await scene.must(60_000, 'dd', 'if=/dev/urandom', `of=${device}`, 'bs=1M', 'count=64', 'oflag=direct', 'status=none');
  assert.equal(await firstNonZero(scene, 0, mebi), 0, 'the device was not dirtied');
  // A stretch that neither begins nor ends at anything round.
  const from = 3 * mebi + block;
  const length = 41 * mebi + 3 * block;
  await scene.must(60_000, 'blkdiscard', '-z', '-o', String(from), '-l', String(length), device);
  assert.equal(await firstNonZero(scene, from, length), -1, 'bytes of the zeroed stretch are not zero');
  assert.equal(await firstNonZero(scene, from - block, block), 0, 'the block before the stretch was zeroed as well');
  assert.equal(await firstNonZero(scene, from + length, block), 0, 'the block after the stretch was zeroed as well');

  // A plain discard may do anything to its range, but nothing to what lies around it.
  await scene.must(60_000, 'blkdiscard', '-o', String(60 * mebi), '-l', String(mebi), device);
  assert.equal(await firstNonZero(scene, 60 * mebi - block, block), 0, 'the block before a discard was changed');
  assert.equal(await firstNonZero(scene, 61 * mebi, block), 0, 'the block after a discard was changed');

  await scene.must(60_000, 'blkdiscard', '-z', device);
  assert.equal(await firstNonZero(scene, 0, 64 * mebi), -1, 'bytes of the zeroed device are not zero');
  const { writeZeroes, errors } = scene.volume.view().counters;
  assert(writeZeroes > 0, 'no write-zeroes came through');
  assert.equal(errors, 0);
}

/** Where in the range the first byte stands that is not zero, counted from `from`; -1 if there is none. Past all caches. */
async function firstNonZero(scene: Scene, from: number, length: number): Promise<number> {
  const file = path.join(scene.folder, 'read');
  const [skip, count] = [from / block, length / block];
  const copy = [`if=${scene.device}`, `of=${file}`, `bs=${block}`, `skip=${skip}`, `count=${count}`, 'iflag=direct'];
  await scene.must(60_000, 'dd', ...copy, 'status=none');
  const bytes = fs.readFileSync(file);
  assert.equal(bytes.length, length);
  return bytes.equals(Buffer.alloc(length)) ? -1 : bytes.findIndex((byte) => byte !== 0);
}
