/** A program that has closed what it opened ends by itself, and so does one that could open nothing. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { defined } from '../../src/base/assert.ts';
import { startArray } from '../../src/demo/array-thread.ts';
import { clearLeftBehind } from '../../src/host/left-behind.ts';
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

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

test('what a killed program served goes on under the next one', requires('root', 'io_uring', 'fuse', 'loop'), () =>
  withTrial('end', async (trial) => {
    const array = await startArray({ ports: 2, sizeBytes: 2 ** 24 });
    const serving = async (): Promise<{ readonly child: ChildProcess; readonly device: string }> => {
      const child = spawn(process.execPath, [program, 'surviving', trial.name, array.url], {
        stdio: ['ignore', 'pipe', 2],
      });
      const [line] = await once(defined(child.stdout, 'its output'), 'data');
      const [device = '', survives] = String(line).trim().split(' ');
      assert.equal(survives, 'true');
      return { child, device };
    };
    try {
      const first = await serving();
      await kill(first.child);
      const reading = trial.attempt('dd', `if=${first.device}`, 'of=/dev/null', 'bs=4k', 'count=1', 'iflag=direct');
      const second = await serving();
      assert.equal(second.device, first.device);
      assert.equal((await reading).code, 0);
      await kill(second.child);
    } finally {
      for (const left of [`${trial.name}-served`, trial.name]) await clearLeftBehind(left, true);
      await array.stop();
    }
  }),
);

test('a program whose attach failed ends by itself', needs, () =>
  withTrial('end', async (trial) => {
    const { code, stdout, stderr } = await trial.attempt(process.execPath, program, 'failing', trial.name);
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'nvme-unreachable\nend\n', stderr: '' });
  }),
);
