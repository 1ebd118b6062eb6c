/** As test/e2e/survival.test.ts, twenty kills each. What other kernels have (ublk, NBD): test/vm/. */
import { describe, it as test } from 'node:test';
import { fastKillTrial } from '../support/fast-kill-trial.ts';
import { killTrial } from '../support/kill-trial.ts';
import { requires } from '../support/requires.ts';

const needs = requires('root', 'io_uring', 'fuse', 'loop', 'fio');
const seed = Number(process.env['CAUSEWAY_SEED'] ?? Date.now() % 1_000_000);

describe(`a FUSE device, seed ${seed}`, needs, () => {
  test('twenty kills under verified I/O: it goes on', async (t) => {
    t.diagnostic(JSON.stringify(await killTrial({ kernelDevice: 'fuse', kills: 20, seed, between: 4000, depth: 32 })));
  });

  test('--fast, twenty kills under I/O: an error within 5 s, and nothing hangs', async (t) => {
    t.diagnostic(JSON.stringify(await fastKillTrial({ kills: 20, seed })));
  });
});
