import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { op } from '../block/request.ts';
import { DelayFilter } from './delay.ts';
import { ErrorFilter } from './error.ts';
import { BLOCK, Bench } from './filter-bench.ts';
import { StatsFilter } from './stats.ts';

describe('the stats filter', () => {
  it('counts requests, bytes, failures and times by operation', async () => {
    const bench = new Bench();
    await bench.run(async () => {
      const failing = new ErrorFilter(bench.io, bench.base, { ops: ['discard'] });
      const stats = new StatsFilter(bench.io, new DelayFilter(bench.io, failing, { byOp: { read: 10 } }));
      const reads = [1, 2, 3].map((blocks) => bench.request(stats, op.read, 0, blocks * BLOCK));
      assert.equal(stats.inFlight, 3);
      await Promise.all(reads);
      await bench.request(stats, op.write, 0, BLOCK);
      await bench.request(stats, op.discard, 0, BLOCK);
      assert.equal(stats.inFlight, 0);
      const numbers = (['read', 'write', 'flush', 'discard'] as const).map((name) => {
        const { count, bytes, errors } = stats.of(name);
        return [count, bytes, errors];
      });
      assert.deepEqual(numbers, [
        [3, 6 * BLOCK, 0],
        [1, BLOCK, 0],
        [0, 0, 0],
        [1, 0, 1],
      ]);
      const { latency } = stats.of('read');
      assert.equal(latency.count, 3);
      assert.ok(latency.percentile(50) >= 10e6 && latency.percentile(50) < 11e6);
      assert.match(stats.describe(), /read: 3 requests, 0 failed, 24 KiB; .* p50 10 ms/);
      assert.match(stats.describe(), /discard: 1 requests, 1 failed/);
      stats.clear();
      assert.equal(stats.of('read').count, 0);
    });
  });
});
