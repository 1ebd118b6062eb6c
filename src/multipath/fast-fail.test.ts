/** What waits for a lost path alone is given up after a while; what others can do is not. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { op } from '../block/request.ts';
import { status } from '../block/status.ts';
import { bench, type Bench, ghost, KIB, lose, lostRead } from './bench.test.support.ts';
import type { MultipathOptions } from './options.ts';
import { type Policy, policyOf } from './policy.ts';

const fast = 5000;
const block = 4 * KIB;

/** Two paths; a write of the first block is lost on one of them. */
function withGhost(options: Partial<MultipathOptions>): { one: Bench; lost: number; other: number } {
  const one = bench(2, { fastIoFail: fast, suspectAfter: 0, hedgeShare: 0, ...options });
  one.start(op.write, 0, block);
  const lost = one.paths.findIndex((path) => path.taken.length > 0);
  lose(one, lost, ghost);
  return { one, lost, other: 1 - lost };
}

function reopen(one: Bench, index: number): void {
  const path = one.paths[index]!;
  path.open = true;
  path.epoch += 1;
  one.device.pathChanged(index);
}

function strictly(fastIoFail: number): Policy {
  return policyOf({ ghostWrites: 'strict', suspectAfter: 0, fastIoFail });
}

describe('fast_io_fail', () => {
  it('strict: a held write ends, and its range stays in quarantine until the fence', async () => {
    const { one, lost, other } = withGhost({ ghostWrites: 'strict' });
    await one.settle(fast - 100);
    assert.deepEqual(one.ended, []);
    await one.settle(200);
    assert.deepEqual(one.ended, [[0, status.timedOut]]);
    // Who comes now would wait for the same fence: it is not waited for, and nothing of it is sent.
    one.start(op.write, 0, block);
    one.start(op.write, block, block);
    one.start(op.read, 0, block);
    await one.settle();
    assert.deepEqual(
      one.paths[other]!.taken.map((part) => [part.op, part.offset]),
      [
        [op.write, block],
        [op.read, 0],
      ],
    );
    assert.deepEqual(one.ended.at(-1), [1, status.timedOut]);
    one.device.fenced(one.paths[lost]!.controller, 1);
    one.start(op.write, 0, block);
    one.paths[other]!.answerAll();
    await one.settle();
    assert.deepEqual(one.ended.slice(2), [
      [2, status.ok],
      [3, status.ok],
      [4, status.ok],
    ]);
  });

  it('quarantine: the lost write itself is done elsewhere; who waits for its range ends, unsent', async () => {
    const { one, other } = withGhost({});
    one.paths[other]!.answerAll();
    one.start(op.write, 0, block);
    one.start(op.discard, 0, 16 * block);
    one.start(op.write, 4 * block, block);
    one.paths[other]!.answerAll();
    await one.settle(fast - 100);
    assert.deepEqual(one.ended, [
      [0, status.ok],
      [3, status.ok],
    ]);
    await one.settle(200);
    assert.deepEqual(one.ended.slice(2), [
      [1, status.timedOut],
      [2, status.timedOut],
    ]);
    assert.equal(one.paths[other]!.taken.length, 0);
  });

  it('two lost writes that wait for each other: both end with their paths, and both ranges stay', async () => {
    const one = bench(3, { fastIoFail: fast, suspectAfter: 0 });
    one.device.setDisabled(2, true);
    one.start(op.write, 0, 2 * block);
    one.start(op.write, block, 2 * block);
    assert.deepEqual(
      one.paths.map((path) => path.taken.length),
      [1, 1, 0],
    );
    lose(one, 0, ghost);
    lose(one, 1, ghost);
    one.device.setDisabled(2, false);
    await one.settle(fast - 100);
    assert.deepEqual([one.ended, one.paths[2]!.taken.length], [[], 0]);
    await one.settle(200);
    assert.deepEqual(
      one.ended.map(([, outcome]) => outcome),
      [status.timedOut, status.timedOut],
    );
    // Each for itself until its own fence.
    one.device.fenced(one.paths[0]!.controller, 1);
    one.start(op.write, 0, block);
    await one.settle();
    assert.equal(one.paths[2]!.taken.length, 1);
    one.start(op.write, block, block);
    await one.settle(10);
    assert.deepEqual(one.ended.at(-1), [3, status.timedOut]);
    one.paths[2]!.answerAll();
  });

  it('a path that came back is waited for again, and one that is lost anew has its time again', async () => {
    const { one, lost, other } = withGhost({});
    one.paths[other]!.answerAll();
    one.start(op.write, 0, block);
    await one.settle(fast - 1000);
    reopen(one, lost);
    await one.settle(60_000);
    assert.equal(one.ended.length, 1);
    lose(one, lost, lostRead);
    await one.settle(fast - 1000);
    assert.equal(one.ended.length, 1);
    await one.settle(1100);
    assert.deepEqual(one.ended.at(-1), [1, status.timedOut]);
  });

  it('what waits because no path lives is not its matter', async () => {
    const { one, other } = withGhost({});
    one.paths[other]!.answerAll();
    lose(one, other, ghost);
    one.start(op.read, 0, block);
    one.start(op.write, 8 * block, block);
    one.start(op.write, 0, block);
    await one.settle(100_000);
    assert.equal(one.ended.length, 1, 'a request that any path could do was ended');
    reopen(one, other);
    one.paths[other]!.answerAll();
    await one.settle(10);
    assert.deepEqual(one.ended.slice(1), [
      [1, status.ok],
      [2, status.ok],
      [3, status.timedOut],
    ]);
  });

  it('may be asked for, and taken back, while something waits', async () => {
    const { one, lost } = withGhost({ ghostWrites: 'strict', fastIoFail: -1 });
    await one.settle(fast);
    one.device.setPolicy(strictly(2 * fast));
    await one.settle(fast - 100);
    one.device.setPolicy(strictly(-1));
    await one.settle(60_000);
    assert.deepEqual(one.ended, []);
    one.device.setPolicy(strictly(1000));
    await one.settle(5);
    assert.deepEqual(one.ended, [[0, status.timedOut]]);
    one.device.fenced(one.paths[lost]!.controller, 1);
  });

  it('is off unless it is asked for, and may be at once', async () => {
    for (const ghostWrites of ['strict', 'quarantine'] as const) {
      const { one, other } = withGhost({ ghostWrites, fastIoFail: -1 });
      one.paths[other]!.answerAll();
      one.start(op.write, 0, block);
      if (ghostWrites === 'strict') one.paths[other]!.answerAll();
      await one.settle(3_600_000);
      assert.deepEqual(one.ended, ghostWrites === 'strict' ? [[1, status.ok]] : [[0, status.ok]]);
    }
    const { one } = withGhost({ ghostWrites: 'strict', fastIoFail: 0 });
    await one.settle(5);
    assert.deepEqual(one.ended, [[0, status.timedOut]]);
  });
});
