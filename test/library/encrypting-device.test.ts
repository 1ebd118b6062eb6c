/** The example: a file system over an encrypting device over a volume of the array, which sees ciphertext only. */
import assert from 'node:assert/strict';
import { createCipheriv, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { EncryptingDevice } from '../../examples/encrypting-device.ts';
import { attach, serve, type Served, startArray, type Volume } from '../../src/index.ts';
import { servingNeeds, type Trial, withTrial } from '../support/library-trial.ts';
import { requires } from '../support/requires.ts';
import { makeTree, treeProgram } from '../support/tree.ts';

const block = 4096;
const mebi = 2 ** 20;
const seed = 20_261_124;
const plaintext = Buffer.from('This is what nobody on the way may read. ');

async function open(trial: Trial): Promise<Volume> {
  const array = await startArray({ ports: 2, sizeBytes: 128 * mebi });
  trial.atEnd(() => array.stop());
  const volume = await attach(array.url, { name: trial.name });
  trial.atEnd(() => volume.close({ force: true }));
  return volume;
}

async function serveEncrypted(trial: Trial, volume: Volume, key: Uint8Array): Promise<Served> {
  const served = await serve(new EncryptingDevice(volume, key), { name: trial.name });
  trial.atEnd(() => served.close({ force: true }));
  return served;
}

/** The whole volume, as the array has it. */
async function whole(volume: Volume): Promise<Buffer> {
  const bytes = Buffer.alloc(volume.sizeBytes);
  await volume.read(bytes, 0);
  return bytes;
}

test(
  'what is written is encrypted below, block by block, and is there again with the same key only',
  requires(...servingNeeds),
  () =>
    withTrial('crypt', async (trial) => {
      const volume = await open(trial);
      const key = randomBytes(64);
      const served = await serveEncrypted(trial, volume, key);
      const text = path.join(trial.folder, 'text');
      fs.writeFileSync(text, Buffer.alloc(mebi, plaintext));
      await trial.must(
        'dd',
        `if=${text}`,
        `of=${served.device}`,
        'bs=64k',
        'seek=16',
        'oflag=direct',
        'conv=notrunc,fsync',
      );
      await trial.must('cmp', '-n', String(mebi), '-i', `0:${mebi}`, text, served.device);

      const below = await whole(volume);
      assert.equal(below.indexOf(plaintext), -1);
      const tweak = Buffer.alloc(16);
      tweak.writeUInt32LE(mebi / block + 3);
      const cipher = createCipheriv('aes-256-xts', key, tweak);
      const expected = cipher.update(fs.readFileSync(text).subarray(3 * block, 4 * block));
      assert.ok(below.subarray(mebi + 3 * block, mebi + 4 * block).equals(expected));
      const equalBlocks = below
        .subarray(mebi, mebi + block)
        .equals(below.subarray(mebi + 41 * block, mebi + 42 * block));
      assert.ok(!equalBlocks, 'the same text in another place looks different');
      await served.close();

      const again = await serveEncrypted(trial, volume, key);
      await trial.must('cmp', '-n', String(mebi), '-i', `0:${mebi}`, text, again.device);
      await again.close();
      const other = await serveEncrypted(trial, volume, randomBytes(64));
      const { code } = await trial.attempt('cmp', '-n', String(mebi), '-i', `0:${mebi}`, text, other.device);
      assert.equal(code, 1);
      await other.close();
    }),
);

test(
  'it carries a file system over the array, and nothing of it can be read there',
  requires(...servingNeeds, 'ext4', 'mkfs.ext4', 'fsck.ext4'),
  () =>
    withTrial('cryptfs', async (trial) => {
      const volume = await open(trial);
      const served = await serveEncrypted(trial, volume, randomBytes(64));
      const point = path.join(trial.folder, 'mounted');
      const source = path.join(trial.folder, 'source');
      fs.mkdirSync(point);
      makeTree(source, { seed, files: 200, bytes: 20 * mebi });
      fs.writeFileSync(path.join(source, 'secret'), Buffer.alloc(mebi, plaintext));
      await trial.must('mkfs.ext4', '-q', '-F', served.device);
      await trial.must('mount', served.device, point);
      trial.atEnd(() => trial.attempt('umount', '-l', point));
      await trial.must('cp', '-a', source, path.join(point, 'copy'));
      await trial.must('sync', '-f', point);
      await trial.must('sh', '-c', 'echo 3 > /proc/sys/vm/drop_caches');
      // Read by another process: this one serves the device.
      const found = await trial.must(process.execPath, treeProgram, path.join(point, 'copy'));
      assert.equal(found, await trial.must(process.execPath, treeProgram, source), `seed ${seed}`);
      await trial.must('umount', point);
      await trial.must('fsck.ext4', '-f', '-n', served.device);
      const below = await whole(volume);
      assert.equal(below.indexOf(plaintext), -1);
      assert.equal(below.indexOf('lost+found'), -1);
      await served.close();
    }),
);
