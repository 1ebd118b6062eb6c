import assert from 'node:assert/strict';
import { test } from 'node:test';
import { check } from './check.ts';
import { formatCheckLine, parseCheckLine } from './check-lines.ts';
import { CheckReport } from './check-report.ts';

/** A report, and what became of its subtests. */
function recorded(): { report: CheckReport; outcomes: string[] } {
  const outcomes: string[] = [];
  const report = new CheckReport(async (name, body) => {
    try {
      await body();
      outcomes.push(`${name}: passed`);
    } catch (error) {
      outcomes.push(`${name}: ${String(error)}`);
    }
  });
  return { report, outcomes };
}

test('every check becomes a subtest with its own outcome', async () => {
  const { report, outcomes } = recorded();
  report.take({ begun: 'a' });
  report.take({ ended: 'a', milliseconds: 1, failure: null });
  report.take({ begun: 'b' });
  report.take({ ended: 'b', milliseconds: 1, failure: 'it broke' });
  assert.equal(await report.end('over'), 1);
  assert.deepEqual(outcomes, ['a: passed', 'b: Error: it broke']);
  assert.equal(report.count, 2);
});

test('a check in which the guest died has failed', async () => {
  const { report, outcomes } = recorded();
  report.take({ begun: 'a' });
  assert.equal(await report.end('the kernel panicked'), 1);
  assert.deepEqual(outcomes, ['a: Error: it did not end: the kernel panicked']);
});

test('lines of checks are told from others', () => {
  const line = { ended: 'x', milliseconds: 2.5, failure: 'two\nlines' };
  assert.deepEqual(parseCheckLine(formatCheckLine(line)), line);
  assert.equal(formatCheckLine(line).includes('\n'), false);
  assert.equal(parseCheckLine('{"begun":"x"}'), null);
  assert.equal(parseCheckLine(''), null);
});

test('a check tells of its beginning and its end', async (t) => {
  const lines: unknown[] = [];
  const log = t.mock.method(console, 'log', (text: string) => lines.push(parseCheckLine(text)));
  const before = process.exitCode;
  const outcomes = [await check('fine', () => {}), await check('broken', () => Promise.reject(new Error('no')))];
  const { exitCode } = process;
  process.exitCode = before;
  log.mock.restore();
  assert.deepEqual(outcomes, [true, false]);
  assert.equal(exitCode, 1);
  const text = lines.map((line) => JSON.stringify(line)).join('\n');
  const number = String.raw`[\d.]+`;
  assert.match(
    text,
    new RegExp(String.raw`^{"begun":"fine"}
{"ended":"fine","milliseconds":${number},"failure":null}
{"begun":"broken"}
{"ended":"broken","milliseconds":${number},"failure":"Error: no\\n.*"}$`),
  );
});
