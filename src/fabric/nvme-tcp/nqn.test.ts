import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CausewayError } from '../../base/errors.ts';
import { checkNqn, discoveryNqn, hostNqnOf, maxNqnBytes, nqnProblem, uuidOfNqn } from './nqn.ts';

const uuid = '0f01fb42-9f7f-4856-b0b3-51e60b8de349';

test('names that are right', () => {
  const names = [
    discoveryNqn,
    hostNqnOf(uuid),
    'nqn.2014-08.org.nvmexpress:NVMf:uuid:' + uuid,
    'nqn.2016-06.io.spdk:cnode1',
    'nqn.1992-08.com.netapp:sn.abc:subsystem.x',
    'nqn.2024-01.com.example:größe 7',
    'nqn.2024-01.com.example:'.padEnd(maxNqnBytes, 'x'),
  ];
  for (const name of names) assert.equal(nqnProblem(name), null, name);
});

test('names that are wrong', () => {
  const names = [
    '',
    'nqn.',
    'iqn.2016-06.io.spdk:x',
    'NQN.2016-06.io.spdk:x',
    'nqn.2016-13.io.spdk:x',
    'nqn.16-06.io.spdk:x',
    'nqn.2016-06.:x',
    'nqn.2016-06.io.spdk:',
    'nqn.2016-06.io.spdk:a\0b',
    'nqn.2016-06.io.spdk:a\nb',
    'nqn.2016-06.io.spdk:\ud800',
    'nqn.2014-08.org.nvmexpress:uuid:12345',
    'nqn.2024-01.com.example:'.padEnd(maxNqnBytes + 1, 'x'),
    // 223 characters, but more bytes.
    'nqn.2024-01.com.example:'.padEnd(maxNqnBytes, 'ü'),
  ];
  for (const name of names) {
    assert.notEqual(nqnProblem(name), null, name);
    assert.throws(
      () => checkNqn(name),
      (error) => error instanceof CausewayError && error.code === 'invalid-nqn',
    );
  }
});

test('whatever is said about a wrong name is short and printable', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 2000 }), (name) => {
      try {
        checkNqn(name);
      } catch (error) {
        assert.ok(error instanceof CausewayError);
        assert.doesNotMatch(error.message, /\p{Cc}/u);
      }
    }),
  );
});

test('the name made from a UUID gives it back', () => {
  fc.assert(
    fc.property(fc.uuid(), (id) => {
      assert.equal(uuidOfNqn(hostNqnOf(id.toUpperCase())), id);
      assert.equal(nqnProblem(hostNqnOf(id)), null);
    }),
  );
  assert.equal(uuidOfNqn(discoveryNqn), null);
  assert.equal(uuidOfNqn('nqn.2014-08.org.nvmexpress:uuid:nonsense'), null);
  assert.throws(() => hostNqnOf('nonsense'), CausewayError);
});
