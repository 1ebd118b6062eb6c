/** ublk devices on the kernels that have them. */
import { describe, test } from 'node:test';
import { requires } from '../support/requires.ts';
import { runChecks } from '../vm/harness/run-checks.ts';

describe('ublk', requires('vm'), () => {
  // Debian's 6.1 has none.
  for (const kernel of ['6.12', '7'] as const) {
    test(`with Linux ${kernel}`, async (t) => {
      await runChecks(t, { kernel, seconds: 900, checks: ['ublk'] });
    });
  }
});
