/** NBD devices on Debian's kernels: file systems while paths are lost, crashes of the program, and 90 s without an answer. */
import { describe, test } from 'node:test';
import { requires } from '../support/requires.ts';
import { runChecks } from '../vm/harness/run-checks.ts';

describe('an NBD device', requires('vm', 'mkfs.xfs', 'resize2fs'), () => {
  for (const kernel of ['6.1', '6.12'] as const) {
    for (const group of ['device', 'file-systems', 'crash', 'outage', 'resize']) {
      test(`${group}, with Linux ${kernel}`, (t) => runChecks(t, { kernel, seconds: 1800, checks: ['nbd', group] }));
    }
  }
});
