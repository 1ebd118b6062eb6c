/** Objects of a program as kernel devices: good ones, and hostile ones. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { attach, type HostEvent, serve, type Served, type ServeOptions, type UserDevice } from '../../src/index.ts';
import { servingNeeds, type Trial, withTrial } from '../support/library-trial.ts';
import { requires } from '../support/requires.ts';
import { until } from '../support/until.ts';

const block = 4096;
const mebi = 2 ** 20;
const needs = requires(...servingNeeds);
/** The kernel looks for partitions at the start and the end; what lies between is the test's alone. */
const middle = 64;

/** A disk in one piece of memory, that counts; methods can be replaced. */
class Disk implements UserDevice {
  readonly sizeBytes = mebi;
  readonly bytes = new Uint8Array(mebi);
  readonly calls: string[] = [];

  read(into: Uint8Array, offset: number): void | Promise<void> {
    this.calls.push(`read ${offset}+${into.length}`);
    into.set(this.bytes.subarray(offset, offset + into.length));
  }

  write(from: Uint8Array, offset: number): void | Promise<void> {
    this.calls.push(`write ${offset}+${from.length}`);
    this.bytes.set(from, offset);
  }
}

async function served(trial: Trial, device: UserDevice, options: Partial<ServeOptions> = {}): Promise<Served> {
  const made = await serve(device, { name: trial.name, ...options });
  trial.atEnd(() => made.close({ force: true }));
  return made;
}

/** Reads or writes one block with dd, past the cache; the errno name that dd met, or `ok`. */
async function touch(trial: Trial, node: string, what: 'read' | 'write', at = middle): Promise<string> {
  const way = what === 'read' ? [`if=${node}`, 'of=/dev/null', `skip=${at}`, 'iflag=direct'] : [];
  const back = what === 'write' ? ['if=/dev/zero', `of=${node}`, `seek=${at}`, 'oflag=direct', 'conv=notrunc'] : [];
  const { code, stderr } = await trial.attempt('dd', 'bs=4096', 'count=1', ...way, ...back);
  if (code === 0) return 'ok';
  for (const [words, name] of [
    ['Input/output error', 'EIO'],
    ['No space left', 'ENOSPC'],
    ['No data available', 'ENODATA'],
    ['Read-only file system', 'EROFS'],
    ['timed out', 'ETIMEDOUT'],
    ['Operation not permitted', 'EPERM'],
  ] as const) {
    if (stderr.includes(words)) return name;
  }
  return stderr;
}

for (const fuseTransport of ['uring', 'classic'] as const) {
  const more = fuseTransport === 'uring' ? (['fuse-uring'] as const) : [];
  test(
    `data, flush, zeroes and size go to the object and back (${fuseTransport})`,
    requires(...servingNeeds, ...more, 'blkdiscard'),
    () =>
      withTrial('object', async (trial) => {
        let flushes = 0;
        const zeroed: string[] = [];
        const disk = Object.assign(new Disk(), {
          blockBytes: 512,
          flush: () => {
            flushes += 1;
          },
          writeZeroes: async (offset: number, length: number) => {
            await Promise.resolve();
            zeroed.push(`${offset}+${length}`);
            disk.bytes.fill(0, offset, offset + length);
          },
        });
        const made = await served(trial, disk, { fuseTransport });
        assert.equal(made.link, `/dev/causeway/${trial.name}`);
        assert.equal(fs.readlinkSync(made.link), made.device);
        const source = path.join(trial.folder, 'data');
        fs.writeFileSync(
          source,
          Buffer.from(Array.from({ length: mebi }, (_unused, at) => (at * 31 + (at >> 12)) % 251)),
        );
        await trial.must('dd', `if=${source}`, `of=${made.device}`, 'bs=128k', 'oflag=direct', 'conv=fsync,notrunc');
        assert.ok(flushes > 0);
        assert.ok(fs.readFileSync(source).equals(disk.bytes));
        await trial.must('cmp', source, made.device);
        await trial.must('blkdiscard', '-z', '-o', '65536', '-l', '131072', made.device);
        assert.deepEqual(zeroed, ['65536+131072']);
        assert.ok(disk.bytes.subarray(65_536, 196_608).every((byte) => byte === 0));
        assert.equal((await trial.must('blockdev', '--getss', '--getsize64', made.device)).trim(), `512\n${mebi}`);
        const { counters, kernelDevice, identity } = made.view();
        assert.ok(counters.writtenBytes >= mebi && counters.readBytes >= mebi && counters.writeZeroes === 1);
        assert.equal(kernelDevice, 'fuse');
        assert.match(identity, /^user\./);
        await made.close();
        await made.close();
        await made.closed;
      }),
  );
}

test('an object without writeZeroes gets zeroes written, and none without write is written to', needs, () =>
  withTrial('least', async (trial) => {
    const disk = new Disk();
    disk.bytes.fill(7);
    const made = await served(trial, disk);
    await trial.must('blkdiscard', '-z', '-o', '262144', '-l', '65536', made.device);
    assert.ok(disk.bytes.subarray(262_144, 327_680).every((byte) => byte === 0));
    assert.equal(disk.bytes[327_680], 7);
    await made.close();

    const reader: UserDevice = { sizeBytes: mebi, read: (into) => void into.fill(5) };
    const readOnly = await served(trial, reader);
    assert.equal((await trial.must('blockdev', '--getro', readOnly.device)).trim(), '1');
    assert.equal(await touch(trial, readOnly.device, 'read'), 'ok');
    assert.notEqual(await touch(trial, readOnly.device, 'write'), 'ok');
    await readOnly.close();

    const forbidden = new Disk();
    const refusing = await served(trial, forbidden, { readOnly: true });
    assert.notEqual(await touch(trial, refusing.device, 'write'), 'ok');
    assert.ok(forbidden.calls.every((call) => call.startsWith('read')));
    await refusing.close();
  }),
);

test('what the object throws is what the application sees, and the program is told', needs, () =>
  withTrial('throwing', async (trial) => {
    let next: unknown = null;
    let how: 'throw' | 'reject' = 'throw';
    const disk = new Disk();
    const failing = (memory: Uint8Array, offset: number): Promise<void> | undefined => {
      if (offset !== middle * block) return undefined;
      memory.fill(1);
      if (how === 'reject') return Promise.reject(next);
      throw next;
    };
    Object.assign(disk, { read: failing, write: failing });
    const made = await served(trial, disk);
    const events: HostEvent[] = [];
    made.onEvent((event) => events.push(event));
    const errors: readonly (readonly [unknown, string])[] = [
      [new Error('plain'), 'EIO'],
      [Object.assign(new Error('lost'), { code: 'ENODATA' }), 'ENODATA'],
      [Object.assign(new Error('full'), { code: 'ENOSPC' }), 'ENOSPC'],
      [Object.assign(new Error('odd'), { code: 'ENOTHING' }), 'EIO'],
      ['text', 'EIO'],
      [undefined, 'EIO'],
      [Object.create(null), 'EIO'],
    ];
    for (const each of ['throw', 'reject'] as const) {
      how = each;
      for (const [error, name] of errors) {
        next = error;
        assert.equal(await touch(trial, made.device, 'read'), name, `${how} ${typeof error}`);
        assert.equal(await touch(trial, made.device, 'write'), name);
      }
    }
    assert.match(events[0]?.message ?? '', /: (read|write) of 4096 bytes at 262144 failed: plain$/);
    assert.ok(events.length < 2 * 2 * errors.length, 'not each one is told');
    // Errors of requests are no reason to end.
    assert.equal(await touch(trial, made.device, 'read', middle + 1), 'ok');
    await made.close();
  }),
);

test('an object cannot reach beyond its own memory, whatever it does with what it is given', needs, () =>
  withTrial('grabbing', async (trial) => {
    const kept: Uint8Array[] = [];
    const thief = new Disk();
    thief.read = (into, offset) => {
      assert.equal(into.byteOffset, 0);
      assert.equal(into.buffer.byteLength, into.length, 'nothing else is in reach');
      assert.ok(
        into.every((byte) => byte === 0),
        'nothing of others is left in it',
      );
      kept.push(into);
      if (offset !== middle * block) into.fill(3);
      else if (into.buffer instanceof ArrayBuffer) structuredClone(into, { transfer: [into.buffer] });
    };
    thief.write = (from) => void kept.push(from);
    const made = await served(trial, thief);
    assert.equal(await touch(trial, made.device, 'read'), 'EIO');
    const out = path.join(trial.folder, 'out');
    await trial.must(
      'dd',
      `if=${made.device}`,
      `of=${out}`,
      'bs=4096',
      'count=1',
      `skip=${middle + 1}`,
      'iflag=direct',
    );
    for (const memory of kept) if (memory.length > 0) memory.fill(0xff);
    assert.ok(fs.readFileSync(out).every((byte) => byte === 3));
    await made.close();
  }),
);

test('a slow object: many requests wait at once, none is lost, and they may be answered in any order', needs, () =>
  withTrial('slow', async (trial) => {
    const disk = new Disk();
    const waiting: (() => void)[] = [];
    let most = 0;
    disk.read = (into, offset) =>
      new Promise((resolve) => {
        waiting.push(() => {
          into.fill((offset / block) % 256);
          resolve();
        });
        most = Math.max(most, waiting.length);
      });
    // The last that came is the first that is answered, some time later.
    const turn = setInterval(() => waiting.pop()?.(), 2);
    trial.atEnd(async () => clearInterval(turn));
    const made = await served(trial, disk);
    const out = path.join(trial.folder, 'out');
    const copies = [0, 1, 2, 3].map((part) =>
      trial.must(
        'dd',
        `if=${made.device}`,
        `of=${out}${part}`,
        'bs=4k',
        'count=32',
        `skip=${part * 64}`,
        'iflag=direct',
      ),
    );
    await Promise.all(copies);
    assert.ok(most >= 3, `only ${most} at once`);
    for (const part of [0, 1, 2, 3]) {
      const read = fs.readFileSync(`${out}${part}`);
      for (let at = 0; at < 32; at += 1) assert.equal(read[at * block], (part * 64 + at) % 256);
    }
    await made.close();
  }),
);

test('an object that never answers: its requests time out if that is wished for', needs, () =>
  withTrial('timeout', async (trial) => {
    const disk = new Disk();
    const answers: (() => void)[] = [];
    disk.read = (into, offset) => {
      if (offset === middle * block) return new Promise((resolve) => answers.push(() => resolve(void into.fill(9))));
      return undefined;
    };
    const made = await served(trial, disk, { requestTimeout: 500 });
    const before = performance.now();
    assert.notEqual(await touch(trial, made.device, 'read'), 'ok');
    assert.ok(performance.now() - before < 10_000);
    for (const answer of answers) answer();
    assert.equal(await touch(trial, made.device, 'read', middle + 1), 'ok');
    await made.close();
    await assert.rejects(served(trial, disk, { requestTimeout: -1 }), { code: 'invalid-argument' });
    await assert.rejects(served(trial, disk, { requestTimeout: Number.NaN }), { code: 'invalid-argument' });
  }),
);

test('an object that never answers is taken away by force, and may answer or fail after that', needs, () =>
  withTrial('never', async (trial) => {
    const disk = new Disk();
    const ends: ((how: 'answer' | 'fail') => void)[] = [];
    disk.read = (into, offset) => {
      if (offset < middle * block || offset > (middle + 8) * block) return;
      return new Promise((resolve, reject) => {
        ends.push((how) => {
          into.fill(9);
          if (how === 'answer') resolve();
          else reject(new Error('after the end'));
        });
      });
    };
    const made = await served(trial, disk);
    const touches = Promise.all([0, 1, 2, 3].map((at) => touch(trial, made.device, 'read', middle + at)));
    await until('the requests to wait', () => ends.length >= 4);
    await assert.rejects(made.close(), { code: 'kernel-device-busy', message: /is in use: .*dd/ });
    assert.equal(made.view().state, 'serving');
    const before = performance.now();
    await made.close({ force: true });
    const took = performance.now() - before;
    assert.ok(took < 10_000, `the end took ${took} ms`);
    assert.ok((await touches).every((outcome) => outcome !== 'ok'));
    for (const [index, end] of ends.entries()) end(index % 2 === 0 ? 'answer' : 'fail');
    await made.closed;
    assert.ok(!fs.existsSync(`/dev/causeway/${trial.name}`));
  }),
);

test('one name, one device; and the name is free again afterwards', needs, () =>
  withTrial('name', async (trial) => {
    const both = [served(trial, new Disk()), served(trial, new Disk())];
    const outcomes = await Promise.allSettled(both);
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    assert.equal(refused.length, 1);
    const reason: unknown = refused[0]?.reason;
    assert.ok(reason instanceof Error && 'code' in reason);
    assert.equal(reason.code, 'device-name-taken');
    const [first] = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    assert.ok(first !== undefined);
    assert.equal(await touch(trial, first.device, 'read'), 'ok', 'the first one does not mind');
    await first.close();
    await (await served(trial, new Disk())).close();
    for (const name of ['', 'Upper', '../up', 'a/b', 'x'.repeat(33), undefined as unknown as string]) {
      await assert.rejects(served(trial, new Disk(), { name }), { code: 'invalid-name' });
    }
    await assert.rejects(served(trial, {} as UserDevice), { code: 'invalid-argument' });
    await assert.rejects(served(trial, new Disk(), { kernelDevice: 'nbd' }), { code: 'kernel-device-unavailable' });
  }),
);

test('a served volume: the direct way, in use while it is served, taken along by force', needs, () =>
  withTrial('volume', async (trial) => {
    const volume = await attach('mem:1m', { name: `${trial.name}-v` });
    trial.atEnd(() => volume.close({ force: true }));
    await volume.write(new Uint8Array(block).fill(8), middle * block);
    const made = await served(trial, volume, { filters: [{ kind: 'stats' }] });
    const out = path.join(trial.folder, 'out');
    await trial.must('dd', `if=${made.device}`, `of=${out}`, 'bs=4096', 'count=1', `skip=${middle}`, 'iflag=direct');
    assert.ok(fs.readFileSync(out).every((byte) => byte === 8));
    assert.equal(await touch(trial, made.device, 'write'), 'ok');
    const back = new Uint8Array(block).fill(1);
    await volume.read(back, middle * block);
    assert.ok(back.every((byte) => byte === 0));
    assert.match((await made.filterReports())[0]?.[0]?.text ?? '', /write: 1 requests/);

    await assert.rejects(volume.close(), { code: 'volume-in-use', message: new RegExp(trial.name) });
    await volume.flush();
    const reader = await served(trial, volume, { name: `${trial.name}-ro`, readOnly: true });
    assert.notEqual(await touch(trial, reader.device, 'write'), 'ok');
    assert.equal(await touch(trial, reader.device, 'read'), 'ok');
    await reader.close();

    const holder = fs.openSync(made.device, 'r');
    await assert.rejects(made.close(), { code: 'kernel-device-busy' });
    await volume.close({ force: true });
    await made.closed;
    fs.closeSync(holder);
    await assert.rejects(served(trial, volume), { code: 'volume-gone' });
  }),
);

test('an object around a volume that is closed meanwhile fails, and ends in order', needs, () =>
  withTrial('around', async (trial) => {
    const volume = await attach('mem:1m', { name: `${trial.name}-v` });
    trial.atEnd(() => volume.close({ force: true }));
    // Nothing but a volume behind another object.
    const around: UserDevice = {
      sizeBytes: volume.sizeBytes,
      read: (into, offset) => volume.read(into, offset),
      write: (from, offset) => volume.write(from, offset),
      flush: () => volume.flush(),
    };
    const made = await served(trial, around);
    assert.equal(await touch(trial, made.device, 'write'), 'ok');
    await volume.close();
    assert.notEqual(await touch(trial, made.device, 'read'), 'ok');
    await made.close({ force: true });
  }),
);

test('filters by option stand in front of the object', needs, () =>
  withTrial('filtered', async (trial) => {
    const disk = new Disk();
    const made = await served(trial, disk, {
      filters: [
        { kind: 'error', status: 'noSpace', ops: ['write'], from: middle * block, to: (middle + 1) * block },
        { kind: 'delay', byOp: { read: 50 } },
      ],
    });
    assert.equal(await touch(trial, made.device, 'write'), 'ENOSPC');
    assert.ok(!disk.calls.includes(`write ${middle * block}+${block}`));
    const before = performance.now();
    assert.equal(await touch(trial, made.device, 'read'), 'ok');
    assert.ok(performance.now() - before >= 50);
    await made.close();
  }),
);
