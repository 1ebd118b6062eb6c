import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Op, op } from '../../block/request.ts';
import { type Part, verdict } from '../contract.ts';
import { pattern, type TestFabric, withFabric } from './with-fabric.test.support.ts';

/**
 * Two ports, two reactors, I/O all the time, and something goes wrong every few hundred milliseconds. What must hold:
 * every part comes back exactly once; each life ends with exactly one fence; in the end the paths are open again; no
 * memory is lost. The world checks besides that no operation's memory is freed or reused.
 */
async function chaos(fabric: TestFabric, rounds: number): Promise<void> {
  const { world, array } = fabric;
  const { random } = world;
  const given: Part[] = [];
  const submitSome = (): void => {
    for (const reactor of fabric.reactors) {
      for (const { path } of reactor.paths.values()) {
        for (let i = random.below(6); i > 0 && path.open && path.hasRoom; i -= 1) {
          const operation = [op.read, op.write, op.write, op.flush][random.below(4)] as Op;
          const length = operation === op.flush ? 0 : 4096 << random.below(6);
          const offset = operation === op.flush ? 0 : 4096 * random.below(1024);
          given.push(
            reactor.submit(path, operation, offset, length, operation === op.write ? pattern(length, i) : null),
          );
        }
      }
    }
  };
  for (let round = 0; round < rounds; round += 1) {
    const portid = 1 + random.below(2);
    submitSome();
    switch (random.below(8)) {
      case 0:
        array.faults.cutPort(portid);
        break;
      case 1:
        await world.drive(array.faults.closePort(portid));
        break;
      case 2:
        array.faults.swallowPort(portid);
        break;
      case 3:
        array.faults.delayExecution(portid, { milliseconds: random.below(400) });
        break;
      case 4:
        array.faults.refusePort(portid);
        break;
      case 5:
        array.faults.corruptDigests(portid, random.below(2) === 0 ? 'header' : 'data', 1);
        break;
      case 6:
        fabric.reactors[random.below(2)]?.io.stall(random.below(3000));
        break;
      default:
        await world.drive(array.faults.openPort(portid));
    }
    await world.pass(random.below(300));
    submitSome();
    await world.pass(random.below(40));
  }
  for (const portid of [1, 2]) {
    await world.drive(array.faults.openPort(portid));
    array.faults.delayExecution(portid, { milliseconds: 0 });
  }
  const ended = (): number => fabric.reactors.reduce((sum, reactor) => sum + reactor.ended.length, 0);
  await world.run({ until: () => ended() >= given.length, maxVirtualMs: 120_000 });
  const isUp = (): boolean =>
    fabric.reactors.every(({ paths }) => [1, 2].every((port) => paths.get(`10.0.0.${port}:4420/1`)?.path.open));
  await world.run({ until: isUp, maxVirtualMs: 120_000 });
  assert.equal(ended(), given.length, 'a part came back twice');
  assert.equal(new Set(fabric.reactors.flatMap((reactor) => reactor.ended)).size, given.length);
  for (const part of given) {
    const isLost = (part.verdict & verdict.mayStillExecute) !== 0;
    assert.ok(!isLost || part.op === op.write, 'only what changes data can be a ghost');
  }
  // All lives but the present ones end with a fence, told to every reactor.
  const lives = [...fabric.lead.associations].map(({ number, epoch }) => ({ number, epoch }));
  const allFenced = (): boolean =>
    fabric.reactors.every(({ side }) =>
      lives.every(({ number, epoch }) =>
        Array.from({ length: epoch - 1 }, (_, i) => i + 1).every((one) => side.isFenced(number, one)),
      ),
    );
  await world.run({ until: allFenced, maxVirtualMs: 200_000 });
  assert.equal(new Set(fabric.fences.map(({ number, epoch }) => `${number}.${epoch}`)).size, fabric.fences.length);
}

for (let seed = 1; seed <= 25; seed += 1) {
  test(`faults at random, seed ${seed}`, async () => {
    const ccrl = seed % 2 === 0 ? 2 : 0;
    await withFabric(seed, 2, { ccrl, cqt: 500 }, async (fabric) => {
      const quick = { ioTimeoutMs: 1500, adminTimeoutMs: 1000, handshakeMs: 500, katoMs: 2000, digests: seed % 4 };
      await fabric.live(1, quick);
      await fabric.live(2, quick);
      await chaos(fabric, 40);
    });
  });
}
