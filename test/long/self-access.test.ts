/** A program that reads its own device synchronously waits for itself: it gets an error, and goes on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { attempt } from '../support/commands.ts';
import { servingNeeds, withTrial } from '../support/library-trial.ts';
import { requires } from '../support/requires.ts';

const program = fileURLToPath(new URL('../support/library-program.js', import.meta.url));

test('a synchronous read of its own device ends with an error within a bound', requires(...servingNeeds), () =>
  withTrial('self', async (trial) => {
    const { code, stdout, stderr } = await attempt(process.execPath, [program, 'selfish', trial.name], 180);
    assert.equal(code, 0, stderr);
    const [outcome = '', seconds, ...rest] = stdout.trim().split('\n');
    assert.match(outcome, /EIO/);
    // The page cache asks a second time, and is told sooner then.
    assert.ok(Number(seconds) >= 30 && Number(seconds) <= 60, `${seconds} s`);
    assert.deepEqual(rest, ['well', 'end']);
  }),
);
