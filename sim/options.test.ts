import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOptions, type SimOptions } from './options.ts';

/** On a machine with four CPUs. */
function parse(...args: string[]): SimOptions {
  return parseOptions(args, 4);
}

test('the command line says which seeds to run, and with what built in', () => {
  const usual = { seeds: 300, firstSeed: 1, single: false, mutation: null, minimize: false, jobs: 4 };
  assert.deepEqual(parse(), usual);
  assert.deepEqual(parse('--seeds', '7', '--first-seed', '0'), { ...usual, seeds: 7, firstSeed: 0, jobs: 1 });
  assert.deepEqual(parse('--seed', '42', '--minimize'), {
    ...usual,
    seeds: 1,
    firstSeed: 42,
    single: true,
    minimize: true,
    jobs: 1,
  });
  assert.deepEqual(parse('--mutate', 'stale-path'), { ...usual, mutation: 'stale-path', jobs: 1 });
  assert.equal(parse('--seeds', '3', '--jobs', '2').jobs, 2);
});

test('what it does not know is refused', () => {
  for (const args of [
    ['--sed', '1'],
    ['--seeds'],
    ['--seeds', '0'],
    ['--seed', '-1'],
    ['--seed', '1.5'],
    ['7'],
    ['--jobs', '0'],
    ['--jobs', '257'],
    ['--mutate', 'x'],
  ]) {
    assert.throws(() => parse(...args), { code: 'invalid-argument' }, args.join(' '));
  }
});
