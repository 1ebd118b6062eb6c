import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOptions } from './options.ts';

test('the command line says which seeds to run, and with what built in', () => {
  const usual = { seeds: 300, firstSeed: 1, single: false, mutation: null, minimize: false };
  assert.deepEqual(parseOptions([]), usual);
  assert.deepEqual(parseOptions(['--seeds', '7', '--first-seed', '0']), { ...usual, seeds: 7, firstSeed: 0 });
  assert.deepEqual(parseOptions(['--seed', '42', '--minimize']), {
    ...usual,
    seeds: 1,
    firstSeed: 42,
    single: true,
    minimize: true,
  });
  assert.equal(parseOptions(['--mutate', 'stale-path']).mutation, 'stale-path');
});

test('what it does not know is refused', () => {
  for (const args of [
    ['--sed', '1'],
    ['--seeds'],
    ['--seeds', '0'],
    ['--seed', '-1'],
    ['--seed', '1.5'],
    ['7'],
    ['--mutate', 'x'],
  ]) {
    assert.throws(() => parseOptions(args), { code: 'invalid-argument' }, args.join(' '));
  }
});
