/** An ordinary file system on the kernel device. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { run, shell } from '../support/commands.ts';
import { needs, transports, trial } from '../support/fuse-trial.ts';

const MiB = 1024 * 1024;

for (const transport of transports) {
  const wanted = needs(transport, 'ext4', 'mkfs.ext4', 'fsck.ext4', 'fstrim');
  test(`${transport}: ext4 is made, filled, trimmed and found clean`, wanted, async (context) => {
    const { host, open, directory } = await trial(context, transport, { sizeBytes: 256 * MiB });
    const device = await open();
    const target = `${directory}/mnt`;
    fs.mkdirSync(target);
    await run('mkfs.ext4', '-q', '-E', 'lazy_itable_init=0', device.path);
    await run('mount', device.path, target);
    try {
      await shell(
        `mkdir ${target}/tree && cp -a /usr/include/. ${target}/tree/ 2>/dev/null || cp -a /etc/. ${target}/tree/`,
      );
      await shell(`dd if=/dev/urandom of=${target}/large bs=1M count=64 status=none && sync`);
      const before = await shell(`cd ${target} && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum`);
      await run('umount', target);
      await run('mount', device.path, target);
      const after = await shell(`cd ${target} && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum`);
      assert.equal(after, before);
      await shell(`rm ${target}/large && sync`);
      const zeroes = (await host.workers[0]!.ask({ kind: 'counts' }, 'counts')).counts[4]!;
      await run('fstrim', target);
      const trimmed = (await host.workers[0]!.ask({ kind: 'counts' }, 'counts')).counts[4]!;
      assert.ok(trimmed > zeroes, 'trimming reaches the volume');
    } finally {
      await run('umount', target);
    }
    await run('fsck.ext4', '-f', '-n', device.path);
    await device.detach({ force: false });
  });
}
