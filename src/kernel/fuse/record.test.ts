import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { CausewayError } from '../../base/errors.ts';
import type { KernelHost } from '../contract.ts';
import { checkDeviceName, type Places, recordPath } from './places.ts';
import { makeRecord, readRecord, removeRecord, withRecords, writeRecord } from './record.ts';
import { recoverName } from './recover.ts';

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

test('a record is read back as it was written', async (context) => {
  const places = somewhere(context);
  const record = makeRecord(places, 'disk', 'causeway:disk', '/nowhere');
  await withRecords(host, places, () => {
    assert.equal(readRecord(places, 'disk'), null);
    writeRecord(places, record);
    assert.deepEqual(readRecord(places, 'disk'), record);
    writeRecord(places, { ...record, device: '/dev/loop3' });
    assert.deepEqual(readRecord(places, 'disk'), { ...record, device: '/dev/loop3' });
    removeRecord(places, 'disk');
    assert.equal(readRecord(places, 'disk'), null);
    return Promise.resolve();
  });
  assert.deepEqual(fs.readdirSync(places.runtimeDirectory), ['.lock']);
});

test('what is no record is damaged, and is not guessed about', async (context) => {
  const places = somewhere(context);
  fs.mkdirSync(places.runtimeDirectory);
  const good = makeRecord(places, 'disk', 'causeway:disk', '/nowhere');
  const bad: unknown[] = [null, 1, [], {}, { ...good, version: 2 }, { ...good, owner: null }, { ...good, link: 5 }];
  for (const value of [...bad.map((each) => JSON.stringify(each)), '', '{', JSON.stringify(good).slice(0, 40)]) {
    fs.writeFileSync(recordPath(places, 'disk'), value);
    assert.equal(readRecord(places, 'disk'), 'damaged', value);
    await assert.rejects(recoverName(host, places, 'disk'), { code: 'kernel-device-failed' });
    assert.ok(fs.existsSync(recordPath(places, 'disk')), 'a damaged record is left for its reader');
  }
});

test('a living owner keeps its name; a dead one loses it', async (context) => {
  const places = somewhere(context);
  fs.mkdirSync(places.runtimeDirectory);
  const mount = path.join(places.runtimeDirectory, 'disk.volume');
  fs.writeFileSync(mount, '');
  const record = makeRecord(places, 'disk', 'causeway:disk', mount);
  writeRecord(places, record);
  await assert.rejects(recoverName(host, places, 'disk'), { code: 'device-name-taken' });
  writeRecord(places, { ...record, owner: { ...record.owner, startTime: record.owner.startTime - 1 } });
  assert.deepEqual(await recoverName(host, places, 'disk'), { device: null, held: false });
  assert.deepEqual(fs.readdirSync(places.runtimeDirectory), []);
  assert.equal(await recoverName(host, places, 'disk'), null);
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
