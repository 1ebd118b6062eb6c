import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cleanup } from './cleanup.ts';

test('what was made last goes first, each once, and a failure does not stop the rest', async () => {
  const cleanup = new Cleanup();
  const gone: string[] = [];
  cleanup.add(() => void gone.push('first'));
  cleanup.add(() => Promise.reject(new Error('stuck')));
  const early = cleanup.add(() => void gone.push('early'));
  cleanup.add(async () => void gone.push('last'));
  await early();
  const said: string[] = [];
  assert.equal(await cleanup.run((message) => said.push(message)), 1);
  await early();
  assert.deepEqual(gone, ['early', 'last', 'first']);
  assert.deepEqual(said, ['cleaning up: stuck']);
});

test('what is made after the end goes at once, and its maker is stopped', async () => {
  const cleanup = new Cleanup();
  await cleanup.run(() => {});
  let gone = false;
  assert.throws(
    () =>
      cleanup.add(() => {
        gone = true;
      }),
    /over/,
  );
  assert.ok(gone);
});
