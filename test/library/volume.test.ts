/** An attached volume as a program uses it, without a kernel device. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { attach, type HostEvent, startArray, type Volume } from '../../src/index.ts';
import { withTrial } from '../support/library-trial.ts';
import { requires } from '../support/requires.ts';
import { until } from '../support/until.ts';

const block = 4096;
const mebi = 2 ** 20;
const needs = requires('root', 'io_uring');

async function withVolume(url: string, label: string, body: (volume: Volume) => Promise<void>): Promise<void> {
  await withTrial(label, async (trial) => {
    const volume = await attach(url, { name: trial.name });
    trial.atEnd(() => volume.close({ force: true }));
    await body(volume);
    await volume.close();
  });
}

function filled(length: number, byte: number): Uint8Array {
  return new Uint8Array(length).fill(byte);
}

test('a memory volume does what the model does', needs, () =>
  withVolume('mem:4m', 'model', async (volume) => {
    const model = new Uint8Array(volume.sizeBytes);
    const step = fc.record({
      what: fc.constantFrom('read', 'write', 'write', 'zero', 'discard', 'flush'),
      block: fc.nat({ max: 1023 }),
      // More than a request takes, and more than there are slots for when several are under way.
      blocks: fc.integer({ min: 0, max: 700 }),
      byte: fc.integer({ min: 1, max: 255 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        for (const { what, block: at, blocks, byte } of steps) {
          const offset = at * block;
          const length = Math.min(blocks * block, volume.sizeBytes - offset);
          if (what === 'write') {
            await volume.write(filled(length, byte), offset);
            model.fill(byte, offset, offset + length);
          } else if (what === 'zero' || what === 'discard') {
            if (what === 'zero') await volume.writeZeroes(offset, length);
            else await volume.discard(offset, length);
            model.fill(0, offset, offset + length);
          } else if (what === 'read') {
            const into = filled(length, 7);
            await volume.read(into, offset);
            assert.ok(Buffer.from(into).equals(model.subarray(offset, offset + length)));
          } else {
            await volume.flush();
          }
        }
        const whole = new Uint8Array(volume.sizeBytes);
        await volume.read(whole, 0);
        assert.ok(Buffer.from(whole).equals(model));
      }),
      { numRuns: 25 },
    );
  }),
);

test('any number of calls may be under way at once', needs, () =>
  withVolume('mem:64m', 'many', async (volume) => {
    const work: Promise<void>[] = [];
    for (let at = 0; at < 200; at += 1) work.push(volume.write(filled(64 * block, at + 1), at * 64 * block));
    await Promise.all(work);
    const buffers = Array.from({ length: 200 }, () => new Uint8Array(64 * block));
    await Promise.all(buffers.map((into, at) => volume.read(into, at * 64 * block)));
    for (const [at, into] of buffers.entries()) assert.ok(into.every((byte) => byte === (at + 1) % 256));
    assert.equal(volume.view().counters.writes, 200);
    assert.equal(volume.view().counters.readBytes, 200 * 64 * block);
  }),
);

test('wrong requests are refused as a whole, with a code', needs, () =>
  withVolume('mem:1m', 'wrong', async (volume) => {
    await volume.write(filled(mebi, 5), 0);
    const odd: readonly (readonly [number, number])[] = [
      [1, block],
      [0, 100],
      [-block, block],
      [mebi, block],
      [mebi - block, 2 * block],
      [0, 2 * mebi],
      [0.5, block],
      [Number.NaN, block],
      [2 ** 53, block],
    ];
    for (const [offset, length] of odd) {
      const wrong = { code: 'invalid-request' };
      await assert.rejects(volume.write(filled(length, 9), offset), wrong, `write ${offset}+${length}`);
      await assert.rejects(volume.read(new Uint8Array(length), offset), wrong);
      await assert.rejects(volume.discard(offset, length), wrong);
      await assert.rejects(volume.writeZeroes(offset, length), wrong);
    }
    for (const length of [Number.NaN, -block, 2 ** 53, '4096' as unknown as number]) {
      await assert.rejects(volume.discard(0, length), { code: 'invalid-request' });
    }
    const noMemory = 'text' as unknown as Uint8Array;
    await assert.rejects(volume.read(noMemory, 0), { code: 'invalid-argument' });
    await assert.rejects(volume.write(new Float64Array(512) as unknown as Uint8Array, 0), { code: 'invalid-argument' });
    const whole = new Uint8Array(mebi);
    await volume.read(whole, 0);
    assert.ok(whole.every((byte) => byte === 5));
    await volume.read(new Uint8Array(0), mebi);
  }),
);

test('memory that is given away meanwhile is an error of that call alone', needs, () =>
  withVolume('mem:8m', 'away', async (volume) => {
    const into = new Uint8Array(4 * mebi);
    const reading = volume.read(into, 0);
    structuredClone(into, { transfer: [into.buffer] });
    await assert.rejects(reading, { code: 'invalid-argument', message: /given away/ });
    const after = filled(block, 9);
    await volume.read(after, 0);
    assert.ok(after.every((byte) => byte === 0));
  }),
);

test('a read-only volume is not written to', needs, () =>
  withTrial('read-only', async (trial) => {
    const volume = await attach('mem:1m', { name: trial.name, readOnly: true });
    trial.atEnd(() => volume.close());
    assert.ok(volume.readOnly);
    const refused = { code: 'read-only' };
    await assert.rejects(volume.write(filled(block, 1), 0), refused);
    await assert.rejects(volume.discard(0, block), refused);
    await assert.rejects(volume.writeZeroes(0, block), refused);
    await volume.read(new Uint8Array(block), 0);
  }),
);

test('filters act, and report', needs, () =>
  withTrial('filters', async (trial) => {
    const volume = await attach('mem:1m', {
      name: trial.name,
      filters: [{ kind: 'stats' }, { kind: 'error', status: 'mediumError', ops: ['read'], from: 8192, to: 8193 }],
    });
    trial.atEnd(() => volume.close());
    await volume.write(filled(block, 1), 8192);
    await assert.rejects(volume.read(new Uint8Array(block), 8192), {
      code: 'medium-error',
      message: `read of 4096 bytes at 8192 of ${trial.name} failed: medium-error`,
    });
    const [reports] = await volume.filterReports();
    assert.deepEqual(
      reports?.map(({ kind }) => kind),
      ['stats', 'error'],
    );
    assert.match(reports?.[0]?.text ?? '', /read: 1 requests, 1 failed/);
    assert.equal(volume.view().counters.errors, 0, 'the volume itself failed nothing');
    await assert.rejects(attach('mem:1m', { filters: [{ kind: 'delay', all: -1 }] }), { code: 'invalid-argument' });
    const unknown = [{ kind: 'magic' }] as unknown as [{ kind: 'stats' }];
    await assert.rejects(attach('mem:1m', { filters: unknown }), { code: 'invalid-argument' });
  }),
);

test('what cannot be attached is an error with a code, and leaves nothing', needs, () =>
  withTrial('cannot', async (trial) => {
    const bad: readonly (readonly [unknown, string])[] = [
      ['', 'bad-url'],
      ['http://127.0.0.1/', 'bad-url'],
      [[], 'bad-url'],
      [['mem:1m', 'mem:1m'], 'bad-url'],
      [42, 'bad-url'],
      [['mem:1m', 42], 'bad-url'],
      ['mem:1 apple', 'invalid-size'],
      ['mem:1000', 'invalid-argument'],
      [`file:${trial.folder}/none`, 'file-open'],
      ['nvme+tcp://127.0.0.1:1/nqn.2014-08.org.example:none', 'nvme-unreachable'],
    ];
    for (const [urls, code] of bad) {
      const attaching = attach(urls as string, { name: trial.name, timeout: 2_000 });
      await assert.rejects(attaching, { name: 'CausewayError', code }, JSON.stringify(urls));
    }
    await assert.rejects(attach('mem:1m', { name: 'Not A Name' }), { code: 'invalid-name' });
  }),
);

test('a closed volume is gone, closing twice is once, and the host comes and goes with its users', needs, () =>
  withTrial('closed', async (trial) => {
    await Promise.all(
      [1, 2, 3, 4, 5].map(async (number) => {
        const volume = await attach('mem:1m', { name: `${trial.name}-${number}` });
        trial.atEnd(() => volume.close({ force: true }));
        const written = volume.write(filled(block, number), 0);
        const closed = volume.close();
        await written;
        await assert.rejects(volume.read(new Uint8Array(block), 0), { code: 'volume-gone' });
        await assert.rejects(volume.flush(), { code: 'volume-gone' });
        await Promise.all([closed, volume.close(), volume.close({ force: true })]);
        await using again = await attach('mem:1m');
        assert.match(again.name, /^volume-\d+$/);
      }),
    );
  }),
);

test('over four paths: one fails and comes back, the program is told, and no call notices', needs, () =>
  withTrial('paths', async (trial) => {
    const array = await startArray({ ports: 4, sizeBytes: 64 * mebi });
    trial.atEnd(() => array.stop());
    const volume = await attach(array.url, { name: trial.name });
    trial.atEnd(() => volume.close({ force: true }));
    const events: HostEvent[] = [];
    const stop = volume.onEvent((event) => events.push(event));
    const paths = volume.view().paths;
    assert.equal(paths.length, 4);
    const [first] = paths;
    assert.ok(first !== undefined);

    const enough = new AbortController();
    const load = (async () => {
      for (let round = 0; !enough.signal.aborted; round += 1) {
        const data = filled(16 * block, (round % 255) + 1);
        await volume.write(data, 0);
        const back = new Uint8Array(data.length);
        await volume.read(back, 0);
        assert.ok(Buffer.from(back).equals(data));
      }
    })();
    const stateOf = (id: string): string | undefined => volume.view().paths.find((path) => path.id === id)?.state;
    await volume.failPath(first.id);
    await until('the path to be out of use', () => stateOf(first.id) === 'disabled');
    await volume.restorePath(first.id);
    await until('the path to be back', () => stateOf(first.id) === 'live-optimized');
    await array.setPort(1, 'closed');
    await until('the second path to be down', () => volume.view().paths[1]?.state !== 'live-optimized');
    await array.setPort(1, 'open');
    await until('the second path to be back', () => volume.view().paths[1]?.state === 'live-optimized', 30_000);

    await volume.setPolicy({ selector: 'weighted', weights: { [first.id]: 3 }, noPathRetry: 60_000 });
    const set = volume.view();
    assert.deepEqual([set.selector, set.noPathRetry, set.paths[0]?.weight], ['weighted', 60_000, 3]);
    await assert.rejects(volume.setPolicy({ ghostWrites: 'none' }), { code: 'invalid-argument' });
    await assert.rejects(volume.setPolicy({ weights: { nowhere: 3 } }), { code: 'no-such-path' });
    // @ts-expect-error -- types do not hold everybody back
    await assert.rejects(volume.setPolicy({ keepAlive: 5 }), { code: 'invalid-argument' });
    await volume.setPolicy({ ghostWrites: 'none' }, { acceptStaleData: true });
    await volume.setPolicy({ ghostWrites: 'quarantine' });
    await volume.removePath(first.id);
    assert.equal(stateOf(first.id), undefined);
    await assert.rejects(volume.addPath(set.paths[1]!.id), { code: 'path-exists' });
    assert.equal(await volume.addPath(first.id), first.id);
    await until('the path to be there again', () => stateOf(first.id) === 'live-optimized');
    assert.equal(volume.view().paths.find(({ id }) => id === first.id)?.weight, 1, 'the weight of the path that went');
    enough.abort();
    await load;
    await assert.rejects(volume.failPath('10.1.2.3:4420'), { code: 'no-such-path' });
    for (const { id } of volume.view().paths.slice(1)) await volume.removePath(id);
    await assert.rejects(volume.removePath('1'), { code: 'last-path' });
    assert.ok(
      events.some(({ event, path, state }) => event === 'path-state' && path === first.id && state === 'disabled'),
    );
    assert.ok(events.every(({ device }) => device === trial.name));
    stop();
    const count = events.length;
    await volume.close();
    assert.equal(events.length, count, 'nobody listens any more');
  }),
);

test('closing while all paths are down is bounded: what waits ends with an error', needs, () =>
  withTrial('down', async (trial) => {
    const array = await startArray({ ports: 2, sizeBytes: 16 * mebi });
    trial.atEnd(() => array.stop());
    const volume = await attach(array.url, { name: trial.name });
    trial.atEnd(() => volume.close({ force: true }));
    await volume.write(filled(block, 1), 0);
    for (const index of [0, 1]) await array.setPort(index, 'closed');
    await until('all paths to be down', () => volume.view().paths.every(({ state }) => !state.startsWith('live')));
    const waiting = volume.read(new Uint8Array(block), 0);
    const failing = assert.rejects(waiting, { code: 'no-path' });
    await until('the read to wait', () => volume.view().counters.waiting === 1);
    const before = performance.now();
    await volume.close({ force: true });
    assert.ok(performance.now() - before < 10_000);
    await failing;
  }),
);

test('a volume that is attached is not attached a second time', needs, () =>
  withTrial('twice', async (trial) => {
    const array = await startArray({ ports: 1, sizeBytes: 16 * mebi });
    trial.atEnd(() => array.stop());
    const volume = await attach(array.url, { name: trial.name });
    trial.atEnd(() => volume.close());
    await assert.rejects(attach(array.url, { name: `${trial.name}-b` }), { code: 'volume-attached' });
    await volume.read(new Uint8Array(block), 0);
  }),
);
