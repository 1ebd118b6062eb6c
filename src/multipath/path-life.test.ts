/** When paths of a device carry I/O again, or no more: probation, suspicion. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { op } from '../block/request.ts';
import { verdict } from '../fabric/contract.ts';
import { bench, type Bench, lose, lostRead } from './bench.test.support.ts';
import { status } from '../block/status.ts';
import type { MultipathOptions } from './options.ts';
import { policyOf } from './policy.ts';

const block = 4096;

function states(one: Bench): string[] {
  return one.device.paths.members.map((member) => member?.state ?? '');
}

function open(one: Bench, index: number): void {
  const path = one.paths[index]!;
  path.open = true;
  path.epoch += 1;
  one.device.pathChanged(index);
}

/** How many of these reads each path got. */
async function reads(one: Bench, count: number): Promise<number[]> {
  const got = one.paths.map(() => 0);
  for (let time = 0; time < count; time += 1) {
    one.start(op.read, time * block, block);
    for (const [index, path] of one.paths.entries()) got[index]! += path.taken.length;
    for (const path of one.paths) path.answerAll();
    await one.settle();
  }
  return got;
}

describe('probation', () => {
  const wait: Partial<MultipathOptions> = { failback: 1000, selector: 'round-robin', suspectAfter: 0 };

  it('keeps I/O off a path that came back until its time is over, and says so', async () => {
    const changes: string[] = [];
    const one = bench(2, { ...wait, onPathState: ({ index, state }) => changes.push(`${index} ${state}`) });
    lose(one, 0, lostRead);
    open(one, 0);
    assert.deepEqual(states(one), ['probation', 'live-optimized']);
    assert.deepEqual(await reads(one, 4), [0, 4]);
    await one.settle(1100);
    assert.deepEqual(states(one), ['live-optimized', 'live-optimized']);
    assert.deepEqual(await reads(one, 4), [2, 2]);
    assert.deepEqual(changes.slice(-3), ['0 down', '0 probation', '0 live-optimized']);
  });

  it('lets I/O go there while no better path lives', async () => {
    const one = bench(2, wait);
    lose(one, 0, lostRead);
    open(one, 0);
    lose(one, 1, lostRead);
    assert.deepEqual(await reads(one, 3), [3, 0]);
    one.device.setAccess(1, 'non-optimized');
    open(one, 1);
    assert.deepEqual(states(one), ['probation', 'probation']);
  });

  it('ends when the administrator says so', async () => {
    const one = bench(2, { ...wait, failback: -1 });
    lose(one, 0, lostRead);
    open(one, 0);
    await one.settle(60_000);
    assert.equal(states(one)[0], 'probation');
    one.device.setDisabled(0, false);
    assert.equal(states(one)[0], 'live-optimized');
  });

  it('is for paths that were lost, not for new ones or those that the array closed for a while', async () => {
    const one = bench(2, wait);
    assert.deepEqual(states(one), ['live-optimized', 'live-optimized']);
    one.device.setAccess(0, 'inaccessible');
    one.device.setAccess(0, 'optimized');
    assert.equal(states(one)[0], 'live-optimized');
    await one.settle();
  });

  it('holds a path that comes and goes', async () => {
    const one = bench(2, { flapLimit: 3, flapWindow: 10_000, flapHold: 2000, suspectAfter: 0 });
    for (const expected of ['live-optimized', 'live-optimized', 'probation']) {
      lose(one, 0, lostRead);
      await one.settle(10);
      open(one, 0);
      assert.equal(states(one)[0], expected);
    }
    await one.settle(2100);
    assert.equal(states(one)[0], 'live-optimized');
  });
});

/** Reads all the time; path 0 keeps what it has, the others answer. Returns how many new ones path 0 got. */
async function silence(one: Bench, milliseconds: number, quiet: readonly number[]): Promise<number> {
  const before = one.paths[0]!.taken.length;
  for (let time = 0; time < milliseconds; time += 20) {
    one.start(op.read, 0, block);
    for (const [index, path] of one.paths.entries()) if (!quiet.includes(index)) path.answerAll();
    await one.settle(20);
  }
  return one.paths[0]!.taken.length - before;
}

describe('suspicion', () => {
  const look: Partial<MultipathOptions> = { suspectAfter: 300, selector: 'round-robin' };

  it('falls on a path over which nothing comes back while others answer; new I/O goes elsewhere', async () => {
    const one = bench(2, look);
    await silence(one, 600, [0]);
    assert.deepEqual(states(one), ['suspect', 'live-optimized']);
    assert.equal(await silence(one, 400, [0]), 0);
    // It answers again: some time later it is trusted again.
    one.paths[0]!.answerAll();
    await silence(one, 1000, []);
    assert.equal(states(one)[0], 'suspect');
    await silence(one, 2000, []);
    assert.equal(states(one)[0], 'live-optimized');
    assert.ok((await silence(one, 100, [0])) > 0);
  });

  it('falls on nobody where nothing comes back over any path', async () => {
    const one = bench(2, look);
    await silence(one, 2000, [0, 1]);
    assert.deepEqual(states(one), ['live-optimized', 'live-optimized']);
  });

  it('falls on nobody who has nothing to answer, and on nobody where it is switched off', async () => {
    const idle = bench(2, { ...look, selector: 'failover-only' });
    await silence(idle, 1000, []);
    assert.deepEqual(states(idle), ['live-optimized', 'live-optimized']);
    const off = bench(2, { ...look, suspectAfter: 0 });
    await silence(off, 1000, [0]);
    assert.deepEqual(states(off), ['live-optimized', 'live-optimized']);
    // One command lies there, but no other path has anything to show that this is unusual.
    const alone = bench(2, { ...look, selector: 'failover-only' });
    alone.start(op.write, 0, block);
    alone.paths[0]!.taken.splice(0);
    await silence(alone, 1000, []);
    assert.deepEqual(states(alone), ['live-optimized', 'live-optimized']);
  });

  it('falls on a path where one command lies while all others are answered, until that one is', async () => {
    const one = bench(2, look);
    one.start(op.write, 0, block);
    const [stuck] = one.paths[0]!.taken.splice(0);
    assert.ok(stuck);
    await silence(one, 250, []);
    assert.equal(states(one)[0], 'live-optimized');
    await silence(one, 300, []);
    assert.deepEqual(states(one), ['suspect', 'live-optimized']);
    await silence(one, 3000, []);
    assert.equal(states(one)[0], 'suspect');
    stuck.verdict = verdict.ok;
    stuck.owner?.onPart(stuck);
    await silence(one, 2500, []);
    assert.equal(states(one)[0], 'live-optimized');
  });

  it('falls on nobody where commands lie on all paths alike', async () => {
    const one = bench(2, look);
    one.start(op.write, 0, block);
    one.start(op.write, 2 * block, block);
    for (const path of one.paths) assert.equal(path.taken.splice(0).length, 1);
    await silence(one, 3000, []);
    assert.deepEqual(states(one), ['live-optimized', 'live-optimized']);
  });

  it('does not keep I/O from the only path', async () => {
    const one = bench(2, look);
    await silence(one, 600, [0]);
    assert.equal(states(one)[0], 'suspect');
    lose(one, 1, lostRead);
    assert.ok((await silence(one, 100, [0])) > 0);
  });

  it('ends with the connection', async () => {
    const one = bench(2, look);
    await silence(one, 600, [0]);
    lose(one, 0, lostRead);
    assert.equal(states(one)[0], 'down');
    open(one, 0);
    assert.equal(states(one)[0], 'live-optimized');
  });
});

describe('another policy while I/O runs', () => {
  const base = { selector: 'round-robin', suspectAfter: 0 } as const;

  it('ends a probation that is over by it, and prolongs one that is not', async () => {
    const one = bench(2, { ...base, failback: 10_000 });
    lose(one, 0, lostRead);
    open(one, 0);
    await one.settle(2000);
    one.device.setPolicy(policyOf({ ...base, failback: 1000 }));
    assert.deepEqual(states(one), ['live-optimized', 'live-optimized']);
    assert.deepEqual(await reads(one, 4), [2, 2]);

    one.device.setPolicy(policyOf({ ...base, failback: 1000 }));
    lose(one, 0, lostRead);
    open(one, 0);
    one.device.setPolicy(policyOf({ ...base, failback: 3000 }));
    await one.settle(2000);
    assert.equal(states(one)[0], 'probation');
    assert.deepEqual(await reads(one, 4), [0, 4]);
    await one.settle(1100);
    assert.equal(states(one)[0], 'live-optimized');
  });

  it('lets one that waits for the administrator come back by itself', async () => {
    const one = bench(2, { ...base, failback: -1 });
    lose(one, 0, lostRead);
    open(one, 0);
    await one.settle(60_000);
    one.device.setPolicy(policyOf({ ...base, failback: 61_000 }));
    assert.equal(states(one)[0], 'probation');
    await one.settle(1100);
    assert.equal(states(one)[0], 'live-optimized');
  });

  it('leaves paths alone that are live, disabled, down or closed by the array', async () => {
    const one = bench(4, base);
    one.device.setDisabled(1, true);
    lose(one, 2, lostRead);
    one.device.setAccess(3, 'inaccessible');
    const before = states(one);
    one.device.setPolicy(policyOf({ ...base, failback: -1, flapLimit: 1, suspectAfter: 100 }));
    assert.deepEqual(states(one), before);
    open(one, 2);
    assert.equal(states(one)[2], 'probation', 'the new rule is not that of the next comeback');
    await one.settle();
  });

  it('ends a suspicion that would not have come by it, at once; finds one that it knows soon', async () => {
    const one = bench(2, { ...base, suspectAfter: 300 });
    await silence(one, 600, [0]);
    assert.equal(states(one)[0], 'suspect');
    one.device.setPolicy(policyOf({ ...base, suspectAfter: 5000 }));
    assert.equal(states(one)[0], 'live-optimized');
    await silence(one, 1000, [0]);
    assert.equal(states(one)[0], 'live-optimized');
    one.device.setPolicy(policyOf({ ...base, suspectAfter: 300 }));
    await silence(one, 200, [0]);
    assert.equal(states(one)[0], 'suspect');
    one.device.setPolicy(policyOf({ ...base, suspectAfter: 0 }));
    assert.equal(states(one)[0], 'live-optimized');
    one.device.setPolicy(policyOf({ ...base, suspectAfter: 300 }));
    await silence(one, 200, [0]);
    assert.equal(states(one)[0], 'suspect', 'how old the commands are is known');
  });

  it('ends or prolongs the waiting for a path', async () => {
    const one = bench(1, { ...base, noPathRetry: -1 });
    lose(one, 0, lostRead);
    one.start(op.read, 0, block);
    await one.settle(10_000);
    one.device.setPolicy(policyOf({ ...base, noPathRetry: 12_000 }));
    await one.settle(1000);
    assert.deepEqual(one.ended, []);
    one.device.setPolicy(policyOf({ ...base, noPathRetry: 30_000 }));
    await one.settle(5000);
    assert.deepEqual(one.ended, []);
    one.device.setPolicy(policyOf({ ...base, noPathRetry: 10_000 }));
    await one.settle();
    assert.deepEqual(one.ended, [[0, status.transport]]);
    one.device.setPolicy(policyOf({ ...base, noPathRetry: 0 }));
    one.start(op.read, 0, block);
    await one.settle(10);
    assert.deepEqual(one.ended.at(-1), [1, status.transport]);
  });

  it('chooses by the other selector from the next command on, and goes on with the same one where it is the same', async () => {
    const one = bench(2, { ...base, minimumRun: 1 });
    assert.deepEqual(await reads(one, 4), [2, 2]);
    one.device.setPolicy(policyOf({ ...base, selector: 'failover-only' }));
    assert.deepEqual(await reads(one, 4), [4, 0]);
    one.device.setPolicy(policyOf({ ...base, minimumRun: 3 }));
    const got: number[] = [];
    for (let time = 0; time < 6; time += 1) {
      got.push((await reads(one, 1))[0]!);
      one.device.setPolicy(policyOf({ ...base, minimumRun: 3, failback: time }));
    }
    assert.deepEqual(
      got.join('').replaceAll('000', 'b').replaceAll('111', 'a').length,
      2,
      `runs of three: ${got.join('')}`,
    );
  });
});

describe('suspicion after a rest', () => {
  it('does not count the time in which nothing was asked', async () => {
    const one = bench(2, { suspectAfter: 300, selector: 'round-robin' });
    await silence(one, 400, []);
    await one.settle(10_000);
    await silence(one, 200, [0]);
    assert.deepEqual(states(one), ['live-optimized', 'live-optimized']);
    await silence(one, 300, [0]);
    assert.equal(states(one)[0], 'suspect');
  });
});
