import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathWeights } from './path-weights.ts';

const ids = ['127.0.0.1:4420', '127.0.0.2:4420', '127.0.0.3:4420'];

test('weights by name come into the order of the paths, one where none is given', () => {
  assert.deepEqual(pathWeights(ids, {}), [1, 1, 1]);
  assert.deepEqual(pathWeights(ids, { '127.0.0.3:4420': 7, '127.0.0.1:4420': 2 }), [2, 1, 7]);
});

test('a weight of a path that does not exist is refused', () => {
  assert.throws(() => pathWeights(ids, { '127.0.0.9:4420': 2 }), { code: 'no-such-path' });
  assert.throws(() => pathWeights(ids, { constructor: 2 }), { code: 'no-such-path' });
  assert.throws(() => pathWeights(ids, Object.fromEntries([['__proto__', 2]])), { code: 'no-such-path' });
});
