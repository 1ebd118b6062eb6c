import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { CausewayError } from '../base/errors.ts';
import type { KernelHost } from './contract.ts';
import { checkDeviceName, type Places, recordPath } from './places.ts';
import { makeRecord as make, readRecord, removeRecord, type DeviceRecord, withRecords, writeRecord } from './record.ts';
import { claimName, clearName } from './claim.ts';
import type { DeviceOptions } from './driver.ts';
import type { FuseTraces } from './traces.ts';

const host: KernelHost = {
  reactors: 0,
  serve: () => Promise.reject(new Error('nothing is served here')),
  sleep: (milliseconds) =>
    new Promise((resolve) => {
      setTimeout(resolve, milliseconds);
    }),
  now: () => performance.now(),
};

function somewhere(context: TestContext): Places {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'causeway-'));
  context.after(() => fs.rmSync(directory, { recursive: true }));
  return { runtimeDirectory: `${directory}/run`, linkDirectory: `${directory}/links` };
}

const volume = { id: 'uuid.one', sizeBytes: 1 << 20, blockBytes: 512, readOnly: false };

function makeRecord(places: Places, mountPoint = '/nowhere', keeper: FuseTraces['keeper'] = null): DeviceRecord {
  const traces = {
    kind: 'fuse',
    mountPoint,
    source: 'causeway:disk',
    transport: null,
    payloadBytes: 0,
    keeper,
  } as const;
  return make(places, 'disk', volume, false, traces);
}

test('a record is read back as it was written', async (context) => {
  const places = somewhere(context);
  const record = makeRecord(places);
  await withRecords(host, places, () => {
    assert.equal(readRecord(places, 'disk'), null);
    writeRecord(places, record);
    assert.deepEqual(readRecord(places, 'disk'), record);
    writeRecord(places, { ...record, device: '/dev/loop3' });
    assert.deepEqual(readRecord(places, 'disk'), { ...record, device: '/dev/loop3' });
    const kept = makeRecord(places, '/nowhere', { pid: 7, startTime: 8, bootId: 'b', fd: 3 });
    writeRecord(places, kept);
    assert.deepEqual(readRecord(places, 'disk'), kept);
    removeRecord(places, 'disk');
    assert.equal(readRecord(places, 'disk'), null);
    return Promise.resolve();
  });
  assert.deepEqual(fs.readdirSync(places.runtimeDirectory), ['.lock']);
});

test('what is no record is damaged, and is not guessed about', async (context) => {
  const places = somewhere(context);
  fs.mkdirSync(places.runtimeDirectory);
  const good = makeRecord(places);
  const { traces } = good;
  const bad: unknown[] = [
    { ...good, survives: 1 },
    { ...good, handedOver: null },
    { ...good, volume: { ...good.volume, blockBytes: 520 } },
    { ...good, volume: { ...good.volume, sizeBytes: 2 ** 60 } },
    { ...good, traces: { ...traces, kind: 'other' } },
    { ...good, traces: { ...traces, keeper: { pid: 1 } } },
    { ...good, traces: { ...traces, transport: 'pigeon' } },
    null,
    1,
    [],
    {},
    { ...good, version: 1 },
    { ...good, owner: null },
    { ...good, link: 5 },
  ];
  for (const value of [...bad.map((each) => JSON.stringify(each)), '', '{', JSON.stringify(good).slice(0, 40)]) {
    fs.writeFileSync(recordPath(places, 'disk'), value);
    assert.equal(readRecord(places, 'disk'), 'damaged', value);
    await assert.rejects(clearName(host, places, 'disk'), { code: 'kernel-device-failed' });
    assert.ok(fs.existsSync(recordPath(places, 'disk')), 'a damaged record is left for its reader');
  }
});

test('a living owner keeps its name; a dead one loses it', async (context) => {
  const places = somewhere(context);
  fs.mkdirSync(places.runtimeDirectory);
  const mount = path.join(places.runtimeDirectory, 'disk.volume');
  fs.writeFileSync(mount, '');
  const record = makeRecord(places, mount);
  writeRecord(places, record);
  await assert.rejects(clearName(host, places, 'disk'), { code: 'device-name-taken' });
  writeRecord(places, { ...record, owner: { ...record.owner, startTime: record.owner.startTime - 1 } });
  assert.deepEqual(await clearName(host, places, 'disk'), { device: null, held: false });
  assert.deepEqual(fs.readdirSync(places.runtimeDirectory), ['.lock']);
  assert.equal(await clearName(host, places, 'disk'), null);
});

test('a device that waits is taken over for its own volume only', async (context) => {
  const places = somewhere(context);
  fs.mkdirSync(places.runtimeDirectory);
  const living = makeRecord(places);
  const owner = { ...living.owner, startTime: living.owner.startTime - 1 };
  const left = { ...living, owner, survives: true, device: '/dev/loop9999' };
  const options: DeviceOptions = {
    name: 'disk',
    volume: volume.id,
    geometry: {
      sizeBytes: 1 << 21,
      blockBytes: 512,
      physicalBlockBytes: 512,
      maxTransferBytes: 1 << 20,
      readOnly: false,
      volatileCache: false,
      canDiscard: true,
      canWriteZeroes: true,
    },
    survive: true,
    transport: 'auto',
    payloadBytes: 1 << 20,
    entriesPerQueue: 1,
    partitions: true,
  };
  const claim = (change: Partial<DeviceOptions>, kind: 'auto' | 'nbd' = 'auto'): ReturnType<typeof claimName> =>
    claimName(host, places, { ...options, ...change }, kind, living, []);
  const others: readonly [Partial<DeviceOptions>, ('auto' | 'nbd')?][] = [
    [{ volume: 'uuid.two' }],
    [{ geometry: { ...options.geometry, blockBytes: 4096 } }],
    [{ geometry: { ...options.geometry, readOnly: true } }],
    [{}, 'nbd'],
  ];
  for (const [change, kind] of others) {
    writeRecord(places, left);
    await assert.rejects(claim(change, kind), { code: 'kernel-device-left' });
    assert.deepEqual(readRecord(places, 'disk'), left, 'it goes on waiting');
  }
  // Its size may have changed meanwhile.
  const { record, earlier } = await claim({});
  assert.deepEqual({ earlier, owner: record.owner }, { earlier: owner, owner: living.owner });
  assert.deepEqual(readRecord(places, 'disk'), record);
  await assert.rejects(claim({}), { code: 'device-name-taken' });
  // One of an earlier boot went with that, and so did who waited for it.
  writeRecord(places, { ...left, owner: { ...owner, bootId: 'earlier' } });
  assert.equal((await claim({})).earlier, null);
});

test('the lock is held by one at a time', async (context) => {
  const places = somewhere(context);
  const order: string[] = [];
  const work = (name: string) => async (): Promise<void> => {
    order.push(`${name} in`);
    await host.sleep(30);
    order.push(`${name} out`);
  };
  await Promise.all([withRecords(host, places, work('one')), withRecords(host, places, work('two'))]);
  assert.deepEqual(order, ['one in', 'one out', 'two in', 'two out']);
});

test('names that could leave their directory are refused', () => {
  for (const name of ['disk0', 'a', 'A-b_c.d', 'x'.repeat(48)]) checkDeviceName(name);
  for (const name of ['', '.', '..', '../x', 'a/b', '-a', '.lock', 'a b', 'ä', 'x'.repeat(49), 'a\n']) {
    assert.throws(
      () => checkDeviceName(name),
      (error) => error instanceof CausewayError && error.code === 'invalid-argument',
      name,
    );
  }
});
