/** Writes race the ghosts of lost ones; in short. test/long/ghost-writes.test.ts does it a thousand times. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRaced, describeRace, raceGhosts } from '../support/ghost-race.ts';
import { requires } from '../support/requires.ts';

const needs = requires('root', 'io_uring', 'fuse', 'loop');
const plan = { losses: 3, ranges: 50, kato: 500, cqt: 400 } as const;

for (const mode of ['quarantine', 'strict', 'none'] as const) {
  const what = mode === 'none' ? 'come back over newer writes, and this test sees it' : 'do no harm';
  test(`${mode}: 150 ghosts ${what}`, needs, async (t) => {
    const mine = { ...plan, mode };
    const outcome = await raceGhosts(mine);
    t.diagnostic(describeRace(mine, outcome));
    assertRaced(mine, outcome);
    if (mode === 'none') assert(outcome.wrong > 0, 'nothing was corrupted');
    else assert.equal(outcome.wrong, 0, outcome.firstWrong);
  });
}
