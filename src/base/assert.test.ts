import assertStrict from 'node:assert/strict';
import { test } from 'node:test';
import { assert, defined, unreachable } from './assert.ts';

test('what holds passes, what does not throws the coded error with its message', () => {
  assert(true, 'unused');
  assertStrict.throws(() => assert(false, 'two owners'), { code: 'assertion', message: 'two owners' });
});

test('a value that is there comes back, also a falsy one', () => {
  assertStrict.equal(defined(0, 'unused'), 0);
  assertStrict.equal(defined('', 'unused'), '');
  assertStrict.throws(() => defined(undefined, 'no slot'), { code: 'assertion', message: 'no slot' });
  assertStrict.throws(() => defined(null, 'no slot'), { code: 'assertion' });
});

test('a value that the types exclude is named', () => {
  assertStrict.throws(() => unreachable('x' as never), { code: 'assertion', message: 'unexpected value x' });
});
