import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { allCases } from './cases/all.ts';
import { replacePart } from './page.ts';

const page = 'by hand\n\n<!-- measured: one -->\n\nold\n\n<!-- end of measured: one -->\n\nby hand too\n';

test('only what stands between the marks is replaced', () => {
  const once = replacePart(page, 'one', ['new', 'lines']);
  assert.equal(once, page.replace('old', 'new\nlines'));
  assert.equal(replacePart(once, 'one', ['old']), page);
});

test('a page without the marks is left alone', () => {
  assert.throws(() => replacePart(page, 'two', []), /no place for two/);
});

test('the page has a place for every case', () => {
  const text = fs.readFileSync(new URL('../../docs/benchmarks.md', import.meta.url), 'utf8');
  for (const { name } of allCases) assert.doesNotThrow(() => replacePart(text, name, []));
});
