/** Paths that come and go under load, on two reactors, in a simulated world. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { op, Request } from '../block/request.ts';
import { type Status, status } from '../block/status.ts';
import { DeviceStatistics, pathCounter } from '../multipath/statistics.ts';
import { type TestHost, type TestLoad, type TestVolume, withVolumes } from './with-volumes.test.support.ts';

const fits = (): string => '';

const threePorts = { ports: [1, 2, 3].map((number) => ({ address: { host: `10.0.0.${number}`, port: 4420 } })) };

function controllers(host: TestHost): number {
  return host.array.stats.controllers.filter(({ ended }) => !ended).length;
}

async function goesOn(host: TestHost, loads: readonly TestLoad[], count = 50): Promise<void> {
  const before = loads.map(({ completed }) => completed);
  const isDone = (): boolean => loads.every(({ completed }, index) => completed >= before[index]! + count);
  await host.world.run({ until: isDone, maxVirtualMs: 60_000 });
}

/** A load on each of two reactors, which ends clean. */
async function underLoad(
  seed: number,
  options: Parameters<typeof withVolumes>[2],
  body: (host: TestHost, volume: TestVolume, loads: readonly TestLoad[]) => Promise<void>,
): Promise<void> {
  await withVolumes(seed, 2, options, async (host) => {
    const volume = await host.attach(1);
    const loads = [host.load(volume, 8, 0), host.load(volume, 8, 1)];
    await goesOn(host, loads);
    await body(host, volume, loads);
    await goesOn(host, loads);
    for (const load of loads) {
      await host.end(load);
      assert.deepEqual([load.failures, load.wrong], [[], 0]);
    }
  });
}

function commands(volume: TestVolume, index: number): number {
  const base = DeviceStatistics.pathBase(index);
  return volume.devices.reduce(
    (sum, { statistics }) => sum + statistics.get(base + pathCounter.reads) + statistics.get(base + pathCounter.writes),
    0,
  );
}

async function flush(host: TestHost, volume: TestVolume, reactor: number): Promise<Status> {
  const { io } = host.reactors[reactor]!;
  const ended = io.deferred<Status>();
  const request = new Request(io, 999);
  request.begin(op.flush, 0, 0, 0, 0, { onRequest: ({ status: outcome }) => ended.resolve(outcome) });
  volume.devices[reactor]!.submit(request);
  return await host.world.drive(ended.promise);
}

describe('a path is taken away under load', () => {
  it('without an error; its controller goes, its index is free, and the next path begins with nothing', () =>
    underLoad(1, {}, async (host, volume, loads) => {
      const [first] = volume.paths.list;
      await host.world.drive(volume.changes.remove(first!, false));
      assert.deepEqual(
        volume.paths.list.map(({ id }) => id),
        ['10.0.0.2:4420'],
      );
      for (const device of volume.devices) assert.equal(device.paths.members[0], undefined);
      assert.equal(commands(volume, 0), 0);
      await host.world.run({ until: () => controllers(host) === 1 });
      await goesOn(host, loads);
      const back = await host.world.drive(volume.changes.add(host.target(1, 1), fits));
      assert.deepEqual([back.index, back.id], [0, '10.0.0.1:4420']);
      assert.notEqual(back.association, first!.association);
      assert.deepEqual(volume.states, ['live-optimized', 'live-optimized']);
      await goesOn(host, loads);
      assert.ok(commands(volume, 0) > 0, 'the new path carries nothing');
      assert.equal(controllers(host), 2);
    }));

  it('from a controller that other volumes have, which goes on', () =>
    underLoad(2, {}, async (host, volume) => {
      const other = await host.attach(2);
      const load = host.load(other, 4);
      await host.world.drive(volume.changes.remove(volume.paths.list[1]!, false));
      assert.equal(controllers(host), 2);
      assert.deepEqual(other.states, ['live-optimized', 'live-optimized']);
      await goesOn(host, [load]);
      // The same association, under the index that it had.
      const back = await host.world.drive(volume.changes.add(host.target(2, 1), fits));
      assert.deepEqual([back.index, back.association], [1, other.associations[1]]);
      assert.equal(controllers(host), 2);
      assert.deepEqual(volume.states, ['live-optimized', 'live-optimized']);
      await goesOn(host, [load]);
      assert.ok(commands(volume, 1) > 0);
      await host.end(load);
      assert.deepEqual(load.failures, []);
    }));

  it('which answers nothing any more: what is under way is decided as lost', () =>
    underLoad(3, {}, async (host, volume, loads) => {
      host.array.faults.swallowPort(1);
      await host.world.pass(100);
      const before = host.world.now;
      await host.world.drive(volume.changes.remove(volume.paths.list[0]!, false), 120_000);
      assert.ok(host.world.now - before < 25_000, `it took ${host.world.now - before} ms`);
      await goesOn(host, loads);
      await host.world.drive(host.array.faults.openPort(1));
      const back = await host.world.drive(volume.changes.add(host.target(1, 1), fits));
      assert.equal(back.index, 0);
    }));

  it('again and again, one change after the other, while another path flaps', () =>
    underLoad(4, threePorts, async (host, volume) => {
      for (let round = 0; round < 6; round += 1) {
        const id = `10.0.0.${1 + (round % 2)}:4420`;
        const path = volume.paths.find('test', id);
        const work = [volume.changes.remove(path, false), volume.changes.add(host.target(1 + (round % 2), 1), fits)];
        await host.world.drive(host.array.faults.closePort(3));
        await host.world.pass(20);
        await host.world.drive(host.array.faults.openPort(3));
        await host.world.drive(Promise.all(work), 120_000);
        const [indexes, ids] = [volume.paths.list.map(({ index }) => index), volume.paths.list.map((each) => each.id)];
        assert.deepEqual(
          [indexes, ids.toSorted()],
          [
            [0, 1, 2],
            ['10.0.0.1:4420', '10.0.0.2:4420', '10.0.0.3:4420'],
          ],
        );
      }
    }));

  it('not the last one that lives, unless by force; then I/O waits until there is another', () =>
    withVolumes(5, 1, {}, async (host) => {
      const volume = await host.attach(1);
      const [first, second] = volume.paths.list;
      await host.world.drive(host.array.faults.closePort(2));
      await host.world.run({ until: () => volume.states[1] === 'down' });
      const refused = volume.changes.remove(first!, false);
      await assert.rejects(host.world.drive(refused), { code: 'last-path' });
      assert.equal(volume.states[0], 'live-optimized');
      await host.world.drive(volume.changes.remove(second!, false));
      await assert.rejects(host.world.drive(volume.changes.remove(first!, false)), { code: 'last-path' });
      await host.world.drive(volume.changes.remove(first!, true));
      assert.equal(volume.paths.list.length, 0);
      await host.world.run({ until: () => controllers(host) === 0 });
      const load = host.load(volume, 4);
      await host.world.pass(5000);
      assert.equal(load.completed, 0);
      await host.world.drive(volume.changes.add(host.target(1, 1), fits));
      await goesOn(host, [load]);
      await host.end(load);
      assert.deepEqual(load.failures, []);
    }));

  it('with a volatile cache behind it: what was acknowledged is flushed before', () =>
    underLoad(6, { volatileWriteCache: true }, async (host, volume, loads) => {
      const [first] = volume.paths.list;
      const gone = host.array.stats.controllers.filter(({ portid, ended }) => portid === 1 && !ended);
      assert.equal(gone.length, 1);
      await host.world.drive(volume.changes.remove(first!, false));
      assert.equal(volume.shared.ledger.isDirty(0), false);
      assert.equal(volume.shared.ledger.losses, 0, 'something was not flushed before its path went');
      for (const { cntlid } of gone) await host.world.drive(host.array.faults.loseCache(cntlid));
      await goesOn(host, loads, 200);
    }));

  it('whose flush meets a loss that nobody was told of: the next flush tells it', () =>
    withVolumes(7, 2, { volatileWriteCache: true }, async (host) => {
      const volume = await host.attach(1);
      const load = host.load(volume, 4);
      await goesOn(host, [load]);
      await host.end(load);
      assert.ok(volume.shared.ledger.isDirty(0));
      volume.shared.ledger.inherit();
      await host.world.drive(volume.changes.remove(volume.paths.list[0]!, false));
      assert.equal(await flush(host, volume, 1), status.ioError, 'the flush of the removal kept it for itself');
      assert.equal(await flush(host, volume, 0), status.ok);
    }));
});

describe('a path is refused that', () => {
  it('is there already, leads to another volume, does not fit, or can not be reached; nothing is left of it', () =>
    underLoad(8, threePorts, async (host, volume) => {
      const add = (port: number, nsid: number, unfit = fits): Promise<unknown> =>
        host.world.drive(volume.changes.add(host.target(port, nsid), unfit), 60_000);
      await assert.rejects(add(1, 1), { code: 'path-exists' });
      await host.world.drive(volume.changes.remove(volume.paths.find('test', '10.0.0.3:4420'), false));
      await assert.rejects(add(3, 2), { code: 'volume-disagrees' });
      await assert.rejects(
        add(3, 9),
        (error: { code?: string }) => error.code?.startsWith('nvme-') === true || error.code === 'volume-disagrees',
      );
      await assert.rejects(
        add(3, 1, () => 'its size is wrong'),
        { code: 'path-unfit', message: /its size is wrong/ },
      );
      await host.world.drive(host.array.faults.closePort(3));
      await assert.rejects(add(3, 1), { code: 'nvme-unreachable' });
      assert.equal(volume.paths.list.length, 2);
      await host.world.run({ until: () => host.associations === 2 });
      await host.world.drive(host.array.faults.openPort(3));
      await add(3, 1);
      assert.equal(volume.paths.list.length, 3);
    }));

  it('comes while the volume is detached', () =>
    withVolumes(9, 1, threePorts, async (host) => {
      const volume = await host.attach(1);
      await host.world.drive(volume.changes.remove(volume.paths.list[2]!, false));
      const late = assert.rejects(volume.changes.add(host.target(3, 1), fits), { code: 'volume-gone' });
      await host.world.drive(Promise.all([volume.changes.end(), late]));
      await assert.rejects(volume.changes.remove(volume.paths.list[0]!, true), { code: 'volume-gone' });
    }));

  it('would be one too many', () =>
    withVolumes(10, 1, {}, async (host) => {
      const volume = await host.attach(1);
      for (let index = 2; index < 64; index += 1)
        volume.paths.add({ index, association: 1000 + index, id: `x:${index}` });
      await assert.rejects(host.world.drive(volume.changes.add(host.target(3, 1), fits)), { code: 'too-many-paths' });
      for (const path of volume.paths.list.slice(2)) volume.paths.drop(path);
    }));
});
