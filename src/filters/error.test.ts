import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { op } from '../block/request.ts';
import { type Status, status } from '../block/status.ts';
import { ErrorFilter } from './error.ts';
import { BLOCK, Bench } from './filter-bench.ts';

/** What becomes of many requests of which a quarter is to fail. */
async function outcomesOf(): Promise<Status[]> {
  const bench = new Bench();
  const outcomes: Status[] = [];
  await bench.run(async () => {
    const device = new ErrorFilter(bench.io, bench.base, { rate: 0.25, seed: 11 });
    for (let round = 0; round < 1000; round += 1) outcomes.push(await bench.request(device, op.flush));
    assert.equal(outcomes.filter((outcome) => outcome === status.ioError).length, device.injected);
    assert.ok(device.injected > 200 && device.injected < 300, `${device.injected} of 1000 failed`);
  });
  return outcomes;
}

describe('the error filter', () => {
  it('fails what matches by operation, range, skip and count, and nothing else', async () => {
    const bench = new Bench();
    await bench.run(async () => {
      const rule = { status: 'noSpace', ops: ['write'], from: BLOCK, to: 3 * BLOCK, skip: 1, count: 2 } as const;
      const device = new ErrorFilter(bench.io, bench.base, rule);
      const outcomes: Status[] = [];
      const write = async (block: number, blocks = 1): Promise<void> => {
        outcomes.push(await bench.request(device, op.write, block * BLOCK, blocks * BLOCK));
      };
      await write(0); // in front of the range
      await write(3); // behind it
      await write(1); // skipped
      await write(0, 2); // touches it
      outcomes.push(await bench.request(device, op.read, BLOCK));
      outcomes.push(await bench.request(device, op.flush));
      await write(2);
      await write(2); // the count is used up
      const { ok, noSpace } = status;
      assert.deepEqual(outcomes, [ok, ok, ok, noSpace, ok, ok, noSpace, ok]);
      assert.equal(device.injected, 2);
      assert.equal(bench.reached.length, 6, 'a request that failed must not reach the device');
    });
  });

  it('fails the share that it is told to, and the same requests for the same seed', async () => {
    assert.deepEqual(await outcomesOf(), await outcomesOf());
  });

  it('can carry a write out and fail it nevertheless', async () => {
    const bench = new Bench();
    await bench.run(async () => {
      const device = new ErrorFilter(bench.io, bench.base, { when: 'after', ops: ['write'], status: 'timedOut' });
      bench.io.memory.fill(bench.buffer, 77, BLOCK);
      assert.equal(await bench.request(device, op.write), status.timedOut);
      bench.io.memory.fill(bench.buffer, 0, BLOCK);
      assert.equal(await bench.request(device, op.read), status.ok);
      assert.equal(bench.io.memory.u8[bench.buffer], 77);
      device.clear();
      assert.equal(await bench.request(device, op.write), status.ok);
      assert.equal(device.injected, 1);
    });
  });

  it('refuses rules that make no sense', () => {
    const { io, base } = new Bench();
    for (const options of [{ rate: 1.5 }, { rate: Number.NaN }, { from: 10, to: 10 }, { count: -1 }, { skip: -1 }]) {
      assert.throws(() => new ErrorFilter(io, base, options), { code: 'invalid-argument' });
    }
  });
});
