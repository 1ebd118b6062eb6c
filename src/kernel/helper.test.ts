import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import type { KernelHost } from './contract.ts';
import { askHelper, firstGiven, type HelperAnswer } from './helper.ts';

const host: KernelHost = {
  reactors: 0,
  serve: () => Promise.reject(new Error('nobody serves here')),
  sleep: (milliseconds) => new Promise((resolve) => void setTimeout(resolve, milliseconds)),
  now: () => 0,
};

/** A helper whose program is this text. */
function ask(context: TestContext, text: string, seconds = 20, descriptors: number[] = []): Promise<HelperAnswer> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'causeway-helper-'));
  context.after(() => fs.rmSync(folder, { recursive: true }));
  const program = path.join(folder, 'helper.mjs');
  fs.writeFileSync(program, text);
  const request = { kind: 'test', say: 'word' };
  return askHelper(host, { program, request, deed: 'test', what: 'x', milliseconds: seconds * 1000, descriptors });
}

const answer = (fields: string): string => `process.stdout.write(JSON.stringify({${fields}}))`;

test('a helper gets its request, and its answer comes back', async (context) => {
  const text = answer('failure: null, device: JSON.parse(process.argv[2]).say, held: true');
  assert.deepEqual(await ask(context, text), { failure: null, device: 'word', held: true });
});

test('a failure has the code that the helper gave it, or one', async (context) => {
  const failed = answer("failure: 'broken', device: '', held: false");
  await assert.rejects(ask(context, failed), { code: 'kernel-device-failed', message: 'x: broken' });
  const unavailable = answer("failure: 'none', code: 'kernel-device-unavailable', device: '', held: false");
  await assert.rejects(ask(context, unavailable), { code: 'kernel-device-unavailable' });
});

test('what is no answer is a failure: nothing, a part, another code', async (context) => {
  for (const text of [
    '',
    answer("failure: null, device: 'x'"),
    answer("failure: 'a', code: 'b', device: '', held: false"),
  ]) {
    await assert.rejects(ask(context, text), { code: 'kernel-device-failed', message: /without an answer/ });
  }
});

test('a helper that does not end is left behind', async (context) => {
  await assert.rejects(ask(context, 'setTimeout(() => {}, 30_000)', 1), /test of x took longer than 1 s/);
});

test('descriptors arrive under the numbers that are agreed on', async (context) => {
  const file = fs.openSync(process.execPath, 'r');
  context.after(() => fs.closeSync(file));
  const text = `import fs from 'node:fs';\n${answer(`failure: null, device: fs.readlinkSync('/proc/self/fd/${firstGiven}'), held: false`)}`;
  assert.equal((await ask(context, text, 20, [file])).device, fs.realpathSync(process.execPath));
});
