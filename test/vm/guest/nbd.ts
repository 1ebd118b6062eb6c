/** NBD devices on this kernel. `nbd.js device|file-systems|crash|outage` */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { causeway, setPatience, traces } from '../../support/cli.ts';
import { attempt, run, shell } from '../../support/commands.ts';
import { TestHost } from '../../support/fuse-host.ts';
import { killTrial, stuckTasks } from '../../support/kill-trial.ts';
import { Served } from '../../support/served.ts';
import { until } from '../../support/until.ts';
import { check } from '../harness/check.ts';

setPatience(900_000);
const mebi = 2 ** 20;
const [major = 0, minor = 0] = os.release().split('.').map(Number);
const writesZeroes = major > 6 || (major === 6 && minor >= 12);

async function shellWithin(seconds: number, line: string): Promise<string> {
  const { code, stdout, stderr } = await attempt('sh', ['-ec', line], seconds);
  assert.equal(code, 0, `${line}: ${stderr}${stdout}`);
  return stdout;
}

async function dd(...words: string[]): Promise<void> {
  await shellWithin(300, `dd ${words.join(' ')} status=none`);
}

function checksums(folder: string): Promise<string> {
  return shellWithin(600, `cd ${folder} && find . -type f | LC_ALL=C sort | xargs -d '\\n' sha256sum | sha256sum`);
}

function dmesgSince(mark: string): Promise<string> {
  return shell(`dmesg | sed -n '/${mark}/,$p'`);
}

async function device(): Promise<void> {
  const served = new Served('nbd');
  const volume = '/tmp/volume';
  served.makeFile(volume, 64 * mebi);
  fs.writeFileSync('/tmp/random', Buffer.alloc(16 * mebi));
  await shell('head -c 16M /dev/urandom >/tmp/random');

  await check('a file is served, and the kernel knows what it is', async () => {
    await served.attach();
    const { device: node } = served;
    assert.match(node, /^\/dev\/nbd\d+$/);
    assert.match(served.sysfs('backend'), new RegExp(`^causeway:${served.name}:[0-9a-f-]{36}$`));
    const facts = await run('blockdev', '--getss', '--getsize64', '--getro', node);
    assert.deepEqual(facts.trim().split('\n'), ['4096', String(64 * mebi), '0']);
    assert.ok(Number(served.sysfs('queue/max_sectors_kb')) <= 1024);
    assert.ok(Number(served.sysfs('queue/discard_max_bytes')) > 0);
    assert.equal(Number(served.sysfs('queue/write_zeroes_max_bytes')) > 0, writesZeroes);
    assert.equal(served.sysfs('queue/fua'), '1');
    assert.equal(served.sysfs('queue/write_cache'), 'write back');
  });

  await check('what is written arrives, and is read back', async () => {
    await dd('if=/tmp/random', `of=${served.device}`, 'bs=1M', 'oflag=direct');
    await dd('if=/tmp/random', `of=${served.device}`, 'bs=4k', 'count=64', 'seek=8192', 'oflag=direct', 'conv=fsync');
    await shell(`cmp -n ${16 * mebi} /tmp/random ${volume}`);
    await shell(`cmp -n 262144 -i 0:${32 * mebi} /tmp/random ${volume}`);
    await shellWithin(120, `dd if=${served.device} bs=64k count=256 iflag=direct status=none | cmp - /tmp/random`);
  });

  await check('larger requests than a payload are carried out in pieces', async () => {
    const limit = `/sys/block/${served.device.slice(5)}/queue/max_sectors_kb`;
    const before = fs.readFileSync(limit, 'utf8');
    fs.writeFileSync(limit, '8192');
    await dd('if=/tmp/random', `of=${served.device}`, 'bs=8M', 'seek=3', 'oflag=direct');
    await shellWithin(120, `dd if=${served.device} bs=8M skip=3 count=2 iflag=direct status=none | cmp - /tmp/random`);
    fs.writeFileSync(limit, before);
  });

  await check('discard and zeroes', async () => {
    await shellWithin(120, `blkdiscard -o 0 -l ${8 * mebi} ${served.device}`);
    await shellWithin(120, `blkdiscard -z -o ${8 * mebi} -l ${4 * mebi} ${served.device}`);
    await shell(`cmp -n ${12 * mebi} /dev/zero ${volume}`);
    await shell(`cmp -n ${4 * mebi} -i ${12 * mebi}:${12 * mebi} /tmp/random ${volume}`);
  });

  await check('a partition table is seen, also after the next attach', async () => {
    await shellWithin(120, `printf ',16M\\n,\\n' | sfdisk --quiet --no-reread ${served.device}`);
    await served.detach();
    await served.attach();
    await until('the partitions', () => fs.existsSync(`${served.device}p2`));
    assert.equal((await run('blockdev', '--getsize64', `${served.device}p1`)).trim(), String(16 * mebi));
  });

  await check('a detach is refused while somebody uses it, and nothing changes', async () => {
    const holder = spawn('sh', ['-c', `exec sleep 600 <${served.device}`], { stdio: 'ignore' });
    await sleep(500);
    const refused = await causeway('detach', served.name, '--grace', '1');
    assert.equal(refused.code, 6, refused.stderr);
    assert.match(refused.stderr, /sleep \(pid \d+\)/);
    await dd(`if=${served.device}`, 'of=/dev/null', 'bs=4k', 'count=1', 'iflag=direct');
    holder.kill('SIGKILL');
    await sleep(500);
    await served.detach();
  });

  await check('read-only for good', async () => {
    await served.attach('--read-only');
    assert.equal((await run('blockdev', '--getro', served.device)).trim(), '1');
    assert.notEqual((await attempt('dd', ['if=/dev/zero', `of=${served.device}`, 'bs=4k', 'count=1'])).code, 0);
    await served.detach();
  });

  await check('a process that dies where crashes are not survived: the next start clears up', async () => {
    await served.attach('--fast');
    const before = served.device;
    await served.kill();
    const read = await attempt('dd', [`if=${before}`, 'of=/dev/null', 'bs=4k', 'count=1', 'iflag=direct'], 60);
    assert.equal(read.code, 1, 'users get errors');
    await served.attach();
    await served.detach();
  });

  await served.clearUp();
  await resizeThatWaits();
}

async function fileSystems(): Promise<void> {
  const served = new Served('nbd');
  await served.startArray(400 * mebi);
  await served.attach();
  fs.mkdirSync('/tmp/mnt', { recursive: true });
  const tree = '/usr/share/zoneinfo';
  for (const kind of ['ext4', 'xfs']) {
    await check(`${kind}: a tree is copied while paths come and go, and checked`, async () => {
      const force = kind === 'xfs' ? '-f' : '-F';
      await shellWithin(600, `modprobe ${kind}; mkfs.${kind} -q ${force} ${served.device}`);
      await shellWithin(120, `mount ${served.device} /tmp/mnt`);
      const copied = shellWithin(600, `cp -a ${tree} /tmp/mnt/tree && sync -f /tmp/mnt`);
      for (const port of ['1', '2']) {
        await served.fault('port-close', port);
        await sleep(3000);
        await served.fault('port-open', port);
        await sleep(3000);
      }
      await copied;
      await shellWithin(120, 'umount /tmp/mnt');
      await shellWithin(120, `mount ${served.device} /tmp/mnt`);
      assert.equal(await checksums('/tmp/mnt/tree'), await checksums(tree));
    });

    await check(`${kind}: fstrim, then the file system is whole`, async () => {
      await shellWithin(300, 'rm -rf /tmp/mnt/tree && sync -f /tmp/mnt && fstrim -v /tmp/mnt');
      await shellWithin(120, 'umount /tmp/mnt');
      await shellWithin(300, kind === 'xfs' ? `xfs_repair -n ${served.device}` : `fsck.ext4 -fn ${served.device}`);
    });
  }

  await check('fio reads back what it wrote while paths are lost', async () => {
    const words = ['--name=v', '--thread', `--filename=${served.device}`, '--ioengine=libaio', '--direct=1'];
    const load = ['--rw=randrw', '--bsrange=4k-128k', '--blockalign=4k', '--iodepth=16', '--size=64M'];
    const verify = ['--serialize_overlap=1', '--verify=crc32c', '--verify_backlog=64', '--verify_fatal=1'];
    const rest = ['--verify_state_save=0', '--time_based', '--runtime=40'];
    const fio = attempt('fio', [...words, ...load, ...verify, ...rest], 400);
    for (const port of ['1', '2', '1']) {
      await sleep(4000);
      await served.fault('port-close', port);
      await sleep(4000);
      await served.fault('port-open', port);
    }
    const { code, stdout, stderr } = await fio;
    assert.equal(code, 0, stderr + stdout);
  });

  await check('the device follows the volume, while it is mounted', async () => {
    await shellWithin(300, `mkfs.ext4 -q -F ${served.device} && mount ${served.device} /tmp/mnt`);
    await served.fault('resizeVolume', '1', String(500 * mebi));
    await until('the new size', () => Number(served.sysfs('size')) * 512 === 500 * mebi, 60_000);
    await shellWithin(300, `resize2fs ${served.device}`);
    await shellWithin(120, 'umount /tmp/mnt');
    await shellWithin(300, `fsck.ext4 -fn ${served.device}`);
  });

  await check('the device follows the write protection', async () => {
    const isProtected = async (): Promise<string> => (await run('blockdev', '--getro', served.device)).trim();
    await served.fault('setReadOnly', '1', 'true');
    await until('the protection', async () => (await isProtected()) === '1', 60_000);
    await served.fault('setReadOnly', '1', 'false');
    await until('its end', async () => (await isProtected()) === '0', 60_000);
  });

  await check('a forced detach: who waits gets errors, though no path lives', async () => {
    const { device: node } = served;
    for (const port of ['1', '2']) await served.fault('port-close', port);
    const writes = Array.from({ length: 8 }, (_, place) =>
      attempt('dd', ['if=/dev/zero', `of=${node}`, 'bs=1M', 'count=1', `seek=${place}`, 'oflag=direct'], 200),
    );
    await served.untilInFlight(8);
    const begun = performance.now();
    const forced = await causeway('detach', served.name, '--force');
    assert.equal(forced.code, 0, forced.stderr);
    for (const { code } of await Promise.all(writes)) assert.equal(code, 1);
    console.log(`forced detach took ${Math.round(performance.now() - begun)} ms`);
    assert.deepEqual(traces(served.name), []);
    assert.deepEqual(stuckTasks(), []);
    assert.equal(Number(fs.readFileSync(`/sys/block/${node.slice(5)}/size`, 'utf8')), 0);
  });

  await served.clearUp();
}

async function crash(): Promise<void> {
  await check('killed three times under verified I/O: it goes on without an error', async () => {
    const report = await killTrial({ kernelDevice: 'nbd', kills: 3, seed: 7, between: 15_000 });
    console.log(JSON.stringify(report));
  });

  const served = new Served('nbd');
  await served.startArray(128 * mebi);
  await served.attach();
  await shell('head -c 8M /dev/urandom >/tmp/random');

  await check('all requests that were unanswered when the process died come again', async () => {
    // Nobody answers, so what the kernel sends stays unanswered.
    for (const port of ['1', '2']) await served.fault('port-close', port);
    const count = 24;
    const write = (place: number): ReturnType<typeof attempt> => {
      const words = [`seek=${place}`, `skip=${place}`, 'oflag=direct', 'conv=notrunc'];
      return attempt('dd', ['if=/tmp/random', `of=${served.device}`, 'bs=128k', 'count=1', ...words], 600);
    };
    const writes = Array.from({ length: count }, (_, place) => write(place));
    await served.untilInFlight(count);
    await sleep(2000);
    await served.kill();
    assert.ok(served.inFlight() >= count);
    await sleep(1000);
    for (const port of ['1', '2']) await served.fault('port-open', port);
    const begun = performance.now();
    await served.attach();
    const outcomes = await Promise.all(writes);
    console.log(`the last one was answered ${Math.round(performance.now() - begun)} ms after the next start began`);
    for (const { code, stderr } of outcomes) assert.equal(code, 0, stderr);
    await shellWithin(
      120,
      `dd if=${served.device} bs=128k count=${count} iflag=direct status=none | cmp -n ${count * 131_072} - /tmp/random`,
    );
    assert.equal(served.inFlight(), 0);
  });

  await check('also those that were sent or received in part', async () => {
    // A process that is stopped receives nothing: the kernel sends as much as the socket takes, and no more.
    process.kill(served.pid, 'SIGSTOP');
    const write = (place: number): ReturnType<typeof attempt> => {
      const words = [`seek=${place}`, `skip=${7 - place}`, 'oflag=direct', 'conv=notrunc'];
      return attempt('dd', ['if=/tmp/random', `of=${served.device}`, 'bs=1M', 'count=1', ...words], 600);
    };
    const writes = Array.from({ length: 8 }, (_, place) => write(place));
    await sleep(5000);
    assert.ok(served.inFlight() > 0);
    await served.kill();
    await sleep(1000);
    await served.attach();
    for (const { code, stderr } of await Promise.all(writes)) assert.equal(code, 0, stderr);
    for (let place = 0; place < 8; place += 1) {
      const compare = `dd if=/tmp/random bs=1M skip=${7 - place} count=1 status=none | cmp - /tmp/read`;
      await dd(`if=${served.device}`, 'of=/tmp/read', 'bs=1M', `skip=${place}`, 'count=1', 'iflag=direct');
      await shell(compare);
    }
  });

  await check('what waits for a dead process can be given up: its users get errors', async () => {
    await served.kill();
    const write = attempt('dd', ['if=/tmp/random', `of=${served.device}`, 'bs=4k', 'count=1', 'oflag=direct'], 300);
    // It waits for a connection before it counts as in flight.
    await sleep(5000);
    const given = await causeway('detach', served.name, '--force');
    assert.equal(given.code, 0, given.stderr);
    assert.equal((await write).code, 1);
    assert.deepEqual(traces(served.name), []);
    assert.deepEqual(stuckTasks(), []);
  });

  await check('where a crash is not survived, users get errors soon, also those who wait already', async () => {
    await served.attach('--fast');
    for (const port of ['1', '2']) await served.fault('port-close', port);
    const write = attempt('dd', ['if=/tmp/random', `of=${served.device}`, 'bs=4k', 'count=1', 'oflag=direct'], 300);
    await served.untilInFlight(1);
    const begun = performance.now();
    await served.kill();
    assert.equal((await write).code, 1);
    console.log(`the write failed after ${Math.round(performance.now() - begun)} ms`);
    for (const port of ['1', '2']) await served.fault('port-open', port);
  });

  await check('handed over to the next version under verified I/O', async () => {
    await served.attach();
    const fio = attempt(
      'fio',
      ['--name=v', '--thread', `--filename=${served.device}`, '--ioengine=libaio', '--direct=1', '--rw=randrw']
        .concat(['--bs=8k', '--iodepth=8', '--size=32M', '--serialize_overlap=1', '--verify=crc32c'])
        .concat(['--verify_backlog=64', '--verify_fatal=1', '--verify_state_save=0', '--time_based', '--runtime=40']),
      600,
    );
    await sleep(5000);
    await served.attach('--take-over');
    const { code, stdout, stderr } = await fio;
    assert.equal(code, 0, stderr + stdout);
    await served.detach();
  });

  await served.clearUp();
}

/** Two reactors, so two connections; nothing is answered for longer than the kernel's usual time-out. */
async function outage(): Promise<void> {
  for (const survive of [false, true]) {
    const how = survive ? 'one connection, which survives a crash' : 'two connections';
    await check(`nothing is answered for 90 s, and there is no error: ${how}`, async () => {
      const host = await TestHost.start({ sizeBytes: 64 * mebi, blockBytes: 4096, reactors: 2 });
      const served = await host.open(`outage-${survive}`, { kind: 'nbd', survive });
      assert.equal(served.survives, survive);
      const mark = `outage-${survive}-begins`;
      fs.writeFileSync('/dev/kmsg', mark);
      await host.all({ kind: 'hold', on: true });
      const writes = Array.from({ length: 16 }, (_, place) => {
        const words = [
          'if=/dev/urandom',
          `of=${served.path}`,
          'bs=64k',
          'count=4',
          `seek=${place * 4}`,
          'oflag=direct',
        ];
        return attempt('taskset', ['-c', String(place % 2), 'dd', ...words], 600);
      });
      await sleep(95_000);
      await host.all({ kind: 'hold', on: false });
      for (const { code, stderr } of await Promise.all(writes)) assert.equal(code, 0, stderr);
      const log = await dmesgSince(mark);
      assert.ok(!/timed out|I\/O error|dead/i.test(log), log);
      const counts = await Promise.all(host.workers.map((worker) => worker.ask({ kind: 'counts' }, 'counts')));
      const written = counts.map((each) => each.counts[1] ?? 0);
      console.log(`writes by reactor: ${written.join(', ')}`);
      // None came twice.
      assert.equal(
        written.reduce((sum, count) => sum + count, 0),
        64,
      );
      if (!survive)
        assert.ok(
          written.every((count) => count > 0),
          'both connections carry requests',
        );
      await served.detach({ force: false });
      await host.stop();
    });
  }
}

/** From 6.12 on the kernel waits for every request before it changes the size, and nobody can disconnect meanwhile. */
async function resizeThatWaits(): Promise<void> {
  await check('a change of size that waits for requests does not keep the device from being taken away', async () => {
    const host = await TestHost.start({ sizeBytes: 32 * mebi, capacityBytes: 64 * mebi, blockBytes: 4096 });
    const served = await host.open('resized', { kind: 'nbd', survive: true });
    await host.all({ kind: 'hold', on: true });
    const write = attempt('dd', ['if=/dev/zero', `of=${served.path}`, 'bs=4k', 'count=1', 'oflag=direct'], 300);
    await sleep(5000);
    await host.all({ kind: 'resize', sizeBytes: 64 * mebi });
    const resized = served.resize(64 * mebi).catch(() => {});
    await sleep(10_000);
    const detached = served.detach({ force: true });
    await sleep(2000);
    await host.all({ kind: 'hold', on: false });
    await detached;
    await resized;
    await write;
    assert.deepEqual(traces('resized'), []);
    assert.deepEqual(stuckTasks(), []);
    await host.stop();
  });
}

const groups: Readonly<Record<string, () => Promise<void>>> = {
  device,
  'file-systems': fileSystems,
  crash,
  outage,
  resize: resizeThatWaits,
};
await shell('modprobe nbd');
await groups[process.argv[2] ?? '']?.();
