import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Progress } from './progress.ts';

test('progress is told now and then, on a terminal more often and in one line', () => {
  for (const [isTTY, step, expected] of [
    [false, 9_999, []],
    [
      false,
      10_000,
      ['1 of 4 seeds, 1 found, 0.1 seeds/s, 30 s left\n', '2 of 4 seeds, 1 found, 0.1 seeds/s, 20 s left\n'],
    ],
    [true, 499, []],
    [
      true,
      500,
      [
        '\r\u001b[K1 of 4 seeds, 1 found, 2.0 seeds/s, 2 s left',
        '\r\u001b[K2 of 4 seeds, 1 found, 2.0 seeds/s, 1 s left',
      ],
    ],
  ] as const) {
    let now = 1000;
    const written: string[] = [];
    const progress = new Progress(4, { isTTY, write: (text) => written.push(text) }, () => now);
    now += step;
    progress.seedDone(true);
    if (expected.length > 0) now += step;
    progress.seedDone(false);
    assert.deepEqual(written, expected);
    assert.equal(progress.seconds, (now - 1000) / 1000);
    progress.clear();
    assert.equal(written.length, expected.length + (isTTY ? 1 : 0));
  }
});
