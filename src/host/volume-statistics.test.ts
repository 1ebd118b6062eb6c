import assert from 'node:assert/strict';
import { test } from 'node:test';
import { op, type Op, Request } from '../block/request.ts';
import { status } from '../block/status.ts';
import { Part, verdict } from '../fabric/contract.ts';
import { outcome } from '../fabric/nvme-tcp/status.ts';
import { World } from '../io/sim/world.ts';
import { DeviceStatistics } from '../multipath/statistics.ts';
import { PathHistory } from './path-history.ts';
import { sumCounters } from './volume-counters.ts';
import { viewStatistics } from './volume-statistics.ts';

const pathIds = ['a:1', 'b:1'];

/** A part of `length` bytes came back over the path. */
function count(reactor: DeviceStatistics, path: number, operation: Op, took: number, failure = 0): void {
  const part = new Part(0);
  part.op = operation;
  part.length = 4096;
  part.outcome = failure;
  part.verdict = failure === 0 ? verdict.ok : verdict.failed;
  reactor.countPart(part, DeviceStatistics.pathBase(path), took, 0);
}

function view(reactors: readonly DeviceStatistics[]): ReturnType<typeof viewStatistics> {
  const paths = pathIds.map((id, index) => {
    return { id, index, history: new PathHistory('live-optimized', { date: 0, clock: 0 }) };
  });
  return viewStatistics(reactors, paths, { date: 1000, clock: 1000 });
}

test('reactors are added up: latencies of each path, and how commands failed there, by name', () => {
  const [one, other] = [new DeviceStatistics(), new DeviceStatistics()];
  count(one, 0, op.read, 0.1);
  count(other, 0, op.read, 3);
  count(other, 0, op.write, 2, outcome.connectionLost);
  count(one, 0, op.flush, 50, 0x302);
  count(other, 0, op.discard, 50, 0x302);
  const [first, second] = view([one, other]).paths;
  assert.ok(first && second);
  const { reads, writes } = first.latency;
  assert.deepEqual([reads.count, reads.sum, reads.mean, reads.max], [2, 3100, 1550, 3000]);
  assert.deepEqual([reads.p50, reads.p99, reads.buckets.length], [112, 3000, 2]);
  assert.deepEqual([writes.count, writes.max], [1, 2000]);
  assert.deepEqual(first.outcomes, [
    { outcome: 'ana-inaccessible', count: 2 },
    { outcome: 'connection-lost', count: 1 },
  ]);
  assert.deepEqual([second.id, second.latency.reads.count, second.outcomes], ['b:1', 0, []]);
  assert.deepEqual(second.history.time, { 'live-optimized': 1000 });
});

test('outcomes beyond those that a path tells apart are others, and the sum is kept', () => {
  const reactor = new DeviceStatistics();
  for (let code = 1; code <= 20; code += 1) count(reactor, 1, op.read, 1, code);
  const outcomes = view([reactor]).paths[1]?.outcomes ?? [];
  assert.deepEqual(outcomes[0], { outcome: 'others', count: 9 });
  assert.equal(
    outcomes.reduce((sum, each) => sum + each.count, 0),
    20,
  );
});

test('requests of a device: latencies, errors by status, and the same sums as its counters', () => {
  const [one, other] = [new DeviceStatistics(), new DeviceStatistics()];
  const request = new Request(new World({ seed: 1 }).io('host'), 0);
  const end = (reactor: DeviceStatistics, operation: Op, how: number, took: number): void => {
    request.op = operation;
    request.length = 8192;
    reactor.countRequest(request, how, took);
  };
  end(one, op.read, status.ok, 1);
  end(one, op.read, status.mediumError, 2);
  end(other, op.read, status.mediumError, 4);
  end(other, op.write, status.timedOut, 8);
  end(other, op.flush, status.ioError, 16);
  const { errors, latency } = view([one, other]);
  assert.deepEqual(errors, [
    { status: 'medium-error', count: 2 },
    { status: 'io-error', count: 1 },
    { status: 'timed-out', count: 1 },
  ]);
  assert.deepEqual([latency.reads.count, latency.reads.max, latency.writes.count], [3, 4000, 1]);
  const counters = sumCounters([one, other], [0, 0], 0);
  assert.deepEqual([counters.errors, counters.reads, counters.readBytes], [4, 3, 3 * 8192]);
  assert.deepEqual([counters.latencySum, counters.latencyMax], [15_000, 8000]);
});
