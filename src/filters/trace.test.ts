import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { op, requestFlag } from '../block/request.ts';
import { DelayFilter } from './delay.ts';
import { BLOCK, Bench } from './filter-bench.ts';
import { TraceFilter } from './trace.ts';

describe('the trace filter', () => {
  it('remembers the last requests, those under way too', async () => {
    const bench = new Bench();
    await bench.run(async () => {
      const slow = new DelayFilter(bench.io, bench.base, { byOp: { read: 100 } });
      const trace = new TraceFilter(bench.io, slow, { entries: 4 });
      const reading = bench.request(trace, op.read, BLOCK, 2 * BLOCK);
      await bench.request(trace, op.write, 0, BLOCK, requestFlag.fua);
      await bench.request(trace, op.writeZeroes, 0, BLOCK, requestFlag.keepAllocated);
      const lines = trace.dump();
      assert.equal(lines.length, 3);
      assert.match(lines[0]!, /^#0 \d+\.\d{3} ms tag 0 read 4096\+8192 at \d+ under way$/);
      assert.match(lines[1]!, /^#1 .* tag 1 write 0\+4096 at \d+ fua ok after \d\.\d{3} ms$/);
      assert.match(lines[2]!, /^#2 .* tag 2 write-zeroes 0\+4096 at \d+ keep-allocated ok after/);
      await reading;
      assert.match(trace.dump()[0]!, /read 4096\+8192 at \d+ ok after 100\.\d{3} ms$/);
      for (let round = 0; round < 3; round += 1) await bench.request(trace, op.flush);
      const later = trace.dump().map((line) => line.split(' ')[0]);
      assert.deepEqual(later, ['#2', '#3', '#4', '#5']);
    });
  });

  it('lets an answer find its own entry only, however late it comes', async () => {
    const bench = new Bench();
    await bench.run(async () => {
      const slow = new DelayFilter(bench.io, bench.base, { byOp: { read: 100 } });
      const trace = new TraceFilter(bench.io, slow, { entries: 2 });
      const reading = bench.request(trace, op.read);
      await bench.request(trace, op.write);
      await bench.request(trace, op.flush);
      const before = trace.dump();
      await reading;
      assert.deepEqual(trace.dump(), before, 'the read has lost its entry and must not touch that of another');
      const again = bench.request(trace, op.read);
      trace.clear();
      await again;
      assert.deepEqual(trace.dump(), []);
      await bench.request(trace, op.flush);
      assert.equal(trace.dump().length, 1);
    });
  });

  it('refuses sizes that make no sense', () => {
    const { io, base } = new Bench();
    for (const entries of [0, 1.5, 2 ** 21]) {
      assert.throws(() => new TraceFilter(io, base, { entries }), { code: 'invalid-argument' });
    }
  });
});
