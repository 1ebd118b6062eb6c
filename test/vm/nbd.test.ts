/** NBD devices on Debian's kernels. */
import { describe, test } from 'node:test';
import { requires } from '../support/requires.ts';
import { runChecks } from './harness/run-checks.ts';

describe('an NBD device', requires('vm'), () => {
  for (const kernel of ['6.1', '6.12'] as const) {
    for (const group of ['device', 'file-systems', 'crash', 'outage', 'resize']) {
      test(`${group}, with Linux ${kernel}`, (t) => runChecks(t, { kernel, seconds: 1800, checks: ['nbd', group] }));
    }
  }
});
