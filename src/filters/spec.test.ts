import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { op } from '../block/request.ts';
import { status } from '../block/status.ts';
import { Bench } from './filter-bench.ts';
import { checkFilters, type FilterSpec, maxFilters, putFilters } from './spec.ts';

describe('filters by name', () => {
  it('stand in the order of the list, and report in it', async () => {
    const bench = new Bench();
    await bench.run(async () => {
      const specs: FilterSpec[] = [
        { kind: 'stats' },
        { kind: 'error', ops: ['read'], count: 1 },
        { kind: 'trace', entries: 2 },
        { kind: 'delay', all: 5 },
      ];
      const { device, report } = putFilters(bench.io, bench.base, specs);
      assert.equal(await bench.request(device, op.read), status.ioError);
      assert.equal(await bench.request(device, op.write), status.ok);
      const reports = report();
      assert.deepEqual(
        reports.map(({ kind }) => kind),
        specs.map(({ kind }) => kind),
      );
      const [stats, error, trace, delay] = reports.map(({ text }) => text);
      assert.match(stats ?? '', /read: 1 requests, 1 failed/);
      assert.match(error ?? '', /^1 failed/);
      // The error filter stands before the trace, so only the write got there.
      assert.match(trace ?? '', /^#0 .* write 0\+4096 .* ok after 5\.\d+ ms$/);
      assert.equal(delay, '0 held now');
    });
  });

  it('are none when none are given', () => {
    const bench = new Bench();
    const { device, report } = putFilters(bench.io, bench.base, []);
    assert.equal(device, bench.base);
    assert.deepEqual(report(), []);
  });

  it('are refused when there are too many, when one is not known, or when one does not take its options', () => {
    const { io, base } = new Bench();
    const many = Array.from({ length: maxFilters + 1 }, (): FilterSpec => ({ kind: 'stats' }));
    assert.throws(() => checkFilters(many), { code: 'invalid-argument', message: /too many/ });
    const unknown = [{ kind: 'toString' }] as unknown as FilterSpec[];
    assert.throws(() => checkFilters(unknown), { code: 'invalid-argument', message: /"toString"/ });
    assert.throws(() => putFilters(io, base, [{ kind: 'delay', all: -1 }]), { code: 'invalid-argument' });
  });
});
