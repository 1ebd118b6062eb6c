import assert from 'node:assert/strict';
import { test } from 'node:test';
import { discover } from './discovery.ts';
import { hostid, hostnqn, portAddress, subnqn, withFabric } from './with-fabric.test.support.ts';

test('the array tells its ports', async () => {
  await withFabric(1, 1, {}, async ({ world, reactor }) => {
    const found = await world.drive(discover(reactor.io, { address: portAddress(1), hostid, hostnqn }));
    const volumes = found.filter(({ kind }) => kind === 'subsystem');
    assert.deepEqual(
      volumes.map(({ address }) => address),
      [portAddress(1), portAddress(2)],
    );
    for (const way of volumes) assert.equal(way.subnqn, subnqn);
  });
});

test('a log of many entries is read whole', async () => {
  const ports = Array.from({ length: 40 }, (_, i) => ({ address: { host: `10.0.1.${i + 1}`, port: 4420 } }));
  await withFabric(2, 1, { ports }, async ({ world, reactor }) => {
    const found = await world.drive(
      discover(reactor.io, { address: { host: '10.0.1.7', port: 4420 }, hostid, hostnqn }),
    );
    assert.equal(found.filter(({ kind }) => kind === 'subsystem').length, 40);
  });
});

test('nobody there: a coded error, and nothing left behind', async () => {
  await withFabric(3, 1, {}, async ({ world, reactor }) => {
    const asking = discover(reactor.io, { address: { host: '10.0.0.77', port: 8009 }, hostid, hostnqn });
    await assert.rejects(world.drive(asking), { code: 'nvme-unreachable' });
    assert.deepEqual(reactor.io.describe(), []);
  });
});

test('a volume port that is asked for discovery only by mistake is told by name', async () => {
  await withFabric(4, 1, { ports: [{ address: portAddress(1), offers: 'subsystem' }] }, async ({ world, reactor }) => {
    const asking = discover(reactor.io, { address: portAddress(1), hostid, hostnqn });
    await assert.rejects(world.drive(asking), { code: 'nvme-connect-refused' });
  });
});
