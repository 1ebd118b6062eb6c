import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { op } from '../../block/request.ts';
import { World } from '../../io/sim/world.ts';
import { verdict } from '../contract.ts';
import { isAlive, probeMs } from './probe.ts';
import { outcome } from './status.ts';
import { pattern, withFabric } from './with-fabric.test.support.ts';

describe('a controller that is suspected', () => {
  it('is given up at once if it answers nothing at all, and writes that lie on it are in doubt', async () => {
    await withFabric(1, 2, {}, async (fabric) => {
      const { reactor, world, array } = fabric;
      const association = await fabric.live(1, { katoMs: 60_000, ioTimeoutMs: 60_000 });
      array.faults.swallowPort(1);
      const path = reactor.path(1);
      const write = reactor.submit(path, op.write, 0, 4096, pattern(4096, 1));
      await world.pass(10);
      const before = world.now;
      path.suspect();
      path.suspect();
      await fabric.ended(reactor, [write]);
      const took = world.now - before;
      assert.ok(took >= probeMs && took < probeMs + 300, `${took} ms`);
      assert.equal(write.outcome, outcome.timedOut);
      assert.notEqual(write.verdict & verdict.mayStillExecute, 0);
      assert.match(association.error?.message ?? '', /Keep Alive/);
      await array.faults.openPort(1);
      await world.run({ until: () => path.open, maxVirtualMs: 60_000 });
      assert.equal(association.epoch, 2);
    });
  });

  it('lives on if only commands hang', async () => {
    await withFabric(2, 1, {}, async (fabric) => {
      const { reactor, world, array } = fabric;
      const association = await fabric.live(1, { katoMs: 60_000, ioTimeoutMs: 60_000 });
      array.faults.hangCommands(1, 1);
      const path = reactor.path(1);
      const write = reactor.submit(path, op.write, 0, 4096, pattern(4096, 1));
      await world.pass(10);
      for (let time = 0; time < 3; time += 1) {
        path.suspect();
        await world.pass(2 * probeMs);
      }
      assert.deepEqual([association.state, association.epoch, reactor.hasEnded(write)], ['live', 1, false]);
    });
  });

  it('is not judged by the time in which we ourselves stood still', async () => {
    const world = new World({ seed: 3 });
    const io = world.io('host');
    const asked = io.deferred<void>();
    const found = isAlive(io, { askAlive: () => asked.promise });
    io.stall(5 * probeMs);
    await world.pass(5 * probeMs + 200);
    asked.resolve();
    let alive: boolean | null = null;
    void found.then((is) => (alive = is));
    await world.pass(200);
    assert.equal(alive, true);
  });
});
