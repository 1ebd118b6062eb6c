/** Our initiator and Linux's own target (nvmet): both in one guest, and our host outside of it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { requires } from '../support/requires.ts';
import { freePorts } from '../vm/harness/free-ports.ts';
import { RemoteTarget } from '../vm/harness/nvmet-remote.ts';
import { guestProgram, runChecks } from '../vm/harness/run-checks.ts';
import { tryTarget } from '../vm/harness/target-trial.ts';
import { whileGuestRuns } from '../vm/harness/while-guest-runs.ts';

const kernel = '6.12';
const seconds = 400;

describe("Linux's target as the array", requires('vm', 'root', 'io_uring'), () => {
  test('for a host in the same guest', async (t) => {
    await runChecks(t, { kernel, seconds, checks: ['nvmet-trial'] });
  });

  test('for a host outside', async (t) => {
    const [control = 0, first = 0, second = 0] = await freePorts(3);
    const forward = [
      { host: control, guest: 4400 },
      { host: first, guest: 4420 },
      { host: second, guest: 4421 },
    ] as const;
    const program = guestProgram('nvmet-target', ...forward.map(({ guest }) => String(guest)));
    const { code } = await whileGuestRuns({ kernel, seconds, program, forward }, 'the target is up', async () => {
      const target = new RemoteTarget(control);
      try {
        await tryTarget(
          target,
          [
            { port: 4420, reached: `127.0.0.1:${first}` },
            { port: 4421, reached: `127.0.0.1:${second}` },
          ],
          async (name, body) => await t.test(name, body),
        );
      } finally {
        await target.end();
      }
    });
    assert.equal(code, 0);
  });
});
