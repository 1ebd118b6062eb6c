/**
 * The simulator as a whole, by its command: 300 seeds are clean, reach every row of the tables, and hold enough ghosts
 * that ten thousand seeds hold a hundred thousand.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attempt } from '../support/commands.ts';

const seeds = 300;
/** Seconds. */
const longest = 240;
const leastGhosts = (100_000 / 10_000) * seeds;

test(`${seeds} seeds of the simulator are clean`, async (t) => {
  const args = ['--enable-source-maps', 'dist/sim/main.js', '--seeds', String(seeds)];
  const { code, stdout } = await attempt(process.execPath, args, longest);
  const lines = stdout.trimEnd().split('\n');
  t.diagnostic(lines.at(-1) ?? '');
  assert.equal(code, 0, stdout);
  const executed = lines.map((line) =>
    /^ghost writes in mode (?:quarantine|strict): .*, (\d+) of them executed$/.exec(line),
  );
  const ghosts = executed.reduce((sum, match) => sum + Number(match?.[1] ?? 0), 0);
  assert.ok(ghosts >= leastGhosts, `only ${ghosts} ghosts were executed`);
});
