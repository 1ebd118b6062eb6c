import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BlockDevice } from '../block/device.ts';
import { op } from '../block/request.ts';
import { status } from '../block/status.ts';
import { DelayFilter } from './delay.ts';
import { ErrorFilter } from './error.ts';
import { BLOCK, Bench, SIZE } from './filter-bench.ts';
import { StatsFilter } from './stats.ts';
import { TraceFilter } from './trace.ts';

describe('every filter', () => {
  const makers: Record<string, (bench: Bench) => BlockDevice> = {
    delay: ({ io, base }) => new DelayFilter(io, base, { all: 1, jitter: 1 }),
    error: ({ io, base }) => new ErrorFilter(io, base),
    stats: ({ io, base }) => new StatsFilter(io, base),
    trace: ({ io, base }) => new TraceFilter(io, base, { entries: 3 }),
    'all of them': ({ io, base }) =>
      new TraceFilter(io, new StatsFilter(io, new DelayFilter(io, new ErrorFilter(io, base), { all: 1 }))),
  };
  for (const [name, make] of Object.entries(makers)) {
    it(`is the device behind it, and passes data and every outcome (${name})`, async () => {
      const bench = new Bench();
      await bench.run(async () => {
        const device = make(bench);
        const { memory } = bench.io;
        assert.equal(device.geometry, bench.base.geometry);
        assert.equal(device.identity, bench.base.identity);
        for (let block = 0; block < 20; block += 1) {
          memory.fill(bench.buffer, block + 1, BLOCK);
          assert.equal(await bench.request(device, op.write, block * BLOCK), status.ok);
        }
        memory.fill(bench.buffer, 0, BLOCK);
        assert.equal(await bench.request(device, op.read, 7 * BLOCK), status.ok);
        assert.ok(memory.u8.subarray(bench.buffer, bench.buffer + BLOCK).every((byte) => byte === 8));
        assert.equal(await bench.request(device, op.flush), status.ok);
        assert.equal(await bench.request(device, op.discard, 0, SIZE), status.ok);
        assert.equal(await bench.request(device, op.writeZeroes, 0, SIZE), status.ok);
        assert.equal(await bench.request(device, op.read, SIZE), status.invalid);
        bench.base.submit = (request): void => request.finish(status.mediumError);
        assert.equal(await bench.request(device, op.read), status.mediumError);
        await device.close();
      });
    });
  }
});
