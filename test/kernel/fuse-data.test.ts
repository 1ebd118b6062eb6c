/** What is written to the kernel device is what is read from it, and holes are holes; both transports, both blocks. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import { test } from 'node:test';
import { run, shell } from '../support/commands.ts';
import { needs, transports, trial } from '../support/fuse-trial.ts';

const MiB = 1024 * 1024;

function queueValue(device: string, entry: string): number {
  return Number(fs.readFileSync(`/sys/block/${device.slice('/dev/'.length)}/${entry}`, 'utf8'));
}

/** fio: writes random mixed sizes at random places all over the device, then compares checksums; three rounds. */
async function verify(device: string, blockBytes: number): Promise<void> {
  await run(
    'fio',
    '--name=verify',
    `--filename=${device}`,
    '--ioengine=io_uring',
    '--direct=1',
    '--rw=randwrite',
    `--bsrange=${blockBytes}-131072`,
    `--blockalign=${blockBytes}`,
    '--iodepth=32',
    '--serialize_overlap=1',
    '--verify=crc32c',
    '--verify_state_save=0',
    '--verify_fatal=1',
    '--randseed=4711',
    '--loops=3',
  );
}

test('uring: each CPU has its queue, and the queues are spread over the reactors', needs('uring'), async (context) => {
  const { host, open, places } = await trial(context, 'uring', { sizeBytes: 8 * MiB, reactors: 2 });
  await open();
  const reads = async (): Promise<number[]> => {
    const answers = await Promise.all(host.workers.map((worker) => worker.ask({ kind: 'counts' }, 'counts')));
    return answers.map(({ counts }) => counts[0]!);
  };
  for (let cpu = 0; cpu < os.cpus().length; cpu += 1) {
    const before = await reads();
    // The bare file, because a loop device reads from whatever CPU its worker runs on.
    const file = `${places.runtimeDirectory}/trial.volume`;
    await shell(`taskset -c ${cpu} dd if=${file} of=/dev/null bs=4k count=5 iflag=direct status=none`);
    const after = await reads();
    assert.deepEqual(
      after.map((count, reactor) => count - before[reactor]!),
      [cpu % 2 === 0 ? 5 : 0, cpu % 2 === 1 ? 5 : 0],
      `CPU ${cpu}`,
    );
  }
});

for (const transport of transports) {
  for (const blockBytes of [512, 4096]) {
    test(`${transport}, ${blockBytes}-byte blocks: data`, needs(transport, 'fio', 'blkdiscard'), async (context) => {
      const { host, open, directory } = await trial(context, transport, { sizeBytes: 64 * MiB, blockBytes });
      const { path } = await open();
      assert.equal(queueValue(path, 'queue/logical_block_size'), blockBytes);
      assert.equal(queueValue(path, 'loop/dio'), 1);
      assert.equal(queueValue(path, 'size') * 512, 64 * MiB);
      assert.equal(queueValue(path, 'ro'), 0);

      await shell(`dd if=/dev/urandom of=${directory}/data bs=1M count=64 status=none`);
      await shell(`dd if=${directory}/data of=${path} bs=1M oflag=direct status=none`);
      await shell(`dd if=${path} bs=128k iflag=direct status=none | cmp - ${directory}/data`);
      await shell(`dd if=${path} bs=${blockBytes} skip=100 count=333 iflag=direct status=none > ${directory}/part`);
      await shell(`cmp -i ${100 * blockBytes}:0 -n ${333 * blockBytes} ${directory}/data ${directory}/part`);
      // Through the page cache, with a flush at the end.
      await shell(`dd if=${directory}/data of=${path} bs=64k conv=fsync status=none && cmp ${path} ${directory}/data`);

      // Zeroes by command, and a discard: the kernel sends both as a hole, and both have to read as zeroes.
      const start = 16 * blockBytes;
      await shell(`blkdiscard -z -o ${start} -l ${MiB} ${path} && blkdiscard -o ${8 * MiB} -l ${MiB} ${path}`);
      await shell(`cmp -i ${start}:0 -n ${MiB} ${path} /dev/zero && cmp -i ${8 * MiB}:0 -n ${MiB} ${path} /dev/zero`);
      await shell(`cmp -n ${start} ${path} ${directory}/data`);
      const after = start + MiB;
      await shell(`cmp -i ${after} -n ${8 * MiB - after} ${path} ${directory}/data`);

      await verify(path, blockBytes);
      const reactor = host.workers[0];
      const { counts } = await reactor!.ask({ kind: 'counts' }, 'counts');
      assert.ok(counts[2]! > 0, 'flushes');
      assert.equal(counts[3], 0, 'a hole is never a discard');
      assert.ok(counts[4]! >= 2, 'write-zeroes');
    });
  }

  test(`${transport}: two reactors, small payloads, few entries`, needs(transport, 'fio'), async (context) => {
    const { host, open } = await trial(context, transport, { sizeBytes: 64 * MiB, reactors: 2 });
    const { path } = await open({ payloadBytes: 32 * 1024, entriesPerQueue: 2 });
    await verify(path, 512);
    for (const worker of host.workers) {
      assert.ok((await worker.ask({ kind: 'counts' }, 'counts')).largest <= 32 * 1024);
    }
  });

  test(`${transport}: a device that cannot write zeroes`, needs(transport, 'blkdiscard'), async (context) => {
    const { host, open, places } = await trial(context, transport, { sizeBytes: 64 * MiB, withoutWriteZeroes: true });
    const { path } = await open();
    assert.equal(queueValue(path, 'queue/discard_max_bytes'), 0, 'nobody wants a discard that writes');
    await shell(`dd if=/dev/urandom of=${path} bs=1M count=8 oflag=direct status=none`);
    await shell(`blkdiscard -z -o 512 -l 4194304 ${path} && cmp -i 512:0 -n 4194304 ${path} /dev/zero`);
    // A hole in the bare file, which no loop device asks for: it is written.
    const file = `${places.runtimeDirectory}/trial.volume`;
    await shell(`fallocate -n -p -o ${5 * MiB} -l ${2 * MiB} ${file}`);
    await shell(`cmp -i ${5 * MiB}:0 -n ${2 * MiB} ${path} /dev/zero`);
    const { counts } = await host.workers[0]!.ask({ kind: 'counts' }, 'counts');
    assert.deepEqual(counts.slice(3), [0, 0]);
  });

  test(`${transport}: a read-only volume`, needs(transport), async (context) => {
    const { open } = await trial(context, transport, { sizeBytes: 4 * MiB, readOnly: true });
    const { path } = await open();
    assert.equal(queueValue(path, 'ro'), 1);
    await shell(`cmp -n ${4 * MiB} ${path} /dev/zero`);
    await assert.rejects(shell(`dd if=/dev/zero of=${path} bs=4k count=1 oflag=direct status=none`));
  });

  test(`${transport}: partitions are looked for, or not`, needs(transport), async (context) => {
    const { open } = await trial(context, transport, { sizeBytes: 8 * MiB });
    const wanted = await open();
    const unwanted = await open({ name: 'unwanted', partitions: false });
    assert.equal(queueValue(wanted.path, 'loop/partscan'), 1);
    assert.equal(queueValue(unwanted.path, 'loop/partscan'), 0);
    await unwanted.detach({ force: false });
    await wanted.detach({ force: false });
  });

  test(`${transport}: growing and shrinking`, needs(transport), async (context) => {
    const { host, open } = await trial(context, transport, { sizeBytes: 8 * MiB, capacityBytes: 32 * MiB });
    const device = await open();
    await assert.rejects(device.resize(32 * MiB), { code: 'kernel-device-failed' }, 'the volume has not grown');
    await host.all({ kind: 'resize', sizeBytes: 32 * MiB });
    await device.resize(32 * MiB);
    assert.equal(queueValue(device.path, 'size') * 512, 32 * MiB);
    await shell(`dd if=/dev/urandom of=${device.path} bs=1M seek=31 count=1 oflag=direct status=none`);
    await host.all({ kind: 'resize', sizeBytes: 4 * MiB });
    await device.resize(4 * MiB);
    assert.equal(queueValue(device.path, 'size') * 512, 4 * MiB);
    await assert.rejects(shell(`dd if=/dev/zero of=${device.path} bs=1M seek=4 count=1 oflag=direct status=none`));
  });

  test(`${transport}: errors of the volume reach the application`, needs(transport), async (context) => {
    const { host, open } = await trial(context, transport, { sizeBytes: 8 * MiB });
    const { path } = await open();
    const read = `dd if=${path} of=/dev/null bs=4k count=1 iflag=direct status=none`;
    await shell(read);
    await host.all({ kind: 'fail', status: 1 });
    await assert.rejects(shell(read), /Input\/output error/);
    await host.all({ kind: 'fail', status: null });
    await shell(read);
  });
}
