import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseFilter } from './parse.ts';
import type { FilterSpec } from './spec.ts';

describe('a filter as people type it', () => {
  const good: readonly (readonly [string, FilterSpec])[] = [
    ['delay=20ms', { kind: 'delay', all: 20, byOp: {} }],
    ['delay=1s,jitter:5ms,seed:7', { kind: 'delay', all: 1000, byOp: {}, jitter: 5, seed: 7 }],
    ['delay=read:5ms,write-zeroes:2s', { kind: 'delay', byOp: { read: 5, writeZeroes: 2000 } }],
    ['delay', { kind: 'delay', byOp: {} }],
    ['error', { kind: 'error', when: 'before' }],
    ['error=no-space,after', { kind: 'error', status: 'noSpace', when: 'after' }],
    [
      'error=medium-error,ops:read+write-zeroes,from:1m,to:2m,skip:10,count:3,rate:0.01,seed:9',
      {
        kind: 'error',
        status: 'mediumError',
        ops: ['read', 'writeZeroes'],
        from: 2 ** 20,
        to: 2 ** 21,
        skip: 10,
        count: 3,
        rate: 0.01,
        seed: 9,
        when: 'before',
      },
    ],
    ['stats', { kind: 'stats' }],
    ['trace', { kind: 'trace' }],
    ['trace=4096', { kind: 'trace', entries: 4096 }],
  ];
  for (const [text, spec] of good) it(`understands ${text}`, () => assert.deepEqual(parseFilter(text), spec));

  const bad: readonly (readonly [string, string, RegExp])[] = [
    ['', 'invalid-argument', /there is no ""/],
    ['slow=20ms', 'invalid-argument', /there is no "slow"/],
    ['constructor', 'invalid-argument', /there is no "constructor"/],
    ['delay=20', 'invalid-duration', /"20"/],
    ['delay=20ms,20ms', 'invalid-argument', /"20ms" is not understood/],
    ['delay=20ms,', 'invalid-argument', /"" is not understood/],
    ['delay=jitter:1ms,jitter:2ms', 'invalid-argument', /twice/],
    ['delay=reed:1ms', 'invalid-argument', /"reed" is not known/],
    ['delay=20ms,seed:x', 'invalid-argument', /"x" is no number/],
    ['error=ok', 'invalid-argument', /"ok" is no status/],
    ['error=ops:read+erase', 'invalid-argument', /"erase" is no operation/],
    ['error=from:1mb', 'invalid-size', /"1mb"/],
    ['stats=1', 'invalid-argument', /"1" is not understood/],
    ['trace=many', 'invalid-argument', /"many" is no number of entries/],
  ];
  for (const [text, code, message] of bad) {
    it(`refuses "${text}"`, () => assert.throws(() => parseFilter(text), { code, message }));
  }
});
