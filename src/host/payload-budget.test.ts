import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pageBudget, planPayload } from './payload-budget.ts';

const mebi = 2 ** 20;

/** What so many devices take together, and what the last one got. */
function taken(devices: number, queues: number): { bytes: number; last: ReturnType<typeof planPayload> } {
  let bytes = 0;
  let last = planPayload(pageBudget, queues);
  for (let device = 0; device < devices; device += 1) {
    last = planPayload(pageBudget - bytes, queues);
    bytes += last.payloadBytes * last.entriesPerQueue * queues;
  }
  return { bytes, last };
}

test('few devices have large payloads and many slots', () => {
  assert.deepEqual(taken(1, 2).last, { payloadBytes: mebi, entriesPerQueue: 64 });
  assert.ok(taken(3, 2).last.payloadBytes >= mebi / 2);
  assert.ok(taken(4, 2).bytes <= pageBudget);
});

test('what 256, and 1024, devices take fits into the memory of a reactor', () => {
  assert.ok(taken(256, 2).bytes <= 2 * pageBudget + 4 * mebi, `${taken(256, 2).bytes}`);
  const many = taken(1024, 2);
  assert.ok(many.bytes <= 3 * pageBudget, `${many.bytes}`);
  assert.ok(many.last.entriesPerQueue >= 4 && many.last.payloadBytes >= 32 * 1024);
});
