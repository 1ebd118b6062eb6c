/**
 * One short boot of a kernel: it has what the programs for guests need, and every kind of kernel device that it offers
 * carries a file system and outlives three kills of its program. What takes longer: test/long/vm-*.test.ts.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { requires } from '../../support/requires.ts';
import type { KernelName } from './kernels.ts';
import { runChecks } from './run-checks.ts';

/** Debian's 6.1 has no ublk, and cannot hand FUSE requests out again. */
const kinds: Readonly<Record<KernelName, readonly string[]>> = {
  '6.1': ['nbd'],
  '6.12': ['ublk', 'nbd', 'fuse'],
  '7': ['ublk', 'nbd', 'fuse'],
};
/** A busy machine may take several times what a quiet one does. */
const seconds = 450;

export function testShortBoot(kernel: KernelName): void {
  test(`a guest with Linux ${kernel}`, requires('vm'), async (t) => {
    await runChecks(t, { kernel, seconds, checks: ['kernel', kernel, ...kinds[kernel]] });
    assert.equal(fs.existsSync('/etc/causeway-was-here'), false);
  });
}
