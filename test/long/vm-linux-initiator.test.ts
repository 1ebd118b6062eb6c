/** `causeway array` under Linux's own initiator: discovery, native multipath, ANA, loss and return of a port. */
import { describe, test } from 'node:test';
import { requires } from '../support/requires.ts';
import { runChecks } from '../vm/harness/run-checks.ts';

describe("our array under Linux's initiator", requires('vm'), () => {
  // The oldest and the newest.
  for (const kernel of ['6.1', '7'] as const) {
    test(`of Linux ${kernel}`, async (t) => {
      await runChecks(t, { kernel, seconds: 300, checks: ['linux-initiator'] });
    });
  }
});
