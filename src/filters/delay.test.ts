import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Op, op } from '../block/request.ts';
import { DelayFilter } from './delay.ts';
import { Bench } from './filter-bench.ts';

/** How long each of many requests was held, in whole milliseconds. */
async function timesOf(worldSeed: number): Promise<number[]> {
  const bench = new Bench(worldSeed);
  const ended: number[] = [];
  await bench.run(async () => {
    const device = new DelayFilter(bench.io, bench.base, { all: 10, jitter: 20, seed: 5 });
    const start = bench.world.now;
    const requests = Array.from({ length: 200 }, async (_, index) => {
      await bench.request(device, op.read);
      ended[index] = Math.floor(bench.world.now - start);
    });
    assert.equal(device.held, 200);
    await Promise.all(requests);
    assert.equal(device.held, 0);
  });
  return ended;
}

describe('the delay filter', () => {
  it('holds each operation for its time, and no longer', async () => {
    const bench = new Bench();
    await bench.run(async () => {
      const device = new DelayFilter(bench.io, bench.base, { all: 5, byOp: { write: 50, flush: 0 } });
      const took = async (operation: Op): Promise<number> => {
        const start = bench.world.now;
        await bench.request(device, operation);
        return bench.world.now - start;
      };
      const read = await took(op.read);
      const write = await took(op.write);
      const flush = await took(op.flush);
      assert.ok(read >= 5 && read < 6 && write >= 50 && write < 51 && flush < 1, `${read}, ${write}, ${flush}`);
      device.set({});
      assert.ok((await took(op.write)) < 1);
    });
  });

  it('spreads the jitter over its whole range, lets requests overtake, and repeats itself by seed', async () => {
    const ended = await timesOf(1);
    assert.ok(Math.min(...ended) >= 10 && Math.max(...ended) <= 30);
    assert.ok(Math.min(...ended) <= 12 && Math.max(...ended) >= 28);
    assert.notDeepEqual(
      ended,
      ended.toSorted((one, other) => one - other),
    );
    const again = await timesOf(2);
    const apart = again.map((time, index) => Math.abs(time - ended[index]!));
    assert.ok(Math.max(...apart) <= 1, 'the same seed held requests for other times');
  });

  it('refuses times that make no sense', () => {
    const { io, base } = new Bench();
    for (const options of [{ all: -1 }, { jitter: Number.NaN }, { byOp: { read: 1e9 } }]) {
      assert.throws(() => new DelayFilter(io, base, options), { code: 'invalid-argument' });
    }
  });
});
