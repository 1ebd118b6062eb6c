/** In-band authentication with Linux's host and Linux's target. */
import { test } from 'node:test';
import { requires } from '../support/requires.ts';
import { runChecks } from '../vm/harness/run-checks.ts';

test('in-band authentication with Linux 6.12, both ways round', requires('vm'), async (t) => {
  await runChecks(t, { kernel: '6.12', seconds: 600, checks: ['authentication'] });
});
