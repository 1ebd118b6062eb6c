/** Every kernel boots and has what the other tests of this folder need. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, test } from 'node:test';
import { requires } from '../support/requires.ts';
import { kernelNames } from './harness/kernels.ts';
import { runChecks } from './harness/run-checks.ts';

const everywhere = ['nbd', 'nvme-tcp', 'nvmet-tcp', 'null_blk', 'brd', 'loop', 'fuse', 'cuse'];

describe('a guest', requires('vm'), () => {
  for (const kernel of kernelNames) {
    test(`with Linux ${kernel}`, async (t) => {
      // Debian's 6.1 has no ublk.
      const modules = kernel === '6.1' ? everywhere : [...everywhere, 'ublk_drv'];
      await runChecks(t, { kernel, seconds: 180, checks: ['kernel', kernel, ...modules] });
      assert.equal(fs.existsSync('/etc/causeway-was-here'), false);
    });
  }
});
