import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KernelHost, QueuePlan, ServedQueues } from '../contract.ts';
import { serveQueues, spreadQueues } from './serve.ts';

test('every queue has one reactor, and no reactor is asked for nothing', () => {
  assert.deepEqual(spreadQueues(2, 2), [[0], [1]]);
  assert.deepEqual(spreadQueues(1, 4), [[0]]);
  // A device that a process with more reactors left.
  assert.deepEqual(spreadQueues(5, 2), [
    [0, 2, 4],
    [1, 3],
  ]);
});

const info = { id: 7, queues: 3, depth: 16, state: 0, maxIoBufBytes: 65536, flags: 0n, tag: 1n };
const queues: ServedQueues = {
  ended: Promise.resolve(null),
  quiesce: () => Promise.resolve(),
  fail: () => Promise.resolve(),
};

function hostOf(serve: KernelHost['serve']): KernelHost {
  return { reactors: 2, serve, sleep: () => Promise.resolve(), now: () => 0 };
}

test('a reactor is told of its queues, tags and payloads', async () => {
  const plans: QueuePlan[] = [];
  const served: ServedQueues[] = [];
  const host = hostOf((_reactor, plan) => {
    plans.push(plan);
    return Promise.resolve(queues);
  });
  await serveQueues(host, 'disk', 9, info, served);
  const common = { kind: 'ublk', name: 'disk', fd: 9, depth: 16, payloadBytes: 65536 };
  assert.deepEqual(plans, [
    { ...common, queues: [0, 2], slots: 32 },
    { ...common, queues: [1], slots: 16 },
  ]);
  assert.equal(served.length, 2);
});

test('of one that refuses, the others are known all the same: they have to be let go', async () => {
  const served: ServedQueues[] = [];
  const host = hostOf((reactor) => (reactor === 0 ? Promise.reject(new Error('refused')) : Promise.resolve(queues)));
  await assert.rejects(serveQueues(host, 'disk', 9, info, served), /refused/);
  assert.equal(served.length, 1);
});
