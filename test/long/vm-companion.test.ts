/** NVMe ioctls of nvme-cli, over a companion node, on kernels that have CUSE. */
import { describe, test } from 'node:test';
import { requires } from '../support/requires.ts';
import { runChecks } from '../vm/harness/run-checks.ts';

describe('the companion node', requires('vm'), () => {
  for (const kernel of ['6.1', '6.12'] as const) {
    test(`with Linux ${kernel}`, async (t) => {
      await runChecks(t, { kernel, seconds: 900, checks: ['companion'] });
    });
  }
});
