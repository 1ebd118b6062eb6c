import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compute, computeElsewhere, computeNow, type DhWork } from '../fabric/nvme-tcp/auth/dh-work.ts';
import { groupByName } from '../fabric/nvme-tcp/auth/names.ts';
import { World } from '../io/sim/world.ts';
import { answerOrder, type DhOrder, DhOrders } from './dh-helper.ts';

const large = groupByName('ffdhe6144') ?? assert.fail();
const small = groupByName('ffdhe4096') ?? assert.fail();
const work = (group: typeof large): DhWork => ({
  group,
  privateKey: new Uint8Array(48).fill(9),
  peer: new Uint8Array(group.bytes).fill(0x33),
  isPublicWanted: true,
});

test('large groups are computed elsewhere, each answer for its order; small ones here', async () => {
  const world = new World({ seed: 1 });
  const io = world.io('reactor');
  const posted: DhOrder[] = [];
  const orders = new DhOrders(io, (order) => posted.push(structuredClone(order)));
  const first = compute(io, work(large));
  const second = compute(io, { ...work(large), peer: null });
  assert.deepEqual(
    posted.map(({ work: { peer } }) => peer === null),
    [false, true],
  );
  for (const order of posted.toReversed()) orders.onAnswer(structuredClone(answerOrder(order)));
  assert.deepEqual(await world.drive(first), computeNow(work(large)));
  assert.deepEqual(await world.drive(second), computeNow({ ...work(large), peer: null }));
  assert.deepEqual(await world.drive(compute(io, work(small))), computeNow(work(small)));
  assert.equal(posted.length, 2);
});

test('nobody waits for ever for a thread that has something else to do', async () => {
  const world = new World({ seed: 2 });
  const io = world.io('reactor');
  computeElsewhere(() => io.deferred<never>().promise);
  const result = await world.drive(compute(io, work(large)));
  assert.deepEqual(result, computeNow(work(large)));
  assert.ok(world.now >= 2000);
});
