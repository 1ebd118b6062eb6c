/** What is counted is exact: nothing is counted twice, nothing is left out. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Latencies } from '../base/latencies.ts';
import { op, type Op } from '../block/request.ts';
import { type Status, status, statusName } from '../block/status.ts';
import { verdict } from '../fabric/contract.ts';
import { type Bench, bench, ghost, KIB, lose, lostRead } from './bench.test.support.ts';
import { addOutcomes } from './outcome-table.ts';
import {
  deviceCounter,
  deviceLatencies,
  DeviceStatistics,
  pathCounter,
  pathLatencies,
  pathOutcomes,
} from './statistics.ts';

const paths = 3;

/** What happened, counted by the test: by operation, by outcome, by status. */
class Tally {
  readonly byOp = new Map<Op, { count: number; bytes: number; longest: number; total: number }>();
  readonly byResult = new Map<number, number>();
  retries = 0;

  add(operation: Op, bytes: number, took: number): void {
    const before = this.byOp.get(operation) ?? { count: 0, bytes: 0, longest: 0, total: 0 };
    const longest = Math.max(before.longest, took);
    this.byOp.set(operation, {
      count: before.count + 1,
      bytes: before.bytes + bytes,
      longest,
      total: before.total + took,
    });
  }

  failed(result: number): void {
    this.byResult.set(result, (this.byResult.get(result) ?? 0) + 1);
  }

  /** Of the operations from this one to that one. */
  sum(from: Op, to: Op, what: 'count' | 'bytes' | 'total'): number {
    let sum = 0;
    for (const [operation, of] of this.byOp) if (operation >= from && operation <= to) sum += of[what];
    return sum;
  }

  get failures(): number {
    return [...this.byResult.values()].reduce((sum, one) => sum + one, 0);
  }
}

interface Step {
  readonly path: number;
  readonly what: 'start' | 'good' | 'medium' | 'elsewhere' | 'lose' | 'open' | 'pass';
  readonly op: Op;
  readonly block: number;
  readonly time: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  path: fc.nat(paths - 1),
  what: fc.constantFrom(
    'start',
    'start',
    'start',
    'good',
    'good',
    'good',
    'medium',
    'elsewhere',
    'lose',
    'open',
    'pass',
  ),
  op: fc.constantFrom(op.read, op.write, op.discard, op.writeZeroes),
  block: fc.nat(40),
  time: fc.nat(20),
});

/** Outcomes of no protocol in particular. */
const outcomes = { medium: 0x281, elsewhere: 0x300, lost: 0x901 };

class Trial {
  readonly one: Bench;
  readonly device = new Tally();
  readonly paths = Array.from({ length: paths }, () => new Tally());
  readonly #begun: { at: number; op: Op; length: number }[] = [];
  #ended = 0;

  /** @param hedgeShare of 100 reads, how many may be sent a second time */
  constructor(hedgeShare: number) {
    this.one = bench(paths, { hedgeShare, hedgeAfter: 5 });
  }

  get #now(): number {
    return this.one.world.now;
  }

  async do({ path, what, op: operation, block, time }: Step): Promise<void> {
    const { one } = this;
    const on = one.paths[path]!;
    switch (what) {
      case 'start': {
        const length = (1 + (block % 5)) * 64 * KIB;
        this.#begun.push({ at: this.#now, op: operation, length });
        const request = one.start(operation, block * 64 * KIB, length);
        request.startedAt = this.#now;
        break;
      }
      case 'good':
        if (on.taken.length > 0) this.#answer(path, verdict.ok);
        break;
      case 'medium':
        if (on.taken.length > 0) this.#answer(path, verdict.failed, status.mediumError, outcomes.medium);
        break;
      case 'elsewhere':
        if (on.taken.length > 0)
          this.#answer(path, verdict.failed | verdict.retryElsewhere, status.ioError, outcomes.elsewhere);
        break;
      case 'lose':
        this.#lose(path);
        break;
      case 'open':
        this.#open(path);
        break;
      case 'pass':
    }
    await this.#pass(what === 'pass' ? time : 0);
  }

  #answer(path: number, bits: number, blockStatus: Status = status.ok, outcome = 0): void {
    this.#came(path, 1, bits, outcome);
    this.one.paths[path]!.answer(bits, blockStatus);
  }

  #lose(path: number): void {
    this.#came(path, this.one.paths[path]!.taken.length, lostRead, outcomes.lost);
    lose(this.one, path, ghost);
  }

  #open(path: number): void {
    const on = this.one.paths[path]!;
    if (on.open) return;
    on.open = true;
    on.epoch += 1;
    this.one.device.fenced(path, on.epoch - 1);
    this.one.device.pathChanged(path);
  }

  /** The oldest parts of the path are about to come back. */
  #came(path: number, count: number, bits: number, outcome: number): void {
    const tally = this.paths[path]!;
    for (const part of this.one.paths[path]!.taken.slice(0, count)) {
      tally.add(part.op, part.length, this.#now - part.startedAt);
      part.outcome = outcome;
      if (bits === verdict.ok) continue;
      tally.failed(outcome);
      if ((bits & verdict.retryElsewhere) !== 0) tally.retries += 1;
    }
  }

  /** Time passes. What ended did so before that: nothing but an answer ends a request here, though word of it comes later. */
  async #pass(milliseconds: number): Promise<void> {
    const ended = this.#now;
    await this.one.settle(milliseconds);
    for (; this.#ended < this.one.ended.length; this.#ended += 1) {
      const [tag, how] = this.one.ended[this.#ended]!;
      const { at, op: operation, length } = this.#begun[tag]!;
      this.device.add(operation, length, ended - at);
      if (how !== status.ok) this.device.failed(how);
    }
  }

  /** Everything is well, and all requests end. */
  async finish(): Promise<void> {
    for (let tries = 0; tries < 200 && this.one.ended.length < this.#begun.length; tries += 1) {
      for (let path = 0; path < paths; path += 1) {
        this.#open(path);
        while (this.one.paths[path]!.taken.length > 0) this.#answer(path, verdict.ok);
      }
      // What was refused over and over is left alone for a second.
      await this.#pass(tries < 20 ? 1 : 1500);
    }
    assert.equal(this.one.ended.length, this.#begun.length, 'every request ended');
  }
}

function close(found: number, expected: number): void {
  assert.ok(Math.abs(found - expected) <= 1e-6 * (1 + Math.abs(expected)), `${found} is not ${expected}`);
}

function checkLatencies({ counters }: DeviceStatistics, at: number, tally: Tally, operation: Op): void {
  const latencies = new Latencies();
  latencies.add(counters, at);
  const { count = 0, total = 0, longest = 0 } = tally.byOp.get(operation) ?? {};
  assert.equal(latencies.count, count);
  close(latencies.sum, total * 1000);
  close(latencies.max, longest * 1000);
}

function checkPath(statistics: DeviceStatistics, index: number, tally: Tally): void {
  const base = DeviceStatistics.pathBase(index);
  const get = (counter: number): number => statistics.get(base + counter);
  assert.deepEqual(
    [get(pathCounter.reads), get(pathCounter.writes), get(pathCounter.others)],
    [tally.sum(0, 0, 'count'), tally.sum(1, 1, 'count'), tally.sum(2, 4, 'count')],
  );
  assert.deepEqual(
    [get(pathCounter.readBytes), get(pathCounter.writtenBytes), get(pathCounter.otherBytes)],
    [tally.sum(0, 0, 'bytes'), tally.sum(1, 1, 'bytes'), tally.sum(2, 4, 'bytes')],
  );
  close(get(pathCounter.otherLatencySum), tally.sum(2, 4, 'total'));
  assert.equal(get(pathCounter.errors), tally.failures);
  const counted = new Map<number, number>();
  addOutcomes(statistics.counters, base + pathOutcomes, counted);
  assert.deepEqual(counted, tally.byResult);
  checkLatencies(statistics, base + pathLatencies.reads, tally, op.read);
  checkLatencies(statistics, base + pathLatencies.writes, tally, op.write);
}

function checkDevice(statistics: DeviceStatistics, { device, paths: tallies }: Trial): void {
  for (const operation of [op.read, op.write, op.discard, op.writeZeroes]) {
    assert.equal(statistics.get(operation), device.byOp.get(operation)?.count ?? 0);
  }
  assert.equal(statistics.get(deviceCounter.readBytes), device.sum(0, 0, 'bytes'));
  assert.equal(statistics.get(deviceCounter.writtenBytes), device.sum(1, 1, 'bytes'));
  assert.equal(statistics.get(deviceCounter.errors), device.failures);
  for (const how of statusName.keys()) {
    assert.equal(statistics.get(deviceCounter.errorsByStatus + how), device.byResult.get(how) ?? 0, statusName[how]);
  }
  const { retries, hedges, hedgesWon, hedgesLost } = deviceCounter;
  const onPaths = (which: number): number =>
    tallies.reduce((sum, _tally, index) => sum + statistics.get(DeviceStatistics.pathBase(index) + which), 0);
  assert.equal(statistics.get(retries), onPaths(pathCounter.retries));
  assert.equal(statistics.get(hedges), onPaths(pathCounter.hedges));
  assert.equal(statistics.get(hedgesWon), onPaths(pathCounter.hedgesWon));
  assert.equal(statistics.get(hedgesLost), onPaths(pathCounter.hedgesLost));
  assert.deepEqual([statistics.get(deviceCounter.gated), statistics.get(deviceCounter.held)], [0, 0]);
  checkLatencies(statistics, deviceLatencies.reads, device, op.read);
  checkLatencies(statistics, deviceLatencies.writes, device, op.write);
}

describe('statistics', () => {
  for (const hedgeShare of [0, 100]) {
    it(`count every request and every part once, with ${hedgeShare} % hedged reads, whatever becomes of them`, async () => {
      const seen = { failures: 0, retries: 0, hedges: 0 };
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
          const trial = new Trial(hedgeShare);
          for (const one of steps) await trial.do(one);
          await trial.finish();
          const { statistics } = trial.one.device;
          checkDevice(statistics, trial);
          for (const [index, tally] of trial.paths.entries()) {
            checkPath(statistics, index, tally);
            const retries = statistics.get(DeviceStatistics.pathBase(index) + pathCounter.retries);
            // A read whose hedge is under way need not be sent again, and a hedge never is.
            if (hedgeShare === 0) assert.equal(retries, tally.retries);
            else assert.ok(retries <= tally.retries);
          }
          seen.failures += trial.device.failures;
          seen.retries += statistics.get(deviceCounter.retries);
          seen.hedges += statistics.get(deviceCounter.hedges);
        }),
        { numRuns: 60, seed: 1 },
      );
      const { failures, retries, hedges } = seen;
      assert.ok(failures > 50 && retries > 50, `${failures} failures, ${retries} retries: too few to prove anything`);
      assert.ok(hedgeShare === 0 ? hedges === 0 : hedges > 50, `${hedges} hedges`);
    });
  }

  it('of writes kept waiting by a quarantine: how many, how long, and a wait is one however often it is looked at', async () => {
    const one = bench(2);
    const { statistics } = one.device;
    one.start(op.write, 0, 4096);
    const lost = one.paths.findIndex((path) => path.taken.length > 0);
    const other = one.paths[1 - lost]!;
    lose(one, lost, ghost);
    other.answerAll();
    await one.settle(100);
    one.start(op.write, 0, 4096);
    await one.settle(30);
    one.start(op.write, 0, 8192);
    // The fence of another life lets them look again, for nothing.
    one.device.fenced(lost, 0);
    await one.settle(20);
    assert.deepEqual(waits(statistics), { now: 2, ever: 2, sum: 0, max: 0 });
    one.device.fenced(lost, 1);
    assert.deepEqual(waits(statistics), { now: 0, ever: 2, sum: 70, max: 50 });
    other.answerAll();
    await one.settle();
    assert.deepEqual(waits(statistics), { now: 0, ever: 2, sum: 70, max: 50 });
  });

  it('of writes whose wait ends with an error', async () => {
    const one = bench(2);
    one.start(op.write, 0, 4096);
    const lost = one.paths.findIndex((path) => path.taken.length > 0);
    lose(one, lost, ghost);
    one.paths[1 - lost]!.answerAll();
    one.start(op.write, 0, 4096);
    await one.settle(40);
    one.device.failQueued();
    await one.settle(40);
    assert.deepEqual(waits(one.device.statistics), { now: 0, ever: 1, sum: 40, max: 40 });
    one.device.fenced(lost, 1);
    // The same slot waits no longer when it is used for the next one.
    one.start(op.write, 0, 4096);
    one.paths[1 - lost]!.answerAll();
    await one.settle();
    assert.deepEqual(waits(one.device.statistics), { now: 0, ever: 1, sum: 40, max: 40 });
  });

  it('of writes that are let go and find no path', async () => {
    const one = bench(2, { noPathRetry: 1000 });
    one.start(op.write, 0, 4096);
    const lost = one.paths.findIndex((path) => path.taken.length > 0);
    lose(one, lost, ghost);
    one.paths[1 - lost]!.answerAll();
    one.start(op.write, 0, 4096);
    await one.settle(40);
    lose(one, 1 - lost, ghost);
    one.device.fenced(lost, 1);
    await one.settle(2000);
    assert.deepEqual(one.ended.at(-1)?.[1], status.transport);
    const { now, ever, sum, max } = waits(one.device.statistics);
    assert.deepEqual([now, ever, max], [0, 1, sum]);
    assert.ok(sum >= 1000 && sum < 1100, `${sum} ms`);
  });

  it('of held writes: how many, and how long', async () => {
    const one = bench(2, { ghostWrites: 'strict' });
    const { statistics } = one.device;
    const { held: now, everHeld, heldSum, heldMax } = deviceCounter;
    const held = (): number[] => [now, everHeld, heldSum, heldMax].map((name) => Math.round(statistics.get(name)));
    one.start(op.write, 0, 4096);
    await one.settle(10);
    const lost = one.paths.findIndex((path) => path.taken.length > 0);
    lose(one, lost, ghost);
    await one.settle(70);
    assert.deepEqual(held(), [1, 1, 0, 0]);
    one.device.fenced(lost, 1);
    assert.deepEqual(held(), [0, 1, 70, 70]);
    lose(one, 1 - lost, ghost);
    await one.settle(30);
    one.device.failQueued();
    assert.deepEqual(held(), [0, 2, 100, 70]);
  });
});

function waits(statistics: DeviceStatistics): { now: number; ever: number; sum: number; max: number } {
  return {
    now: statistics.get(deviceCounter.gated),
    ever: statistics.get(deviceCounter.everGated),
    sum: Math.round(statistics.get(deviceCounter.gatedSum)),
    max: Math.round(statistics.get(deviceCounter.gatedMax)),
  };
}
