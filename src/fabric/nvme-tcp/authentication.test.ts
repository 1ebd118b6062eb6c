/** Authentication between the initiator and the embedded array: what it takes, what is refused, and what comes after. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ArrayOptions } from '../../array/config.ts';
import { op } from '../../block/request.ts';
import type { ErrorCode } from '../../base/errors.ts';
import { replace } from '../../../sim/replace.ts';
import { verdict } from '../contract.ts';
import { ControllerSide } from './auth/controller-side.ts';
import { type GroupName, groupNames, type HashName, hashNames } from './auth/names.ts';
import type { DhchapKey, DhchapSecrets } from './auth/secret.ts';
import { discover } from './discovery.ts';
import { hostid, hostnqn, pattern, portAddress, type TestFabric, withFabric } from './with-fabric.test.support.ts';

const key = (salt: number, transform = 1): DhchapKey => ({ transform, key: pattern(32, salt) });
const oneWay: DhchapSecrets = { host: key(1), controller: null };
const mutual: DhchapSecrets = { host: key(1), controller: key(2) };

function array(
  secrets: DhchapSecrets,
  hash: HashName = 'sha256',
  group: GroupName = 'null',
  discovery = false,
): ArrayOptions {
  return { dhchap: { hosts: [{ hostnqn, secrets }], hash, group, discovery } };
}

/** A write and a read of it over each reactor. */
async function assertUsable(fabric: TestFabric, portid = 1): Promise<void> {
  await fabric.world.run({ until: () => fabric.reactors.every((reactor) => reactor.paths.size > 0) });
  for (const [index, reactor] of fabric.reactors.entries()) {
    const bytes = pattern(8192, index + 7);
    const write = reactor.submit(reactor.path(portid), op.write, index * 65_536, bytes.length, bytes);
    await fabric.ended(reactor, [write]);
    const read = reactor.submit(reactor.path(portid), op.read, index * 65_536, bytes.length);
    await fabric.ended(reactor, [read]);
    assert.equal(write.verdict, verdict.ok);
    assert.equal(read.verdict, verdict.ok);
    assert.deepEqual(reactor.payload(read), bytes);
  }
}

async function assertRefused(
  options: ArrayOptions,
  dhchap: DhchapSecrets | null,
  code: ErrorCode,
  more: { hostnqn?: string } = {},
): Promise<void> {
  await withFabric(77, 2, options, async (fabric) => {
    const association = fabric.add(1, { dhchap, ...more });
    const error = await fabric.world.drive(association.attempted);
    assert.equal(error?.code, code, error?.message);
    assert.ok(error.hint.length > 0);
    assert.equal(fabric.reactor.paths.size, 0);
    await fabric.world.drive(fabric.lead.remove(association));
    await fabric.world.run({ until: () => fabric.array.stats.ports.every(({ connections }) => connections === 0) });
    assert.equal(fabric.array.stats.authentications, 0);
  });
}

async function timeOfRun(): Promise<number> {
  let now = 0;
  await withFabric(11, 2, array(mutual, 'sha256', 'ffdhe2048'), async (fabric) => {
    await fabric.live(1, { dhchap: mutual });
    now = fabric.world.now;
  });
  return now;
}

async function ask(fabric: TestFabric, dhchap: DhchapSecrets | null): Promise<number> {
  const { io } = fabric.reactor;
  const found = await fabric.world.drive(discover(io, { address: portAddress(1), hostnqn, hostid, dhchap }));
  return found.length;
}

describe('a host and an array that know the secrets', () => {
  for (const hash of hashNames) {
    for (const group of groupNames) {
      // The groups in between differ by their prime only.
      if (hash !== 'sha256' && group !== 'null' && group !== 'ffdhe2048') continue;
      test(`agree with ${hash} and ${group}, one way and both`, async () => {
        for (const secrets of [oneWay, mutual]) {
          await withFabric(5, 2, array(secrets, hash, group), async (fabric) => {
            const association = await fabric.live(1, { dhchap: secrets });
            const isMutual = secrets.controller !== null;
            assert.deepEqual(association.ready?.authenticated, { hash, group, isMutual });
            // The admin queue and an I/O queue of each reactor.
            assert.equal(fabric.array.stats.authentications, 3);
            assert.equal(fabric.array.stats.authenticationsRefused, 0);
            assert.deepEqual(fabric.array.stats.controllers[0]?.authenticated, { hash, group, isMutual });
            await assertUsable(fabric);
          });
        }
      });
    }
  }

  test('agree whatever the keys are bound with, and however long they are', async () => {
    for (const transform of [0, 1, 2, 3]) {
      for (const bytes of [32, 48, 64]) {
        const secrets = {
          host: { transform, key: pattern(bytes, 3) },
          controller: { transform: 3 - transform, key: pattern(bytes, 4) },
        };
        await withFabric(6, 1, array(secrets, 'sha384'), async (fabric) => {
          await fabric.live(1, { dhchap: secrets });
        });
      }
    }
  });

  test('a host that could ask the array to prove itself, and does not, is not told more than it asked for', async () => {
    await withFabric(8, 1, array(mutual), async (fabric) => {
      const association = await fabric.live(1, { dhchap: oneWay });
      assert.equal(association.ready?.authenticated?.isMutual, false);
    });
  });

  test('a queue that takes no data in its capsules is authenticated too, and with digests', async () => {
    const options = { ...array(mutual, 'sha512', 'ffdhe2048'), limits: { inCapsuleBytes: 0 } };
    await withFabric(9, 2, options, async (fabric) => {
      await fabric.live(1, { dhchap: mutual, digests: 3 });
      await assertUsable(fabric);
    });
  });

  test('a host of several paths does so on each of them, and again after a loss', async () => {
    await withFabric(10, 2, array(mutual, 'sha256', 'ffdhe2048'), async (fabric) => {
      const association = await fabric.live(1, { dhchap: mutual });
      await fabric.live(2, { dhchap: mutual });
      assert.equal(fabric.array.stats.authentications, 6);
      fabric.array.faults.cutPort(1);
      await fabric.world.run({ until: () => association.state !== 'live' });
      await fabric.world.run({ until: () => association.state === 'live', maxVirtualMs: 30_000 });
      assert.equal(fabric.array.stats.authentications, 9);
      assert.equal(association.ready?.authenticated?.isMutual, true);
      await fabric.world.run({ until: () => fabric.reactor.paths.size === 2 });
      await assertUsable(fabric);
    });
  });

  test('the same seed makes the same run', async () => {
    assert.equal(await timeOfRun(), await timeOfRun());
  });
});

describe('who is refused', () => {
  test('a host without a secret', () => assertRefused(array(oneWay), null, 'nvme-authentication-required'));

  test('a host with another secret', async () => {
    for (const group of ['null', 'ffdhe2048'] as const) {
      const wrong = { host: key(9), controller: null };
      await assertRefused(array(oneWay, 'sha256', group), wrong, 'nvme-authentication-refused');
    }
  });

  test('a host with the secret of another name', async () => {
    const other = 'nqn.2026-11.io.causeway:other';
    const options: ArrayOptions = {
      dhchap: {
        hosts: [
          { hostnqn, secrets: oneWay },
          { hostnqn: other, secrets: { host: key(3), controller: null } },
        ],
        hash: 'sha256',
        group: 'null',
        discovery: false,
      },
    };
    await assertRefused(options, oneWay, 'nvme-authentication-refused', { hostnqn: other });
  });

  test('a host that the array does not know', () =>
    assertRefused(array(oneWay), oneWay, 'nvme-connect-refused', { hostnqn: 'nqn.2026-11.io.causeway:stranger' }));

  test('an array with another secret of its own', () =>
    assertRefused(
      array({ host: key(1), controller: key(3) }, 'sha256', 'ffdhe2048'),
      mutual,
      'nvme-controller-not-authentic',
    ));

  test('an array that has no secret of its own', () =>
    assertRefused(array(oneWay), mutual, 'nvme-authentication-refused'));

  test('an array that does not ask, when it is to prove itself', () =>
    assertRefused({}, mutual, 'nvme-authentication-downgrade'));

  test('nobody, by an array that asks nobody, if the host does not insist', async () => {
    await withFabric(12, 1, {}, async (fabric) => {
      const association = await fabric.live(1, { dhchap: oneWay });
      assert.equal(association.ready?.authenticated, null);
      await assertUsable(fabric);
    });
  });

  test('and hears so, whether the array says why or ends the connection in place of it', async () => {
    // As Linux's target does, whose fatal error overtakes its answer.
    for (const [secrets, code] of [
      [{ host: key(9), controller: null }, 'nvme-authentication-refused'],
      [{ host: key(1), controller: key(9) }, 'nvme-controller-not-authentic'],
    ] as const) {
      await withFabric(16, 1, array(mutual), async (fabric) => {
        const cut = (): void => fabric.array.faults.cutPort(1);
        const restore = [
          replace(ControllerSide.prototype, 'next', (next) => {
            return function fetched(this: ControllerSide, result) {
              if (this.step === 'failure') cut();
              return next.call(this, result);
            };
          }),
          replace(ControllerSide.prototype, 'onSent', (onSent) => {
            return function sent(this: ControllerSide, bytes) {
              const work = onSent.call(this, bytes);
              if (this.step === 'refused') cut();
              return work;
            };
          }),
        ];
        try {
          const association = fabric.add(1, { dhchap: secrets });
          const error = await fabric.world.drive(association.attempted);
          assert.equal(error?.code, code, error?.message);
        } finally {
          for (const undo of restore) undo();
        }
      });
    }
  });

  test('a host that is refused does not come back faster than its longest wait', async () => {
    await withFabric(13, 1, array(oneWay), async (fabric) => {
      const association = fabric.add(1, { dhchap: mutual, reconnectFirstMs: 10, reconnectLongestMs: 4000 });
      const begin = fabric.world.now;
      await fabric.world.run({ until: () => association.epoch === 5, maxVirtualMs: 60_000 });
      assert.ok(fabric.world.now - begin >= 4 * 2000, `four waits took ${fabric.world.now - begin} ms`);
      assert.equal(association.error?.code, 'nvme-authentication-refused');
    });
  });
});

describe('a discovery service', () => {
  test('that asks for authentication gets it', async () => {
    const options = array(mutual, 'sha256', 'ffdhe2048', true);
    await withFabric(14, 1, options, async (fabric) => {
      assert.ok((await ask(fabric, mutual)) > 0);
      await assert.rejects(ask(fabric, null), { code: 'nvme-authentication-required' });
      assert.equal(fabric.array.stats.authentications, 1);
    });
  });

  test('that does not ask is believed: whoever it names has to prove itself', async () => {
    await withFabric(15, 1, array(mutual), async (fabric) => {
      assert.ok((await ask(fabric, mutual)) > 0);
      assert.equal(fabric.array.stats.authentications, 0);
    });
  });
});
