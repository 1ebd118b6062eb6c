/** A program that has closed what it opened ends by itself, and so does one that could open nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { withTrial } from '../support/library-trial.ts';
import { requires } from '../support/requires.ts';

const program = fileURLToPath(new URL('../support/library-program.js', import.meta.url));
const needs = requires('root', 'io_uring');

test('a program ends by itself once its volumes are closed', needs, () =>
  withTrial('end', async (trial) => {
    const { code, stdout, stderr } = await trial.attempt(process.execPath, program, 'using', trial.name);
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'end\n', stderr: '' });
  }),
);

test('a program whose attach failed ends by itself', needs, () =>
  withTrial('end', async (trial) => {
    const { code, stdout, stderr } = await trial.attempt(process.execPath, program, 'failing', trial.name);
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'nvme-unreachable\nend\n', stderr: '' });
  }),
);
