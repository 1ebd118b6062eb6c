import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CausewayError } from '../../base/errors.ts';
import { op } from '../../block/request.ts';
import { type Part, verdict } from '../contract.ts';
import { access } from './messages.ts';
import { anaTransitionMs } from './namespace-watch.ts';
import { outcome, outcomeName } from './status.ts';
import { pattern, portAddress, type TestFabric, withFabric } from './with-fabric.test.support.ts';

const lostWrite =
  verdict.failed | verdict.pathFault | verdict.mayHaveExecuted | verdict.mayStillExecute | verdict.retryElsewhere;
const lostRead = verdict.failed | verdict.pathFault | verdict.retryElsewhere;

/** Writes that the array holds back, so that they are under way when the connection ends. */
async function heldWrites(fabric: TestFabric, portid: number, count: number): Promise<Part[]> {
  fabric.array.faults.delayExecution(portid, { milliseconds: Number.POSITIVE_INFINITY });
  const { reactor } = fabric;
  const parts: Part[] = [];
  for (let i = 0; i < count; i += 1) {
    parts.push(reactor.submit(reactor.path(portid), op.write, i * 4096, 4096, pattern(4096, i)));
  }
  await fabric.world.pass(20);
  return parts;
}

test('comes up on every reactor, and goes down without a trace', async () => {
  await withFabric(1, 3, {}, async (fabric) => {
    const association = await fabric.live(1);
    await fabric.world.run({ until: () => fabric.reactors.every(({ paths }) => paths.size === 1) });
    assert.equal(association.queues, 3);
    for (const reactor of fabric.reactors) {
      const path = reactor.path(1);
      assert.ok(path.open);
      assert.equal(path.epoch, 1);
      assert.equal(path.controller, association.number);
      const part = reactor.submit(path, op.read, 0, 4096);
      await fabric.ended(reactor, [part]);
      assert.equal(part.verdict, verdict.ok);
    }
    const { info } = fabric.reactor.paths.get(fabric.reactor.path(1).id) ?? assert.fail();
    assert.equal(info.sizeBytes, 16 * 2 ** 20);
    assert.match(info.identity.id, /^nguid\./);
    await fabric.world.drive(fabric.lead.remove(association));
    assert.deepEqual(fabric.states, ['1:connecting', '1:live', '1:condemned', '1:closed']);
    assert.deepEqual(fabric.fences, [{ number: 1, epoch: 1, how: 'nothing-in-doubt' }]);
    for (const reactor of fabric.reactors) assert.equal(reactor.paths.size, 0);
    await fabric.world.run({ until: () => fabric.array.stats.controllers.length === 0 });
  });
});

test('fewer I/O queues than reactors: as many reactors as queues have paths', async () => {
  await withFabric(2, 4, { limits: { maxIoQueues: 2 } }, async (fabric) => {
    const association = await fabric.live(1);
    await fabric.world.pass(100);
    assert.equal(association.queues, 2);
    assert.deepEqual(
      fabric.reactors.map(({ paths }) => paths.size),
      [1, 1, 0, 0],
    );
  });
});

test('a lost connection: reads and writes come back with what is known, then it comes again', async () => {
  await withFabric(3, 2, {}, async (fabric) => {
    await fabric.live(1);
    const { reactor, world } = fabric;
    const path = reactor.path(1);
    const writes = await heldWrites(fabric, 1, 3);
    const read = reactor.submit(path, op.read, 0, 4096);
    await world.pass(20);
    fabric.array.faults.cutPort(1);
    await fabric.ended(reactor, [...writes, read]);
    for (const part of writes) {
      assert.equal(part.outcome, outcome.connectionLost);
      assert.equal(part.verdict, lostWrite);
      assert.equal(part.epoch, 1);
    }
    assert.equal(read.verdict, lostRead);
    assert.deepEqual(reactor.lost, [path.id]);
    assert.equal(path.open, false);
    fabric.array.faults.delayExecution(1, { milliseconds: 0 });
    await world.run({ until: () => path.open });
    assert.equal(path.epoch, 2);
    const again = reactor.submit(path, op.read, 0, 4096);
    await fabric.ended(reactor, [again]);
    assert.equal(again.verdict, verdict.ok);
  });
});

test('what never left this host is safe to send again', async () => {
  await withFabric(4, 1, {}, async (fabric) => {
    await fabric.live(1);
    const { reactor } = fabric;
    const association = [...fabric.lead.associations][0] ?? assert.fail();
    // Submitted and aborted in the same breath: the batch in which it would have been sent does not come.
    const part = reactor.submit(reactor.path(1), op.write, 0, 4096, pattern(4096, 1));
    const side = reactor.side;
    side.onMessage({ kind: 'abort-queue', association: association.number, epoch: 1, outcome: outcome.connectionLost });
    await fabric.ended(reactor, [part]);
    assert.equal(part.outcome, outcome.notSent);
    assert.equal(part.verdict, verdict.failed | verdict.pathFault | verdict.retryElsewhere);
  });
});

test('fence: nothing in doubt is a fence at once', async () => {
  await withFabric(5, 1, {}, async (fabric) => {
    await fabric.live(1);
    fabric.array.faults.cutPort(1);
    await fabric.world.run({ until: () => fabric.reactor.fenced.length === 1 });
    assert.deepEqual(fabric.reactor.fenced, [{ controller: 1, epoch: 1, how: 'nothing-in-doubt' }]);
    assert.ok(fabric.reactor.side.isFenced(1, 1));
    assert.equal(fabric.reactor.side.isFenced(1, 2), false);
  });
});

test('fence: a controller whose admin queue lives is reset through it', async () => {
  await withFabric(6, 1, {}, async (fabric) => {
    const association = await fabric.live(1);
    await heldWrites(fabric, 1, 2);
    const before = fabric.world.now;
    // One I/O queue is lost, the admin queue lives.
    fabric.reactor.side.onMessage({
      kind: 'abort-queue',
      association: association.number,
      epoch: 1,
      outcome: outcome.timedOut,
    });
    association.reset(new CausewayError('nvme-timeout', 'A test asks.'));
    await fabric.world.run({ until: () => fabric.reactor.fenced.length === 1 });
    assert.equal(fabric.reactor.fenced[0]?.how, 'controller-reset');
    assert.ok(fabric.world.now - before < 1000);
    fabric.array.faults.delayExecution(1, { milliseconds: 0 });
  });
});

test('fence: where there is one path only, its next controller resets the lost one', async () => {
  await withFabric(19, 1, { ccrl: 4 }, async (fabric) => {
    await fabric.live(1);
    await fabric.world.run({ until: () => fabric.reactor.paths.size === 1 });
    await heldWrites(fabric, 1, 2);
    await fabric.world.drive(fabric.array.faults.closePort(1));
    await fabric.world.pass(500);
    // Lives that never came up are told as well.
    const first = (): unknown => fabric.reactor.fenced.find(({ epoch }) => epoch === 1);
    assert.equal(first(), undefined);
    const before = fabric.world.now;
    await fabric.world.drive(fabric.array.faults.openPort(1));
    await fabric.world.run({ until: () => first() !== undefined });
    assert.deepEqual(first(), { controller: 1, epoch: 1, how: 'cross-controller-reset' });
    assert.ok(fabric.world.now - before < 2000, `${fabric.world.now - before} ms`);
  });
});

test('fence: another controller of the subsystem resets the lost one', async () => {
  await withFabric(7, 1, { ccrl: 4 }, async (fabric) => {
    await fabric.live(1);
    await fabric.live(2);
    await fabric.world.run({ until: () => fabric.reactor.paths.size === 2 });
    const before = fabric.world.now;
    await heldWrites(fabric, 1, 2);
    await fabric.world.drive(fabric.array.faults.closePort(1));
    await fabric.world.run({ until: () => fabric.reactor.fenced.length === 1 });
    assert.deepEqual(fabric.reactor.fenced, [{ controller: 1, epoch: 1, how: 'cross-controller-reset' }]);
    assert.ok(fabric.world.now - before < 2000);
  });
});

for (const { cqt, tbkas, how, ms } of [
  { cqt: 3000, tbkas: false, how: 'time', ms: 2 * 15_000 + 3000 },
  { cqt: 1, tbkas: false, how: 'time', ms: 2 * 15_000 },
  { cqt: 3000, tbkas: true, how: 'time', ms: 3 * 15_000 + 3000 },
  { cqt: 0, tbkas: false, how: 'time-assumed', ms: 2 * 15_000 + 30_000 },
] as const) {
  test(`fence: time, CQT ${cqt}${tbkas ? ', TBKAS' : ''}`, async () => {
    await withFabric(8, 1, { cqt, tbkas }, async (fabric) => {
      await fabric.live(1);
      await heldWrites(fabric, 1, 1);
      await fabric.world.drive(fabric.array.faults.closePort(1));
      await fabric.world.run({ until: () => fabric.reactor.lost.length > 0 });
      const before = fabric.world.now;
      await fabric.world.run({
        until: () => fabric.reactor.fenced.some(({ epoch }) => epoch === 1),
        maxVirtualMs: 120_000,
      });
      const took = fabric.world.now - before;
      assert.equal(fabric.reactor.fenced.find(({ epoch }) => epoch === 1)?.how, how);
      assert.ok(took >= ms && took < ms + 2000, `${took} ms`);
    });
  });
}

test('a swallowed port is noticed by the time-out of an I/O, and reconnecting waits for nobody', async () => {
  await withFabric(9, 1, {}, async (fabric) => {
    await fabric.live(1, { ioTimeoutMs: 4000, adminTimeoutMs: 30_000 });
    const { reactor } = fabric;
    fabric.array.faults.swallowPort(1);
    const part = reactor.submit(reactor.path(1), op.write, 0, 4096, pattern(4096, 1));
    const before = fabric.world.now;
    await fabric.ended(reactor, [part]);
    assert.equal(part.outcome, outcome.timedOut, outcomeName(part.outcome));
    assert.equal(part.verdict, lostWrite);
    const took = fabric.world.now - before;
    // The time-out and the grace after it, each seen at the next look.
    assert.ok(took >= 5000 && took < 6300, `${took} ms`);
    await fabric.world.drive(fabric.array.faults.openPort(1));
    await fabric.world.run({ until: () => reactor.path(1).open });
  });
});

test('a stall of our own is no time-out', async () => {
  await withFabric(10, 1, {}, async (fabric) => {
    await fabric.live(1, { ioTimeoutMs: 4000 });
    const { reactor } = fabric;
    fabric.array.faults.delayAnswers(1, 3000);
    const part = reactor.submit(reactor.path(1), op.read, 0, 4096);
    await fabric.world.pass(100);
    reactor.io.stall(5000);
    await fabric.ended(reactor, [part]);
    assert.equal(part.verdict, verdict.ok, outcomeName(part.outcome));
  });
});

test('without keep-alives the array ends the controller; with them it lives', async () => {
  await withFabric(11, 1, {}, async (fabric) => {
    await fabric.live(1, { katoMs: 2000 });
    await fabric.world.pass(20_000);
    assert.ok(fabric.reactor.path(1).open);
    assert.equal(fabric.reactor.path(1).epoch, 1);
  });
});

test('changes of access are told', async () => {
  await withFabric(12, 2, {}, async (fabric) => {
    await fabric.live(1);
    const { id } = fabric.reactor.path(1);
    const now = (): number[] => fabric.reactors.map(({ paths }) => paths.get(id)?.access ?? 0);
    await fabric.world.run({ until: () => now().every((state) => state === access.optimized) });
    for (const [name, state] of [
      ['non-optimized', access.nonOptimized],
      ['inaccessible', access.inaccessible],
      ['optimized', access.optimized],
    ] as const) {
      fabric.array.faults.setAna(1, 1, name);
      await fabric.world.run({ until: () => now().every((seen) => seen === state) });
    }
    assert.equal(fabric.reactor.path(1).epoch, 1);
  });
});

test('an ANA transition that never ends condemns the controller after ANATT', async () => {
  await withFabric(13, 1, { anatt: 3 }, async (fabric) => {
    await fabric.live(1);
    fabric.array.faults.setAna(1, 1, 'change');
    const before = fabric.world.now;
    await fabric.world.run({ until: () => fabric.states.includes('1:condemned') });
    const took = fabric.world.now - before;
    assert.ok(took >= 3000 && took < 5000, `${took} ms`);
    // The next life has as long again, however often it takes.
    await fabric.world.pass(30_000);
    const resets = fabric.states.filter((state) => state === '1:condemned').length;
    assert.ok(resets >= 4 && resets <= 11, `${resets} resets`);
    fabric.array.faults.setAna(1, 1, 'optimized');
    await fabric.world.run({ until: () => fabric.reactor.path(1).open });
  });
});

test('ANA transitions that end in time are nothing, however they follow each other; no ANATT is 30 s', async () => {
  const volumes = [1, 2].map((nsid) => ({ nsid, anagrpid: nsid, name: `${nsid}`, sizeBytes: 2 ** 20 }));
  for (const anatt of [3, 0]) {
    await withFabric(22, 1, { anatt, volumes }, async (fabric) => {
      const { world, array, states, reactor } = fabric;
      const association = await fabric.live(1, { ioTimeoutMs: 600_000, adminTimeoutMs: 600_000, katoMs: 600_000 });
      const limit = anatt === 0 ? 30_000 : 3000;
      assert.equal(anaTransitionMs(association.ready ?? assert.fail()), limit);
      // One of the two is always between two states, each for less than ANATT.
      for (let round = 0; round < 8; round += 1) {
        const group = 1 + (round % 2);
        array.faults.setAna(1, group, 'change');
        await world.pass(50);
        array.faults.setAna(1, 3 - group, 'optimized');
        await world.pass(0.8 * limit);
      }
      // The state changes back while we stand still: what is read afterwards counts.
      reactor.io.stall(2 * limit);
      await world.pass(limit);
      for (const group of [1, 2]) array.faults.setAna(1, group, 'optimized');
      await world.pass(2 * limit);
      assert.deepEqual(states, ['1:connecting', '1:live']);
    });
  }
});

test('namespaces come, change and go', async () => {
  await withFabric(14, 2, {}, async (fabric) => {
    await fabric.live(1);
    const { faults } = fabric.array;
    const path = fabric.reactor.path(1);
    await fabric.world.drive(faults.addVolume({ nsid: 5, name: 'five', sizeBytes: 2 ** 20 }));
    await fabric.world.run({ until: () => fabric.reactors.every(({ paths }) => paths.size === 2) });
    faults.resizeVolume(1, 32 * 2 ** 20);
    await fabric.world.run({
      until: () => fabric.reactors.every(({ paths }) => paths.get(path.id)?.info.sizeBytes === 32 * 2 ** 20),
    });
    assert.equal(fabric.reactor.path(1), path);
    await fabric.world.drive(faults.removeVolume(5));
    await fabric.world.run({ until: () => fabric.reactors.every(({ paths }) => paths.size === 1) });
    assert.deepEqual(fabric.reactor.gone, ['10.0.0.1:4420/5']);
  });
});

test('what cannot connect says why', async () => {
  const cases = [
    { options: { address: { host: '10.0.0.77', port: 4420 } }, code: 'nvme-unreachable' },
    { options: { subnqn: 'nqn.2026-11.io.causeway:nobody' }, code: 'nvme-connect-refused' },
  ] as const;
  for (const { options, code } of cases) {
    await withFabric(15, 1, {}, async (fabric) => {
      const association = fabric.add(1, options);
      const error = await fabric.world.drive(association.attempted);
      assert.equal(error?.code, code, error?.message);
    });
  }
  await withFabric(16, 1, { hosts: ['nqn.2026-11.io.causeway:other'] }, async (fabric) => {
    const association = fabric.add(1);
    const error = await fabric.world.drive(association.attempted);
    assert.equal(error?.code, 'nvme-connect-refused', error?.message);
  });
});

test('a namespace that does not exist is told by name', async () => {
  await withFabric(17, 1, {}, async (fabric) => {
    const association = fabric.add(1, { nsids: [7] });
    assert.equal(await fabric.world.drive(association.attempted), null);
    const [only] = fabric.namespaces.get(1) ?? [];
    assert.ok(only !== undefined && 'code' in only);
    assert.equal(only.code, 'nvme-no-namespace');
  });
});

test('reconnecting goes on for ever, and comes back soon after the port does', async () => {
  await withFabric(18, 1, {}, async (fabric) => {
    await fabric.live(1);
    await fabric.world.drive(fabric.array.faults.closePort(1));
    await fabric.world.pass(300_000);
    await fabric.world.drive(fabric.array.faults.openPort(1));
    const before = fabric.world.now;
    await fabric.world.run({ until: () => fabric.reactor.paths.get('10.0.0.1:4420/1')?.path.open === true });
    assert.ok(fabric.world.now - before < 6000);
    assert.deepEqual(portAddress(1), { host: '10.0.0.1', port: 4420 });
  });
});

/** What a fence is for: what is written elsewhere after it is not undone by the ghost of a write before it. */
const ghostCases = [
  { name: 'a reset of the controller itself', ghostMs: 1500, how: 'controller-reset', ccrl: 0, lose: 'queue' },
  { name: 'a cross-controller reset', ghostMs: 3000, how: 'cross-controller-reset', ccrl: 4, lose: 'port' },
  { name: 'time', ghostMs: 20_000, how: 'time', ccrl: 0, lose: 'port' },
] as const;

for (const { name, ghostMs, how, ccrl, lose } of ghostCases) {
  test(`no ghost after the fence: ${name}`, async () => {
    for (let seed = 1; seed <= 5; seed += 1) {
      await withFabric(seed, 1, { ccrl, cqt: 3000 }, async (fabric) => {
        const { reactor, world, array } = fabric;
        const association = await fabric.live(1);
        await fabric.live(2);
        await world.run({ until: () => reactor.paths.size === 2 });
        array.faults.ghostWrites(1, { milliseconds: ghostMs });
        const ghosts = await heldWrites(fabric, 1, 3);
        if (lose === 'port') await world.drive(array.faults.closePort(1));
        else association.reset(new CausewayError('nvme-timeout', 'A test asks.'));
        await fabric.ended(reactor, ghosts);
        const known = (): boolean => reactor.fenced.some(({ controller, epoch }) => controller === 1 && epoch === 1);
        await world.run({ until: known, maxVirtualMs: 60_000 });
        assert.equal(reactor.fenced.find(({ controller, epoch }) => controller === 1 && epoch === 1)?.how, how);
        const writes = ghosts.map((part) =>
          reactor.submit(reactor.path(2), op.write, part.offset, 4096, pattern(4096, 77)),
        );
        await fabric.ended(reactor, writes);
        for (const part of writes) assert.equal(part.verdict, verdict.ok);
        await world.pass(ghostMs + 30_000);
        assert.equal(array.stats.ghosts, 0);
        const reads = writes.map((part) => reactor.submit(reactor.path(2), op.read, part.offset, 4096));
        await fabric.ended(reactor, reads);
        for (const part of reads) assert.deepEqual(reactor.payload(part), pattern(4096, 77));
      });
    }
  });
}

test('a command refused by ANA has the states read again', async () => {
  await withFabric(19, 1, {}, async (fabric) => {
    await fabric.live(1);
    const { reactor } = fabric;
    let told = 0;
    reactor.onPath = () => (told += 1);
    fabric.array.faults.forceStatus(1, 1, 0x302);
    const part = reactor.submit(reactor.path(1), op.read, 0, 4096);
    await fabric.ended(reactor, [part]);
    assert.equal(outcomeName(part.outcome), 'ana-inaccessible');
    assert.notEqual(part.verdict & verdict.retryElsewhere, 0);
    await fabric.world.run({ until: () => told === 1, maxVirtualMs: 1000 });
  });
});
