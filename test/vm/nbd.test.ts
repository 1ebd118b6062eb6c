/** NBD devices on Debian's kernels. What takes longer (file systems, crashes, outages): test/long/nbd.test.ts. */
import { describe, test } from 'node:test';
import { requires } from '../support/requires.ts';
import { runChecks } from './harness/run-checks.ts';

describe('an NBD device', requires('vm'), () => {
  for (const kernel of ['6.1', '6.12'] as const) {
    test(`with Linux ${kernel}`, (t) => runChecks(t, { kernel, seconds: 1200, checks: ['nbd', 'device'] }));
  }
});
