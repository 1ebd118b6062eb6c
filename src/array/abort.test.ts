/** Abort: what has not begun ends with it, and is never executed; what has runs its course. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { writeAbortSqe, writeKeepAliveSqe } from '../fabric/nvme-tcp/admin-sqe.ts';
import { writeFlushSqe, writeReadSqe, writeWriteSqe } from '../fabric/nvme-tcp/sqe.ts';
import type { Completion, RawQueue } from './raw-host.test.support.ts';
import { pattern, type Scene, type SceneOptions, withArray } from './with-array.test.support.ts';

const abortRequested = 0x007;
const victim = 300;

function read(queue: RawQueue, slba: number, cid = -1): Promise<Completion> {
  return queue.submit((view, at, id) => writeReadSqe(view, at, id, 1, slba, 1, 4096), { read: 4096 }, cid);
}

function write(queue: RawQueue, slba: number, inCapsule: boolean, bytes = 4096, cid = -1): Promise<Completion> {
  const data = pattern(bytes, slba);
  return queue.submit(
    (view, at, id) => writeWriteSqe(view, at, id, 1, slba, bytes / 4096, bytes, false, inCapsule),
    inCapsule ? { inCapsule: data } : { onRequest: data },
    cid,
  );
}

function abort(admin: RawQueue, cid: number, sqid = 1): Promise<Completion> {
  return admin.submit((view, at, id) => writeAbortSqe(view, at, id, sqid, cid));
}

/** The command is on its way and has not ended. */
async function underWay({ host }: Scene, answer: Promise<Completion>): Promise<void> {
  let ended = false;
  void answer.then(() => {
    ended = true;
  });
  await host.sleep(50);
  assert.equal(ended, false, 'it has ended without an Abort');
}

async function isUntouched(queue: RawQueue, slba: number): Promise<void> {
  const { status, data } = await read(queue, slba);
  assert.equal(status, 0);
  assert.ok(
    data.every((byte) => byte === 0),
    'an aborted write was executed',
  );
}

function withQueue(options: SceneOptions, play: (scene: Scene, queue: RawQueue) => Promise<void>): Promise<void> {
  return withArray(options, async (scene) => await play(scene, await scene.io()));
}

describe('Abort ends', () => {
  const commands: readonly (readonly [name: string, submit: (queue: RawQueue) => Promise<Completion>])[] = [
    ['a read', (queue) => read(queue, 7, victim)],
    ['a write with its data in the capsule', (queue) => write(queue, 7, true, 4096, victim)],
    ['a write whose data was asked for', (queue) => write(queue, 7, false, 16_384, victim)],
    ['a flush', (queue) => queue.submit((view, at, id) => writeFlushSqe(view, at, id, 1), {}, victim)],
  ];
  for (const [name, submit] of commands) {
    it(`${name} that hangs, and the queue goes on`, () =>
      withQueue({ seed: 301, volatileWriteCache: true }, async (scene, queue) => {
        const { array, admin } = scene;
        array.faults.hangCommands(1, 1);
        const hung = submit(queue);
        await underWay(scene, hung);
        assert.equal((await write(queue, 1, true)).status, 0, 'others go on');
        assert.deepEqual(pick(await abort(admin, victim)), { status: 0, dw0: 0 });
        assert.equal((await hung).status, abortRequested);
        assert.deepEqual(pick(await abort(admin, victim)), { status: 0, dw0: 1 }, 'once');
        array.faults.hangCommands(1, 0);
        await isUntouched(queue, 7);
      }));
  }

  it('a write that is held back, and those behind it go on in their time', () =>
    withQueue({ seed: 302 }, async (scene, queue) => {
      const { array, admin, host } = scene;
      array.faults.delayExecution(1, { milliseconds: 200 });
      const held = write(queue, 7, true, 4096, victim);
      const behind = write(queue, 8, true);
      await underWay(scene, held);
      assert.deepEqual(pick(await abort(admin, victim)), { status: 0, dw0: 0 });
      assert.equal((await held).status, abortRequested);
      assert.equal((await behind).status, 0);
      array.faults.delayExecution(1, { milliseconds: 0 });
      await host.sleep(500);
      await isUntouched(queue, 7);
    }));

  it('a write whose data is awaited: when that has come, and without executing it', () =>
    withQueue({ seed: 303, limits: { r2tBytes: 4096 } }, async (scene, queue) => {
      const { admin } = scene;
      queue.holdData = true;
      const waiting = write(queue, 7, false, 16_384, victim);
      await underWay(scene, waiting);
      // Not at once: the host may be sending what it was asked for.
      assert.deepEqual(pick(await abort(admin, victim)), { status: 0, dw0: 1 });
      await underWay(scene, waiting);
      queue.answerR2t(victim, 0);
      const { status, r2ts } = await waiting;
      assert.equal(status, abortRequested);
      assert.equal(r2ts.length, 1, 'no more data is asked for');
      queue.holdData = false;
      await isUntouched(queue, 7);
      assert.equal((await write(queue, 7, false, 16_384, victim)).status, 0, 'its identifier is free again');
    }));

  it('a command that waits for a buffer', () =>
    withQueue(
      { seed: 304, bufferClasses: [{ bytes: 16_384, count: 1 }], limits: { mdtsBytes: 16_384 } },
      async (scene, queue) => {
        const { array, admin } = scene;
        array.faults.hangCommands(1, 1);
        const first = read(queue, 1, victim);
        await underWay(scene, first);
        const starved = write(queue, 7, false, 4096, victim + 1);
        const behind = read(queue, 2);
        await underWay(scene, starved);
        assert.deepEqual(pick(await abort(admin, victim + 1)), { status: 0, dw0: 1 });
        await abort(admin, victim);
        assert.equal((await first).status, abortRequested);
        assert.equal((await starved).status, abortRequested);
        assert.equal((await behind).status, 0);
        await isUntouched(queue, 7);
      },
    ));
});

describe('Abort leaves alone', () => {
  it('what was executed and is only answered late', () =>
    withQueue({ seed: 305 }, async (scene, queue) => {
      const { array, admin } = scene;
      array.faults.delayAnswers(1, 100);
      const late = write(queue, 7, true, 4096, victim);
      assert.deepEqual(pick(await abort(admin, victim)), { status: 0, dw0: 1 });
      assert.equal((await late).status, 0);
      assert.deepEqual((await read(queue, 7)).data, pattern(4096, 7));
    }));

  it('commands of other queues, and queues that are not there', () =>
    withQueue({ seed: 306 }, async (scene, queue) => {
      const { array, admin, io } = scene;
      const other = await io({ qid: 2 });
      array.faults.hangCommands(1, 1);
      const hung = read(queue, 1, victim);
      await underWay(scene, hung);
      for (const sqid of [0, 2, 3]) {
        assert.deepEqual(pick(await abort(admin, victim, sqid)), { status: 0, dw0: 1 });
      }
      await underWay(scene, hung);
      assert.equal((await read(other, 1)).status, 0);
      await abort(admin, victim);
      assert.equal((await hung).status, abortRequested);
    }));
});

describe('commands that hang', () => {
  it('are executed when they hang no more', () =>
    withQueue({ seed: 307 }, async (scene, queue) => {
      scene.array.faults.hangCommands(1, 2);
      const hung = [write(queue, 7, true), read(queue, 1)];
      await underWay(scene, hung[0]!);
      assert.equal((await scene.admin.submit(writeKeepAliveSqe)).status, 0, 'only I/O commands hang');
      scene.array.faults.hangCommands(1, 0);
      for (const { status } of await Promise.all(hung)) assert.equal(status, 0);
      assert.deepEqual((await read(queue, 7)).data, pattern(4096, 7));
    }));

  it('are dropped with their connection, or executed late as ghosts', () =>
    withQueue({ seed: 308 }, async (scene, queue) => {
      const { array, host, controller, open } = scene;
      const there = await controller(2);
      const judge = await open(2);
      assert.equal((await judge.connectQueue(1, { cntlid: there.cntlid })).status, 0);
      array.faults.hangCommands(1, 1);
      void write(queue, 7, true);
      await host.sleep(20);
      array.faults.cutPort(1);
      await queue.gone;
      await host.sleep(500);
      await isUntouched(judge, 7);
      const { cntlid } = await controller(1);
      const again = await open(1);
      assert.equal((await again.connectQueue(1, { cntlid })).status, 0);
      array.faults.ghostWrites(1, { milliseconds: 100 });
      array.faults.hangCommands(1, 1);
      void write(again, 7, true);
      await host.sleep(20);
      array.faults.cutPort(1);
      await again.gone;
      await isUntouched(judge, 7);
      await host.sleep(500);
      assert.deepEqual((await read(judge, 7)).data, pattern(4096, 7));
    }));
});

function pick({ status, dw0 }: Completion): { status: number; dw0: number } {
  return { status, dw0 };
}
