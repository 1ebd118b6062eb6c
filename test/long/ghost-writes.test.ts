/**
 * A thousand ghosts for each way of dealing with them: twenty losses of a path with fifty writes under way on it, all of
 * which the array carries out late, while each of their ranges is written over as soon as that is possible.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRaced, describeRace, raceGhosts } from '../support/ghost-race.ts';
import { requires } from '../support/requires.ts';

const needs = requires('root', 'io_uring', 'fuse', 'loop');
const plan = { losses: 20, ranges: 50, kato: 1000, cqt: 800 } as const;

for (const mode of ['quarantine', 'strict'] as const) {
  test(`${mode}: none of a thousand ghosts comes back over a newer write`, needs, async (t) => {
    const mine = { ...plan, mode };
    const outcome = await raceGhosts(mine);
    t.diagnostic(describeRace(mine, outcome));
    assertRaced(mine, outcome);
    assert.equal(outcome.wrong, 0, outcome.firstWrong);
    const waited = mode === 'quarantine' ? outcome.gated : outcome.held;
    assert(waited >= plan.losses * plan.ranges, `only ${waited} writes waited for a fence`);
  });
}

test('none: the same ghosts corrupt what was written over them, and this test sees it', needs, async (t) => {
  const mine = { ...plan, mode: 'none' } as const;
  const outcome = await raceGhosts(mine);
  t.diagnostic(describeRace(mine, outcome));
  assertRaced(mine, outcome);
  // A range that the machine was too slow to write over in time stays right.
  assert(outcome.wrong >= (plan.losses * plan.ranges) / 2, `only ${outcome.wrong} blocks were brought back`);
});
