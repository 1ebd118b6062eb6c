import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../src/base/random.ts';
import { World } from '../src/io/sim/world.ts';
import { Courier } from './courier.ts';

test('messages arrive as copies, in order, later, and not while the receiver stands still', async () => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const world = new World({ seed });
    const io = world.io('receiver', 4096);
    const got: { number: number }[] = [];
    const courier = new Courier<{ number: number }>(io, new Random(seed), (message) => got.push(message));
    const sent = Array.from({ length: 30 }, (_unused, number) => ({ number }));
    for (const message of sent) courier.post(message);
    assert.deepEqual(got, [], `seed ${seed}: from inside post`);
    io.stall(100);
    await world.pass(99);
    assert.deepEqual(got, [], `seed ${seed}: while it stood still`);
    await world.run({ until: () => got.length === sent.length });
    assert.deepEqual(got, sent, `seed ${seed}`);
    assert.notEqual(got[0], sent[0]);
  }
});
