/**
 * Every kind of kernel device on every kernel that has it, step by step with other people's programs, and twenty kills of
 * its program under verified I/O.
 */
import { describe, test } from 'node:test';
import { requires } from '../support/requires.ts';
import { runChecks } from '../vm/harness/run-checks.ts';

const kills = '20';
/** Debian's 6.1 has no ublk, and its FUSE hands nothing out again; over io_uring no kernel does. */
const devices = [
  ['6.1', 'nbd', kills],
  ['6.1', 'fuse', '0'],
  ['6.12', 'ublk', kills],
  ['6.12', 'nbd', kills],
  ['6.12', 'fuse', kills],
  ['7', 'ublk', kills],
  ['7', 'nbd', kills],
  ['7', 'fuse', kills],
  ['7', 'fuse', '0', '--fast', '--transport', 'uring'],
] as const;

describe('a kernel device', requires('vm', 'mkfs.xfs'), () => {
  for (const [kernel, kind, ...words] of devices) {
    test(`${kind} with Linux ${kernel}, ${words.join(' ')} kills`, async (t) => {
      await runChecks(t, { kernel, seconds: 2400, checks: ['device', kind, ...words] });
    });
  }
});
