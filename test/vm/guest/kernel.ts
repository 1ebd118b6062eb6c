/** A kernel, and the kinds of kernel device that it offers, in short: `kernel.js LINE KIND …` */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import { run } from '../../support/commands.ts';
import { setPatience } from '../../support/cli.ts';
import { killTrial } from '../../support/kill-trial.ts';
import { lacking } from '../../support/requires.ts';
import { check } from '../harness/check.ts';

// An attached program lives on while a slow guest does other things.
setPatience(900_000);
const mebi = 2 ** 20;
const [line = '', ...kinds] = process.argv.slice(2);
const seed = Number(process.env['CAUSEWAY_SEED'] ?? 1);
/** Beside those of the kinds, which attaching loads. */
const modules = ['nvme-tcp', 'nvmet-tcp', 'null_blk', 'brd', 'loop', 'fuse', 'cuse'];

await check(`it is Linux ${line}, with two processors`, () => {
  assert(os.release().startsWith(`${line}.`), os.release());
  assert.equal(os.availableParallelism(), 2);
});

await check(`it has the modules ${modules.join(', ')}`, async () => {
  await run('modprobe', '-a', ...modules);
});

await check('it offers what our programs need', () => {
  assert.deepEqual(lacking(['root', 'io_uring', 'fuse', 'loop', 'fio', 'mkfs.ext4', 'fsck.ext4']), []);
});

await check('/tmp is empty, and what is written elsewhere stays in the guest', () => {
  const inProject = process.cwd().startsWith('/tmp/') ? [process.cwd().split('/')[2]] : [];
  assert.deepEqual(fs.readdirSync('/tmp'), inProject);
  fs.writeFileSync('/etc/causeway-was-here', '');
});

function digest(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Else the volume would be in quarantine until the guest has been up for a minute: nobody knows what was before. */
const shortFences = ['--keep-alive', '5', '--quiesce-time', '2'];

/** What is written to a file system is read back, past the caches, and the file system is whole. */
async function carriesFiles(device: string): Promise<void> {
  const bytes = randomBytes(3 * mebi);
  await run('mkfs.ext4', '-q', '-F', device);
  await run('mount', device, '/mnt');
  fs.writeFileSync('/mnt/file', bytes);
  await run('sync', '-f', '/mnt');
  await run('umount', '/mnt');
  await run('blockdev', '--flushbufs', device);
  await run('mount', '-o', 'ro', device, '/mnt');
  assert.equal(digest(fs.readFileSync('/mnt/file')), digest(bytes));
  await run('umount', '/mnt');
  await run('fsck.ext4', '-f', '-n', device);
}

for (const kind of kinds) {
  assert(kind === 'ublk' || kind === 'nbd' || kind === 'fuse');
  await check(`${kind}: files, and three kills of its program under verified I/O`, async () => {
    const report = await killTrial({
      kernelDevice: kind,
      kills: 3,
      seed,
      between: 1500,
      sizeBytes: 24 * mebi,
      depth: 8,
      first: carriesFiles,
      words: shortFences,
    });
    console.log(`${kind}: ${JSON.stringify(report)}`);
  });
}
