import assert from 'node:assert/strict';
import { describe, it as test } from 'node:test';
import type { DhchapSecrets } from '../fabric/nvme-tcp/auth/secret.ts';
import { type TestHost, type TestLoad, type TestVolume, withVolumes } from './with-volumes.test.support.ts';

const mebi = 2 ** 20;

function controllers(host: TestHost): number {
  return host.array.stats.controllers.filter(({ ended }) => !ended).length;
}

/** Writes and reads on the load go on. */
async function goesOn(host: TestHost, load: TestLoad, count = 50): Promise<void> {
  const before = load.completed;
  await host.world.run({ until: () => load.completed >= before + count, maxVirtualMs: 30_000 });
}

function secret(salt: number): { dhchap: DhchapSecrets } {
  return { dhchap: { host: { transform: 1, key: new Uint8Array(32).fill(salt) }, controller: null } };
}

async function loaded(host: TestHost, volume: TestVolume): Promise<TestLoad> {
  const load = host.load(volume, 8);
  await goesOn(host, load);
  return load;
}

const bothLive = ({ states }: TestVolume): boolean => states.join() === 'live-optimized,live-optimized';

describe('volumes of one subsystem', () => {
  test('have the same controllers, one at a port, and the last one takes them away', () =>
    withVolumes(1, 2, {}, async (host) => {
      const one = await host.attach(1);
      assert.equal(controllers(host), 2);
      const two = await host.attach(2);
      const three = await host.attach(3);
      assert.equal(controllers(host), 2);
      assert.deepEqual(two.associations, one.associations);
      assert.deepEqual(three.associations, one.associations);
      for (const volume of [one, two, three]) assert.deepEqual(volume.states, ['live-optimized', 'live-optimized']);
      await host.detach(one);
      await host.detach(three);
      await host.end(await loaded(host, two));
      assert.equal(controllers(host), 2);
      await host.detach(two);
      await host.world.run({ until: () => controllers(host) === 0 });
    }));

  test('that are attached at the same time as well', () =>
    withVolumes(2, 1, {}, async (host) => {
      const all = await host.world.drive(Promise.all([1, 2, 3].map((nsid) => host.begin(nsid))));
      assert.equal(controllers(host), 2);
      const volumes = all.map((attached) => host.make(attached));
      assert.deepEqual(
        volumes.map(({ attached }) => attached.info.nsid),
        [1, 2, 3],
      );
      await host.world.run({ until: () => volumes.every(bothLive) });
    }));

  test('with other options of the connection have controllers of their own', () =>
    withVolumes(3, 1, {}, async (host) => {
      const one = await host.attach(1);
      const other = await host.attach(2, { katoMs: 5000 });
      const third = await host.attach(3, { katoMs: 15_000 });
      assert.equal(controllers(host), 4);
      assert.ok(other.associations.every((association) => !one.associations.includes(association)));
      assert.deepEqual(third.associations, one.associations);
    }));

  test('with other secrets have controllers of their own, and with the same ones do not', () =>
    withVolumes(3, 1, {}, async (host) => {
      const one = await host.attach(1, secret(1));
      const other = await host.attach(2, secret(2));
      const again = await host.attach(3, secret(1));
      assert.equal(controllers(host), 4);
      assert.ok(other.associations.every((association) => !one.associations.includes(association)));
      assert.deepEqual(again.associations, one.associations);
    }));

  test('an attach that fails disturbs nobody and leaves nothing', () =>
    withVolumes(4, 1, {}, async (host) => {
      const one = await host.attach(1);
      const load = await loaded(host, one);
      await assert.rejects(host.world.drive(host.begin(9)), { code: 'nvme-no-namespace' });
      await assert.rejects(host.world.drive(host.begin(undefined)), { code: 'namespace-ambiguous' });
      assert.equal(controllers(host), 2);
      await goesOn(host, load);
      await host.end(load);
      assert.deepEqual(load.failures, []);
      assert.equal(host.reactors[0]!.volumes.holding(one.number).length, 0);
    }));

  test('a namespace that can not be served hurts none of the others', () =>
    withVolumes(
      5,
      1,
      {
        volumes: [
          { nsid: 1, name: 'good', sizeBytes: mebi },
          { nsid: 2, name: 'nameless', sizeBytes: mebi, nguid: null, uuid: null },
        ],
      },
      async (host) => {
        const one = await host.attach(1);
        const load = await loaded(host, one);
        await assert.rejects(host.world.drive(host.begin(2)), { code: 'nvme-no-identifier' });
        await host.end(load);
        assert.deepEqual(load.failures, []);
        assert.deepEqual(one.states, ['live-optimized', 'live-optimized']);
      },
    ));

  test('a volume that comes while a path is down gets it when it is back, at once if it can', () =>
    withVolumes(6, 1, {}, async (host) => {
      const one = await host.attach(1);
      await host.world.drive(host.array.faults.closePort(2));
      await host.world.run({ until: () => one.states[1] === 'down' });
      // By now it is tried once in five seconds.
      await host.world.pass(60_000);
      const two = await host.attach(2);
      assert.deepEqual(two.states, ['live-optimized', 'unknown']);
      await host.world.drive(host.array.faults.openPort(2));
      const before = host.world.now;
      const three = await host.attach(3);
      assert.ok(host.world.now - before < 500, `attaching took ${host.world.now - before} ms`);
      const all = [one, two, three];
      await host.world.run({
        until: () => all.every(({ states }) => states[1] === 'live-optimized'),
        maxVirtualMs: 500,
      });
    }));

  test('a volume that comes when all paths are down and an old error is known asks again', () =>
    withVolumes(7, 1, {}, async (host) => {
      const one = await host.attach(1);
      for (const port of [1, 2]) await host.world.drive(host.array.faults.closePort(port));
      await host.world.pass(30_000);
      await assert.rejects(host.world.drive(host.begin(2)), { code: 'nvme-unreachable' });
      for (const port of [1, 2]) await host.world.drive(host.array.faults.openPort(port));
      const two = await host.attach(2);
      await host.world.run({ until: () => [one, two].every(bothLive) });
      assert.deepEqual(two.associations, one.associations);
    }));

  test('access of a path that is known already is right for a volume that comes later', () =>
    withVolumes(
      8,
      2,
      {
        volumes: [
          { nsid: 1, name: 'one', sizeBytes: mebi, anagrpid: 1 },
          { nsid: 2, name: 'two', sizeBytes: mebi, anagrpid: 2 },
        ],
      },
      async (host) => {
        const one = await host.attach(1);
        host.array.faults.setAna(2, 2, 'non-optimized');
        host.array.faults.setAna(1, 2, 'inaccessible');
        const two = await host.attach(2);
        assert.deepEqual(one.states, ['live-optimized', 'live-optimized']);
        assert.deepEqual(two.states, ['inaccessible', 'live-non-optimized']);
        host.array.faults.setAna(1, 2, 'optimized');
        await host.world.run({ until: () => two.states[0] === 'live-optimized' });
        assert.deepEqual(one.states, ['live-optimized', 'live-optimized']);
      },
    ));

  test('a namespace that goes and comes is that of its own volume only', () =>
    withVolumes(9, 2, {}, async (host) => {
      const [one, two] = [await host.attach(1), await host.attach(2)];
      const load = await loaded(host, one);
      await host.world.drive(host.array.faults.removeVolume(2));
      await host.world.run({ until: () => two.states.every((state) => state === 'removed') });
      assert.deepEqual(one.states, ['live-optimized', 'live-optimized']);
      await host.world.drive(host.array.faults.addVolume({ nsid: 2, name: 'volume-2', sizeBytes: mebi }));
      await host.world.run({ until: () => two.states.every((state) => state === 'live-optimized') });
      await host.end(load);
      assert.deepEqual(load.failures, []);
      assert.equal(host.events.filter(({ kind }) => kind === 'path-refused').length, 0);
    }));
});

describe('when a shared controller is lost', () => {
  for (const ghostWrites of ['quarantine', 'strict'] as const) {
    test(`all volumes lose a path, none an I/O, and all hear of the fence (${ghostWrites})`, () =>
      withVolumes(10, 2, { ccrl: 0, cqt: 1 }, async (host) => {
        const volumes: TestVolume[] = [];
        for (const nsid of [1, 2]) volumes.push(await host.attach(nsid, { katoMs: 2000 }, { ghostWrites }));
        // Nothing of it is under way when the controller is lost.
        const idle = await host.attach(3, { katoMs: 2000 }, { ghostWrites });
        const loads = volumes.flatMap((volume) => [host.load(volume, 8, 0), host.load(volume, 8, 1)]);
        for (const load of loads) await goesOn(host, load);
        await host.world.drive(host.array.faults.closePort(1));
        await host.world.run({ until: () => [...volumes, idle].every(({ states }) => states[0] === 'down') });
        for (const load of loads) await goesOn(host, load, 10);
        const fenced = (): boolean =>
          host.leadEvents.some((event) => event.kind === 'fenced' && event.epoch === 1 && event.how === 'time');
        await host.world.run({ until: fenced, maxVirtualMs: 60_000 });
        await host.world.pass(10);
        for (const volume of [...volumes, idle]) {
          assert.deepEqual(volume.shared.gate.entries(), []);
          for (const device of volume.devices) assert.equal(device.stuck, 0);
        }
        await host.world.drive(host.array.faults.openPort(1));
        await host.world.run({ until: () => [...volumes, idle].every(({ states }) => states[0] === 'live-optimized') });
        for (const load of loads) {
          await host.end(load);
          assert.deepEqual(load.failures, []);
        }
      }));
  }

  test('what one volume has in doubt keeps the whole life from counting as fenced', () =>
    withVolumes(11, 1, { ccrl: 0, cqt: 1 }, async (host) => {
      const [one, two] = [await host.attach(1, { katoMs: 2000 }), await host.attach(2, { katoMs: 2000 })];
      host.array.faults.delayExecution(1, { milliseconds: Number.POSITIVE_INFINITY });
      const load = host.load(two, 4);
      await host.world.run({ until: () => two.device.paths.member(0).path.inFlight > 0 });
      const begin = host.world.now;
      await host.world.drive(host.array.faults.closePort(1));
      const fence = (): unknown => host.leadEvents.find((event) => event.kind === 'fenced' && event.epoch === 1);
      await host.world.run({ until: () => one.states[0] === 'down' && two.shared.gate.entries().length > 0 });
      assert.equal(fence(), undefined);
      assert.deepEqual(one.shared.gate.entries(), []);
      assert.ok(two.shared.gate.entries().every(({ controller }) => controller === two.associations[0]));
      await host.world.run({ until: () => fence() !== undefined, maxVirtualMs: 30_000 });
      assert.ok(host.world.now - begin >= 4000);
      host.array.faults.delayExecution(1, { milliseconds: 0 });
      await host.end(load);
    }));
});

describe('taking one of several volumes away', () => {
  test('under load of the others: nothing of theirs is aborted, and it may come again at once', () =>
    withVolumes(12, 2, {}, async (host) => {
      const [one, two] = [await host.attach(1), await host.attach(2)];
      const load = await loaded(host, one);
      for (let turn = 0; turn < 5; turn += 1) {
        const other = turn === 0 ? two : await host.attach(2);
        const others = host.load(other, 8, 1);
        await goesOn(host, others);
        await host.end(others);
        assert.deepEqual(others.failures, []);
        await host.detach(other);
      }
      await goesOn(host, load);
      await host.end(load);
      assert.deepEqual(load.failures, []);
      assert.equal(
        host.leadEvents.filter((event) => event.kind === 'association' && event.view.state === 'condemned').length,
        0,
      );
    }));

  test('controllers that go on are not among those that the next program would have to reset for it', () =>
    withVolumes(15, 2, { ccrl: 0, cqt: 1 }, async (host) => {
      const [, two] = [await host.attach(1, { katoMs: 2000 }), await host.attach(2, { katoMs: 2000 })];
      const load = await loaded(host, two);
      assert.equal(two.shared.lives.instances()?.length, 2);
      await host.world.drive(host.array.faults.closePort(1));
      await host.world.run({ until: () => two.shared.gate.entries().length > 0 });
      const lost = host.array.stats.controllers.filter(({ portid }) => portid === 1).map(({ cntlid }) => cntlid);
      assert.equal(lost.length, 1);
      await host.end(load);
      await host.detach(two);
      assert.deepEqual(
        two.shared.lives.instances()?.map(({ cntlid }) => cntlid),
        lost,
      );
    }));

  test('whose requests a hung controller holds: they come back, and the others lose no I/O', () =>
    withVolumes(13, 2, { ccrl: 4 }, async (host) => {
      const [one, two] = [await host.attach(1), await host.attach(2)];
      const load = await loaded(host, one);
      const gone = host.load(two, 8, 1);
      await goesOn(host, gone);
      host.array.faults.swallowPort(1);
      await host.world.run({ until: () => two.devices[1]!.paths.member(0).path.inFlight > 0 });
      gone.stop();
      await host.world.pass(1000);
      assert.equal(gone.ended, false);
      const holding = host.reactors.flatMap(({ volumes }) => volumes.holding(two.number));
      assert.deepEqual(holding, [two.associations[0]]);
      const before = host.world.now;
      host.lead.reset(holding);
      await host.world.run({ until: () => gone.ended });
      assert.ok(host.world.now - before < 1000, `${host.world.now - before} ms`);
      assert.deepEqual(gone.failures, []);
      await host.detach(two);
      await goesOn(host, load);
      await host.end(load);
      assert.deepEqual(load.failures, []);
      await host.world.drive(host.array.faults.openPort(1));
      await host.world.run({ until: () => one.states[0] === 'live-optimized' });
    }));
});

describe('room of a shared queue', () => {
  test('goes by turns: a volume that wants all of it leaves the others their part', () =>
    withVolumes(14, 1, { ports: [{ address: { host: '10.0.0.1', port: 4420 } }] }, async (host) => {
      const options = { queueDepth: 16 };
      const [one, two, three] = [
        await host.attach(1, options),
        await host.attach(2, options),
        await host.attach(3, options),
      ];
      const greedy = host.load(one, 200);
      await goesOn(host, greedy, 500);
      const loads = [greedy, host.load(two, 60), host.load(three, 8)];
      await goesOn(host, loads[1]!, 100);
      const before = loads.map(({ completed }) => completed);
      await goesOn(host, greedy, 2000);
      const done = loads.map(({ completed }, index) => completed - before[index]!);
      // Those that want more than a third get a third each, or more of what is left; who wants less gets that.
      const total = done.reduce((sum, count) => sum + count, 0);
      assert.ok(Math.min(...done) > total / 4, `completed: ${done.join(', ')}`);
      for (const load of loads) await host.end(load);
    }));
});
