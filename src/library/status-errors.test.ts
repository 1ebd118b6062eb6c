import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CausewayError } from '../base/errors.ts';
import { status, statusErrno } from '../block/status.ts';
import { errnoName } from '../native/errno.ts';
import { errorOfStatus, messageOf, statusOfError } from './status-errors.ts';

describe('errors of requests', () => {
  for (const [name, value] of Object.entries(status)) {
    if (value === status.ok) continue;
    it(`${name} has a code, and comes back as itself`, () => {
      const error = errorOfStatus(value, 'read of 4096 bytes at 0 of it');
      assert.ok(error instanceof CausewayError);
      assert.match(error.message, /^read of 4096 bytes at 0 of it failed: /);
      assert.equal(statusOfError(error), value);
    });
    it(`${name} is what the errno that stands for it means`, () => {
      const code = errnoName(statusErrno[value] ?? 0);
      assert.equal(statusOfError(Object.assign(new Error('no'), { code })), value);
    });
  }

  it('codes are different from each other', () => {
    const codes = Object.values(status).map((value) => errorOfStatus(value, '').code);
    // `ok` is no failure: it stands for nothing but the first of them.
    assert.equal(new Set(codes).size, codes.length - 1);
  });

  it('anything else that is thrown is an input/output error', () => {
    const odd: unknown[] = [
      new Error('x'),
      'ENOSPC',
      null,
      undefined,
      28,
      { code: 28 },
      { code: 'ENONSENSE' },
      { code: 'constructor' },
      { code: 'EACCES' },
      new CausewayError('bad-url', 'x'),
    ];
    for (const error of odd) assert.equal(statusOfError(error), status.ioError);
  });

  it('has words for anything that is thrown', () => {
    assert.equal(messageOf(new Error('full')), 'full');
    assert.equal(messageOf(null), 'null');
    assert.equal(messageOf(Object.create(null)), 'something that cannot be shown');
  });
});
