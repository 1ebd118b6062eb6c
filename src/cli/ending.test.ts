import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CausewayError } from '../base/errors.ts';
import type { HolderView } from '../host/view.ts';
import { FakeAttachment } from '../../test/support/fake-host.ts';
import { Ending } from './ending.ts';
import { endingEvents, endingStates, type EndingEvent, nextEnding } from './ending-table.ts';

const fio: HolderView = { kind: 'process', pid: 4711, name: 'fio' };

test('the first signal alone never forces, whatever happens after it', () => {
  const others = endingEvents.filter((event) => event !== 'signal');
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...others)), (events) => {
      let [state, action] = nextEnding('serving', 'signal');
      for (const event of events) {
        assert.notEqual(action, 'force');
        [state, action] = nextEnding(state, event);
      }
      assert.notEqual(state, 'forcing');
    }),
  );
});

test('a second signal that is heard leads to an end, used or not, unless nothing more is heard', () => {
  // From `waiting` and `warned`, the two states in which a user was told that a second signal forces.
  for (const from of ['waiting', 'warned'] as const) {
    assert.deepEqual(nextEnding(from, 'signal'), ['looking-again', 'look']);
    assert.deepEqual(nextEnding('looking-again', 'used'), ['forcing', 'force']);
    const [orderly] = nextEnding('looking-again', 'free');
    for (const event of ['busy', 'failed', 'signal'] as const) assert.equal(nextEnding(orderly, event)[1], 'force');
  }
});

test('what is forced ends, and an ended device takes no more events', () => {
  for (const event of ['detached', 'busy', 'failed', 'gone'] as const) {
    assert.deepEqual(nextEnding('forcing', event), ['ended', 'finish']);
  }
  for (const event of endingEvents) assert.deepEqual(nextEnding('ended', event), ['ended', 'nothing']);
  for (const state of endingStates.filter((name) => name !== 'ended')) {
    assert.deepEqual(nextEnding(state, 'gone'), ['ended', 'finish']);
  }
});

/** A clock that stands still until it is told to move, and an ending that runs on it. */
class Bench {
  readonly attachment = new FakeAttachment('demo', 2);
  readonly said: string[] = [];
  readonly ending: Ending;
  #now = 0;
  #timers: { at: number; callback: () => void }[] = [];

  constructor(options: { grace?: number; force?: boolean } = {}) {
    this.ending = new Ending(
      this.attachment,
      { grace: options.grace ?? 10_000, force: options.force ?? false },
      {
        inUse: (holders, grace) => this.said.push(`in use by ${holders.map((one) => one.name).join()}, ${grace} ms`),
        servingOn: (holders) => this.said.push(`serving on for ${holders.map((one) => one.name).join()}`),
        slow: () => this.said.push('slow'),
        failed: (error) => this.said.push(`failed: ${error.code}`),
      },
      {
        now: () => this.#now,
        after: (milliseconds, callback) => this.#timers.push({ at: this.#now + milliseconds, callback }),
      },
    );
  }

  /** Lets the time pass, and everything happen that is due meanwhile. */
  async pass(milliseconds: number): Promise<void> {
    const until = this.#now + milliseconds;
    for (;;) {
      for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
      const due = this.#timers.filter((timer) => timer.at <= until).toSorted((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#now = Math.max(this.#now, due.at);
      due.callback();
    }
    this.#now = until;
  }

  get detaches(): readonly boolean[] {
    return this.attachment.detaches;
  }
}

test('not in use: the first signal detaches at once, in order', async () => {
  const bench = new Bench();
  bench.ending.signal();
  await bench.pass(0);
  assert.deepEqual(bench.detaches, [false]);
  assert.equal(await bench.ending.done, null);
  assert.equal(bench.ending.wasLost, false);
  assert.deepEqual(bench.said, []);
});

test('in use: named once, served on, and detached as soon as the holders have gone', async () => {
  const bench = new Bench();
  bench.attachment.users = [fio];
  bench.ending.signal();
  await bench.pass(5_000);
  assert.deepEqual(bench.said, ['in use by fio, 10000 ms']);
  assert.deepEqual(bench.detaches, []);
  bench.attachment.users = [];
  await bench.pass(300);
  assert.deepEqual(bench.detaches, [false]);
  assert.equal(await bench.ending.done, null);
});

test('in use beyond the grace: said, served on for ever, also when the holders go; a second signal looks again', async () => {
  const bench = new Bench({ grace: 1_000 });
  bench.attachment.users = [fio];
  bench.ending.signal();
  await bench.pass(60_000);
  assert.deepEqual(bench.said, ['in use by fio, 1000 ms', 'serving on for fio']);
  assert.equal(bench.ending.state, 'warned');
  bench.attachment.users = [];
  await bench.pass(60_000);
  assert.deepEqual(bench.detaches, []);
  bench.ending.signal();
  await bench.pass(0);
  assert.deepEqual(bench.detaches, [false], 'nobody is there to be forced');
});

for (const when of [300, 20_000]) {
  test(`in use: a second signal after ${when} ms forces`, async () => {
    const bench = new Bench();
    bench.attachment.users = [fio];
    bench.ending.signal();
    await bench.pass(when);
    bench.ending.signal();
    await bench.pass(0);
    assert.deepEqual(bench.detaches, [true]);
    assert.equal(await bench.ending.done, null);
  });
}

test('the echo of a signal (a parent forwards it once more) is not a second one', async () => {
  const bench = new Bench();
  bench.attachment.users = [fio];
  for (let echo = 0; echo < 10; echo += 1) {
    bench.ending.signal();
    await bench.pass(20);
  }
  await bench.pass(300);
  assert.deepEqual(bench.detaches, []);
  assert.deepEqual(bench.said, ['in use by fio, 10000 ms']);
  bench.ending.signal();
  await bench.pass(0);
  assert.deepEqual(bench.detaches, [true]);
});

test('an answer to the words "in use" is never taken for an echo', async () => {
  const bench = new Bench();
  bench.attachment.users = [fio];
  bench.ending.signal();
  while (bench.said.length === 0) await bench.pass(1);
  bench.ending.signal();
  await bench.pass(0);
  assert.deepEqual(bench.detaches, [true]);
});

test('somebody who holds it only for a moment (udev) is not worth a word', async () => {
  const bench = new Bench();
  bench.attachment.users = [{ kind: 'process', pid: 1, name: 'udevd' }];
  bench.ending.signal();
  await bench.pass(100);
  bench.attachment.users = [];
  await bench.pass(300);
  assert.deepEqual(bench.said, []);
  assert.deepEqual(bench.detaches, [false]);
});

test('with --force the first signal forces if it is in use, and is orderly if not', async () => {
  const used = new Bench({ force: true });
  used.attachment.users = [fio];
  used.ending.signal();
  await used.pass(0);
  assert.deepEqual(used.detaches, [true]);
  const free = new Bench({ force: true });
  free.ending.signal();
  await free.pass(0);
  assert.deepEqual(free.detaches, [false]);
});

test('taken up between look and detach: it is served on, and its holders are named', async () => {
  const bench = new Bench();
  bench.attachment.busyOnce = [fio];
  bench.ending.signal();
  await bench.pass(100);
  assert.deepEqual(bench.said, ['in use by fio, 10000 ms']);
  bench.attachment.users = [];
  await bench.pass(300);
  assert.deepEqual(bench.detaches, [false, false]);
  assert.equal(await bench.ending.done, null);
});

test('an orderly detach that fails is told, and the device served on; a second signal forces', async () => {
  const bench = new Bench();
  bench.attachment.detachError = new CausewayError('kernel-device-failed', 'flush: EIO');
  bench.ending.signal();
  await bench.pass(100);
  assert.deepEqual(bench.said, ['failed: kernel-device-failed']);
  assert.equal(bench.ending.state, 'warned');
  await bench.pass(300);
  bench.ending.signal();
  await bench.pass(100);
  assert.deepEqual(bench.detaches, [false, false, true]);
  assert.equal((await bench.ending.done)?.code, 'kernel-device-failed');
});

test('an orderly detach that hangs is overtaken by the second signal; its late answer changes nothing', async () => {
  const bench = new Bench();
  const late: ((error: CausewayError) => void)[] = [];
  bench.attachment.detachWith = (force) =>
    force ? Promise.resolve() : new Promise((_resolve, reject) => late.push(reject));
  bench.ending.signal();
  await bench.pass(10_000);
  assert.deepEqual(bench.said, ['slow'], 'that it takes its time is told once');
  bench.ending.signal();
  late[0]?.(new CausewayError('kernel-device-failed', 'late'));
  await bench.pass(100);
  assert.deepEqual(bench.detaches, [false, true]);
  assert.equal(await bench.ending.done, null);
  assert.deepEqual(bench.said, ['slow']);
});

test('a detach that never answers ends in an error, not in waiting', async () => {
  const bench = new Bench({ force: true });
  bench.attachment.users = [fio];
  bench.attachment.detachWith = () => new Promise(() => undefined);
  bench.ending.signal();
  await bench.pass(61_000);
  assert.equal((await bench.ending.done)?.code, 'control-timeout');
});

test('holders that cannot be found out count as holders', async () => {
  const bench = new Bench();
  bench.attachment.holdersWith = () => new Promise(() => undefined);
  bench.ending.signal();
  await bench.pass(10_000);
  assert.equal(bench.said.length, 1);
  assert.deepEqual(bench.detaches, []);
});

test('a device that goes by itself was lost', async () => {
  const bench = new Bench();
  bench.attachment.vanish();
  await bench.pass(0);
  assert.equal(await bench.ending.done, null);
  assert.equal(bench.ending.wasLost, true);
  const event: EndingEvent = 'gone';
  assert.deepEqual(nextEnding('warned', event), ['ended', 'finish']);
});
