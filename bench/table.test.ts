import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alignedLines, markdownLines, percent, shortNumber, times } from './table.ts';

test('numbers are cut to three digits that matter', () => {
  const cases: [number, string][] = [
    [0, '0'],
    [0.123, '0.12'],
    [1.234, '1.23'],
    [12.34, '12.3'],
    [99.97, '100'],
    [123.4, '123'],
    [999.4, '999'],
    [999.7, '1.00k'],
    [12_345, '12.3k'],
    [1_234_567, '1.23M'],
    [4.2e9, '4.20G'],
    [Number.NaN, '–'],
  ];
  for (const [value, text] of cases) assert.equal(shortNumber(value), text);
});

test('shares and multiples', () => {
  assert.equal(percent(0.0312), '3.1 %');
  assert.equal(percent(0.998), '100 %');
  assert.equal(times(2.499), '2.50×');
  assert.equal(times(Number.NaN), '–');
});

const table = {
  head: ['', 'IOPS'],
  rows: [
    ['read', '7'],
    ['a|b', '12345'],
  ],
};

test('columns stand under each other', () => {
  assert.deepEqual(alignedLines(table), ['       IOPS', '───────────', 'read      7', 'a|b   12345']);
});

test('a cell can not end a cell of the page', () => {
  assert.deepEqual(markdownLines(table), ['|  | IOPS |', '|---|--:|', '| read | 7 |', '| a\\|b | 12345 |']);
});
