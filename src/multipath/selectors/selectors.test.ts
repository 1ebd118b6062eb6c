import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { type Candidate, selectors } from '../selector.ts';

const candidate = fc.record({
  inFlight: fc.integer({ min: 0, max: 128 }),
  bytesInFlight: fc.integer({ min: 0, max: 1 << 24 }),
  hasRoom: fc.boolean(),
});
const snapshot = fc
  .array(candidate, { minLength: 1, maxLength: 64 })
  .chain((candidates) => fc.tuple(fc.constant(candidates), fc.integer({ min: -1, max: candidates.length - 1 })));

for (const [name, select] of Object.entries(selectors)) {
  test(`${name} picks a path with room whenever there is one, and depends on the snapshot alone`, () => {
    fc.assert(
      fc.property(snapshot, ([candidates, last]) => {
        const index = select(candidates, last);
        assert.equal(select(candidates, last), index);
        if (index === -1) assert.ok(candidates.every((one) => !one.hasRoom));
        else assert.ok(candidates[index]?.hasRoom);
      }),
    );
  });
}

test('queue-depth never picks a path that has more under way than another one with room', () => {
  fc.assert(
    fc.property(snapshot, ([candidates, last]) => {
      const index = selectors['queue-depth'](candidates, last);
      if (index === -1) return;
      const chosen = candidates[index] as Candidate;
      for (const one of candidates) if (one.hasRoom) assert.ok(chosen.inFlight <= one.inFlight);
    }),
  );
});

test('round-robin visits every path with room equally often', () => {
  fc.assert(
    fc.property(fc.array(candidate, { minLength: 1, maxLength: 64 }), (candidates) => {
      const withRoom = candidates.filter((one) => one.hasRoom).length;
      if (withRoom === 0) return;
      const visits = new Map<number, number>();
      let last = -1;
      for (let i = 0; i < withRoom * 3; i += 1) {
        last = selectors['round-robin'](candidates, last);
        visits.set(last, (visits.get(last) ?? 0) + 1);
      }
      assert.equal(visits.size, withRoom);
      for (const count of visits.values()) assert.equal(count, 3);
    }),
  );
});

test('queue-depth spreads idle paths in turn', () => {
  const idle = { inFlight: 0, bytesInFlight: 0, hasRoom: true };
  const candidates = [idle, idle, idle, idle];
  let last = -1;
  const order: number[] = [];
  for (let i = 0; i < 8; i += 1) {
    last = selectors['queue-depth'](candidates, last);
    order.push(last);
  }
  assert.deepEqual(order, [0, 1, 2, 3, 0, 1, 2, 3]);
});
