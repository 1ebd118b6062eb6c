import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkLock, type Lock, missingEntries } from './check-lock.ts';

const lockWith = (entry: object): Lock => ({
  packages: {
    'node_modules/tool': { dev: true, optionalDependencies: { '@tool/linux-x64-musl': '1.2.3' } },
    ...entry,
  },
});

test('a package for another platform that was left out is found, and can be added', () => {
  const lock = lockWith({});
  assert.match(checkLock(lock).join(), /lacks node_modules\/@tool\/linux-x64-musl/);
  const missing = missingEntries(lock);
  assert.deepEqual(Object.fromEntries(missing), {
    'node_modules/@tool/linux-x64-musl': {
      version: '1.2.3',
      cpu: ['x64'],
      dev: true,
      libc: ['musl'],
      optional: true,
      os: ['linux'],
    },
  });
  assert.deepEqual(checkLock(lockWith(Object.fromEntries(missing))), []);
});

test('an address is found', () => {
  const entry = { version: '1.2.3', resolved: 'https://npm.example.org/tool.tgz' };
  assert.match(checkLock(lockWith({ 'node_modules/@tool/linux-x64-musl': entry })).join(), /names a registry/);
});
