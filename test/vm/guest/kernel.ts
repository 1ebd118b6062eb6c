/** Is the guest what its programs count on? `kernel.js LINE MODULE …` */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import { run } from '../../support/commands.ts';
import { lacking } from '../../support/requires.ts';
import { check } from '../harness/check.ts';

const [line = '', ...modules] = process.argv.slice(2);

await check(`it is Linux ${line}`, () => {
  assert(os.release().startsWith(`${line}.`), os.release());
});

for (const name of modules) {
  await check(`it has the module ${name}`, async () => {
    await run('modprobe', name);
  });
}

await check('it offers what our programs need', () => {
  assert.deepEqual(lacking(['root', 'io_uring', 'fuse', 'loop', 'fio', 'mkfs.ext4', 'fsck.ext4']), []);
});

await check('both processors are there', () => {
  assert.equal(os.availableParallelism(), 2);
});

await check('/tmp is empty, and what is written elsewhere stays in the guest', () => {
  const inProject = process.cwd().startsWith('/tmp/') ? [process.cwd().split('/')[2]] : [];
  assert.deepEqual(fs.readdirSync('/tmp'), inProject);
  fs.writeFileSync('/etc/causeway-was-here', '');
});
