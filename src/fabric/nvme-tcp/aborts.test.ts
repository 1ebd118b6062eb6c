/** Overdue commands are called back; one that comes back leaves its controller alone, one that does not condemns it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { op } from '../../block/request.ts';
import { type Part, verdict } from '../contract.ts';
import { type AbortingController, Aborts } from './aborts.ts';
import type { AssociationOptions } from './association.ts';
import { outcome } from './status.ts';
import { pattern, type TestFabric, withFabric } from './with-fabric.test.support.ts';

const quick: Partial<AssociationOptions> = { ioTimeoutMs: 1000, adminTimeoutMs: 20_000, katoMs: 60_000 };

/** Writes of port 1, each to a place of its own. */
function writes(fabric: TestFabric, count: number, from = 0): Part[] {
  const { reactor } = fabric;
  const parts: Part[] = [];
  for (let i = from; i < from + count; i += 1) {
    parts.push(reactor.submit(reactor.path(1), op.write, i * 4096, 4096, pattern(4096, i)));
  }
  return parts;
}

describe('a command that hangs', () => {
  it('is called back; its controller lives on, and everybody else is served meanwhile', async () => {
    await withFabric(1, 2, {}, async (fabric) => {
      const { reactor, world, array } = fabric;
      const association = await fabric.live(1, quick);
      array.faults.hangCommands(1, 3);
      const hung = writes(fabric, 2);
      hung.push(reactor.submit(reactor.path(1), op.read, 0, 4096));
      await world.pass(50);
      const before = world.now;
      while (!hung.every((part) => reactor.hasEnded(part))) {
        const served = writes(fabric, 4, 8);
        await fabric.ended(reactor, served);
        for (const part of served) assert.equal(part.verdict, verdict.ok);
        await world.pass(20);
        assert.ok(world.now - before < 1500, 'they are not called back');
      }
      for (const part of hung) assert.equal(part.outcome, outcome.calledBack);
      assert.equal((hung[0]?.verdict ?? 0) & verdict.mayStillExecute, 0);
      assert.deepEqual([association.state, association.epoch], ['live', 1]);
      assert.deepEqual(reactor.lost, []);
      array.faults.hangCommands(1, 0);
      await world.pass(60_000);
      const read = reactor.submit(reactor.path(1), op.read, 0, 8192);
      await fabric.ended(reactor, [read]);
      assert.ok(
        reactor.payload(read).every((byte) => byte === 0),
        'a write that was called back was executed',
      );
    });
  });

  it('comes back also where more hang than the array takes Aborts at once, on every reactor', async () => {
    await withFabric(2, 2, {}, async (fabric) => {
      const { world, array } = fabric;
      const association = await fabric.live(1, quick);
      await world.run({ until: () => fabric.reactors.every(({ paths }) => paths.size === 1) });
      assert.ok((association.ready?.id.acl ?? 255) < 16);
      array.faults.hangCommands(1, 120);
      const hung = fabric.reactors.map((reactor) =>
        Array.from({ length: 60 }, (_unused, i) =>
          reactor.submit(reactor.path(1), op.write, i * 4096, 4096, pattern(4096, i)),
        ),
      );
      for (const [index, parts] of hung.entries()) await fabric.ended(fabric.reactors[index] ?? assert.fail(), parts);
      for (const part of hung.flat()) assert.equal(part.outcome, outcome.calledBack);
      assert.equal(association.epoch, 1);
    });
  });

  it('condemns its controller if it does not come back in time, and no other', async () => {
    await withFabric(3, 1, {}, async (fabric) => {
      const { reactor, world, array } = fabric;
      await fabric.live(1, quick);
      const other = await fabric.live(2, quick);
      await world.run({ until: () => reactor.paths.size === 2 });
      // Executed, and then no answer, to nobody: neither to the writes nor to the Aborts.
      array.faults.delayAnswers(1, Number.POSITIVE_INFINITY);
      const before = world.now;
      const lost = writes(fabric, 2);
      await fabric.ended(reactor, lost);
      const took = world.now - before;
      assert.ok(took >= 1250 && took < 1700, `${took} ms`);
      for (const part of lost) {
        assert.equal(part.outcome, outcome.timedOut);
        assert.notEqual(part.verdict & verdict.mayStillExecute, 0);
      }
      assert.deepEqual([other.state, other.epoch], ['live', 1]);
      array.faults.delayAnswers(1, 0);
      await world.run({ until: () => reactor.path(1).open, maxVirtualMs: 60_000 });
    });
  });

  it('has nothing to do with what became of the Abort', async () => {
    await withFabric(4, 1, {}, async (fabric) => {
      const { reactor, world, array } = fabric;
      const association = await fabric.live(1, quick);
      // It was executed, so that there is nothing to abort; and it is answered within the grace.
      array.faults.delayAnswers(1, 1150);
      const [late] = writes(fabric, 1);
      assert.ok(late !== undefined);
      await fabric.ended(reactor, [late]);
      assert.equal(late.verdict, verdict.ok);
      await world.pass(5000);
      assert.equal(association.epoch, 1);
      array.faults.delayAnswers(1, 0);
    });
  });

  it('is nobody to blame for when its life has ended already', async () => {
    await withFabric(5, 1, {}, async (fabric) => {
      const { reactor, world, array } = fabric;
      const association = await fabric.live(1, quick);
      array.faults.hangCommands(1, 1);
      const hung = writes(fabric, 1);
      await world.pass(1001);
      array.faults.cutPort(1);
      await fabric.ended(reactor, hung);
      await world.run({ until: () => reactor.path(1).open });
      const next = writes(fabric, 8);
      await fabric.ended(reactor, next);
      await world.pass(10_000);
      for (const part of next) assert.equal(part.verdict, verdict.ok);
      assert.equal(association.epoch, 2);
    });
  });
});

/** A controller that answers Aborts when the test says so. */
class Slow implements AbortingController {
  alive = true;
  readonly asked: string[] = [];
  readonly #answers: ((taken: boolean) => void)[] = [];

  abortCommand(qid: number, cid: number): Promise<boolean> {
    this.asked.push(`${qid}.${cid}`);
    return new Promise((resolve) => this.#answers.push(resolve));
  }

  async answer(taken = true): Promise<void> {
    this.#answers.shift()?.(taken);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('Aborts', () => {
  it('never are more at once than the controller takes, and each gets its turn, in order', async () => {
    const controller = new Slow();
    const aborts = new Aborts(controller, 1);
    for (let cid = 1; cid <= 5; cid += 1) aborts.ask(1, cid);
    assert.deepEqual(controller.asked, ['1.1', '1.2']);
    await controller.answer();
    assert.deepEqual(controller.asked, ['1.1', '1.2', '1.3']);
    await controller.answer(false);
    await controller.answer();
    assert.deepEqual(controller.asked, ['1.1', '1.2', '1.3', '1.4', '1.5']);
    for (let left = 2; left > 0; left -= 1) await controller.answer();
    aborts.ask(2, 1);
    assert.equal(controller.asked.at(-1), '2.1');
  });

  it('leave room on the admin queue, whatever the controller takes', () => {
    const controller = new Slow();
    const aborts = new Aborts(controller, 255);
    for (let cid = 1; cid <= 100; cid += 1) aborts.ask(1, cid);
    assert.equal(controller.asked.length, 8);
  });

  it('end with the controller, and what nobody can keep is left out', async () => {
    const controller = new Slow();
    const aborts = new Aborts(controller, 0);
    for (let cid = 1; cid <= 2000; cid += 1) aborts.ask(1, cid);
    controller.alive = false;
    await controller.answer();
    assert.deepEqual(controller.asked, ['1.1']);
  });
});
