import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { setOomScore } from './prctl.ts';

test('the out-of-memory score can be raised by anybody, and is refused out of range', () => {
  const file = '/proc/self/oom_score_adj';
  const raised = Math.max(Number(fs.readFileSync(file, 'utf8')), 1);
  assert.equal(setOomScore(raised), true);
  assert.equal(Number(fs.readFileSync(file, 'utf8')), raised);
  assert.equal(setOomScore(5000), false);
  assert.equal(Number(fs.readFileSync(file, 'utf8')), raised);
});
