/** Reconnecting: when, for how long, and that nobody else notices anything of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { op } from '../../block/request.ts';
import { verdict } from '../contract.ts';
import { portAddress, withFabric } from './with-fabric.test.support.ts';

test('a path that is dead in any way delays neither I/O, nor reconnects, nor new paths of another', async () => {
  for (const dead of ['blackholed', 'swallowing', 'closed', 'refusing'] as const) {
    await withFabric(31, 2, {}, async (fabric) => {
      const { reactor, world, array } = fabric;
      const lost = await fabric.live(1, { ioTimeoutMs: 1000, userTimeoutMs: 1000, katoMs: 2000 });
      await fabric.live(2);
      await world.run({ until: () => reactor.paths.size === 2 });
      const path = reactor.path(2);
      if (dead === 'blackholed') world.faults.blackhole(portAddress(1).host);
      if (dead === 'swallowing') array.faults.swallowPort(1);
      if (dead === 'closed') await world.drive(array.faults.closePort(1));
      if (dead === 'refusing') {
        array.faults.refusePort(1);
        array.faults.cutPort(1);
      }
      const until = world.now + 30_000;
      let slowest = 0;
      for (let round = 0; world.now < until; round += 1) {
        const before = world.now;
        const part = reactor.submit(path, op.read, 0, 4096);
        await fabric.ended(reactor, [part]);
        assert.equal(part.verdict, verdict.ok);
        slowest = Math.max(slowest, world.now - before);
        await world.pass(100);
        if (round === 100) {
          const joined = fabric.add(2);
          const began = world.now;
          assert.equal(await world.drive(joined.attempted), null);
          assert.ok(world.now - began < 1000, `${dead}: another path took ${world.now - began} ms to attach`);
          await world.drive(fabric.lead.remove(joined));
        }
        if (round === 150) {
          const began = world.now;
          array.faults.cutPort(2);
          await world.run({ until: () => !path.open });
          await world.run({ until: () => path.open });
          assert.ok(world.now - began < 1500, `${dead}: another path took ${world.now - began} ms to come back`);
        }
      }
      assert.ok(slowest < 200, `${dead}: a read over another path took ${slowest} ms`);
      assert.ok(lost.epoch > 3 && lost.state !== 'live', `${dead}: it was not tried again and again`);
      world.faults.heal(portAddress(1).host);
      await world.drive(array.faults.openPort(1));
      await world.run({ until: () => lost.state === 'live', maxVirtualMs: 30_000 });
    });
  }
});

test('waits grow from the first to the longest, jittered, and are known beforehand', async () => {
  await withFabric(32, 1, {}, async (fabric) => {
    const { world, array, reactors } = fabric;
    const association = await fabric.live(1, { reconnectFirstMs: 100, reconnectLongestMs: 2000 });
    const waits: number[] = [];
    let dueAt = 0;
    const onState = fabric.onState.bind(fabric);
    fabric.onState = (one, state, error) => {
      onState(one, state, error);
      const now = reactors[0]?.io.clock.now() ?? assert.fail();
      if (state === 'waiting') {
        waits.push(one.retryAt - now);
        dueAt = one.retryAt;
      } else if (state === 'connecting') {
        assert.ok(now >= dueAt && now < dueAt + 5, 'it connects when it said');
        assert.equal(one.retryAt, 0);
      }
    };
    await world.drive(array.faults.closePort(1));
    await world.run({ until: () => waits.length === 12, maxVirtualMs: 60_000 });
    for (const [index, wait] of waits.entries()) {
      const longest = Math.min(2000, 100 * 2 ** index);
      assert.ok(wait >= longest / 2 && wait <= longest, `wait ${index}: ${wait} ms of ${longest}`);
    }
    assert.ok(new Set(waits.slice(-4)).size === 4, 'each host waits in its own time');
    await world.drive(array.faults.openPort(1));
    await world.run({ until: () => association.state === 'live' });
  });
});
