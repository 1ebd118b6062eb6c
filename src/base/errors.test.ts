import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CausewayError, EXIT, errorTable, isErrorCode } from './errors.ts';

test('an error carries its code, its cause and the hint of its row', () => {
  const cause = new Error('below');
  const error = new CausewayError('invalid-size', '"x" is not a size.', { cause });
  assert.equal(error.code, 'invalid-size');
  assert.equal(error.message, '"x" is not a size.');
  assert.equal(error.hint, errorTable['invalid-size'].hint);
  assert.equal(error.exit, EXIT.usage);
  assert.equal(error.retryElsewhere, false);
  assert.equal(error.cause, cause);
  assert.ok(error instanceof Error);
});

test('the place that throws may know a better hint', () => {
  assert.equal(new CausewayError('assertion', 'm', { hint: 'Do this.' }).hint, 'Do this.');
});

test('codes are told from other text, also from what every object has', () => {
  assert.equal(isErrorCode('invalid-size'), true);
  assert.equal(isErrorCode('nonsense'), false);
  assert.equal(isErrorCode('toString'), false);
});

for (const [code, row] of Object.entries(errorTable)) {
  test(`the row of ${code} is well formed`, () => {
    assert.match(code, /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/);
    assert.match(row.hint, /^[A-Z`].*[.)]$/, 'a hint is a sentence');
    assert.ok(Object.values<number>(EXIT).includes(row.exit), 'the exit code is one of EXIT');
  });
}
