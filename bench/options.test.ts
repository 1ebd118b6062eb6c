import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOptions } from './options.ts';

const known = ['one', 'two', 'three'];

test('without names all cases run, in their order; with names those', () => {
  assert.deepEqual(parseOptions([], known).names, known);
  assert.deepEqual(parseOptions(['three', 'one'], known).names, ['one', 'three']);
});

test('a quick run is short and writes no docs', () => {
  const { quick, rounds, seconds, writeDocs } = parseOptions(['--quick'], known);
  assert.deepEqual({ quick, rounds, seconds, writeDocs }, { quick: true, rounds: 3, seconds: 1, writeDocs: false });
});

test('fewer than three rounds make no median', () => {
  assert.throws(() => parseOptions(['--rounds', '2'], known), /--rounds 2/);
  assert.throws(() => parseOptions(['--seconds', 'x'], known), /--seconds x/);
  assert.equal(parseOptions(['--rounds', '7', '--seconds', '2.5'], known).rounds, 7);
});

test('what is not known is named', () => {
  assert.throws(() => parseOptions(['four'], known), /four.*one, two, three/);
  assert.throws(() => parseOptions(['--four'], known), /--four/);
});
