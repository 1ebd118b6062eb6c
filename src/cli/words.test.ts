/** The small pieces: text, styles, frames, keys, options, path ids, faults, names, errors. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import fc from 'fast-check';
import { fakePath, fakeView } from '../../test/support/fake-host.ts';
import { policyOf } from '../multipath/policy.ts';
import { CausewayError, errorTable, isErrorCode } from '../base/errors.ts';
import { faultRequest } from './array-faults.ts';
import { nameFromUrl } from './attach.ts';
import { errorLines, exitCodeOf } from './exit-text.ts';
import { KeyReader } from './keys.ts';
import { oneOf, seconds, size, wholeNumber } from './option-values.ts';
import { findPath } from './path-id.ts';
import { addPolicyOptions, policyLines, type PolicyOptions, policySettings, whenNoPath } from './policy-options.ts';
import { isBusy, noRates, ratesBetween } from './rates.ts';
import { fit, render, span, textOf } from './style.ts';
import { frameOf } from './terminal.ts';
import { clockTime, counted, cut, printable, table, wrapCommand } from './text.ts';

test('text from outside loses what steers a terminal, and nothing else', () => {
  assert.equal(printable('a\u001b[31mb\nc\u009b\u202ed'), 'a?[31mb?c??d');
  assert.equal(printable('Übung µs ✓ –'), 'Übung µs ✓ –');
});

test('tables line up, numbers at the right, without space at the end of a line', () => {
  const lines = table(
    [{ title: 'NAME' }, { title: 'SIZE', right: true }, { title: 'X' }],
    [
      ['a', '1 GiB', ''],
      ['longer', '100 MiB', 'yes'],
    ],
  );
  assert.deepEqual(lines, ['NAME       SIZE  X', 'a         1 GiB', 'longer  100 MiB  yes']);
});

test('cut, count, clock', () => {
  assert.equal(cut('abcdef', 4), 'abc…');
  assert.equal(cut('abcd', 4), 'abcd');
  assert.equal(cut('abcd', 0), '');
  assert.equal(counted(1, 'path'), '1 path');
  assert.equal(counted(0, 'path'), '0 paths');
  assert.match(clockTime('2026-11-01T12:00:05.000Z'), /^\d\d:\d\d:05$/);
  assert.equal(clockTime('nonsense'), '--:--:--');
});

test('a wrapped command is the same command', () => {
  const word = fc.string({ minLength: 1, maxLength: 20 }).map((text) => text.replace(/[\s\\]/g, 'x'));
  fc.assert(
    fc.property(fc.array(word, { minLength: 1 }), fc.integer({ min: 10, max: 120 }), (words, width) => {
      const lines = wrapCommand(words, width);
      const longest = Math.max(...words.map((one) => one.length)) + 4;
      for (const line of lines) assert.ok(line.length <= Math.max(width, longest), line);
      assert.deepEqual(lines.join('\n').replace(/ \\\n/g, '').split(/\s+/), words);
    }),
  );
});

test('a line is measured and cut without its colours', () => {
  const line = [span('causeway', 'bold'), span('  '), span('/dev/loop7', 'cyan')];
  assert.equal(textOf(fit(line, 12)), 'causeway  /…');
  assert.equal(render(fit(line, 12), true), '\u001b[1mcauseway\u001b[0m  \u001b[36m/\u001b[0m…');
  assert.equal(render(line, false), 'causeway  /dev/loop7');
  assert.equal(textOf(fit([span('a   ')], 3)), 'a', 'space at the end is nothing to cut for');
});

test('a frame repaints the lines that changed, and clears those that are gone', () => {
  assert.equal(frameOf(['a', 'b'], ['a', 'b']), '');
  const frame = frameOf(['a', 'b', 'c'], ['a', 'x']);
  assert.ok(frame.includes('\u001b[2;1Hx\u001b[K'));
  assert.ok(frame.includes('\u001b[3;1H\u001b[K'));
  assert.ok(!frame.includes('\u001b[1;1H'));
});

const typed: [string, ReturnType<KeyReader['read']>][] = [
  ['3', [{ kind: 'port', number: 3 }]],
  ['f2', [{ kind: 'fail', number: 2 }]],
  [
    'r2b1',
    [
      { kind: 'restore', number: 2 },
      { kind: 'blackhole', number: 1 },
    ],
  ],
  ['fr1', [{ kind: 'restore', number: 1 }]],
  ['f\u001b1', []],
  ['q', [{ kind: 'quit' }]],
  ['\u0003', [{ kind: 'quit' }]],
  ['fq', [{ kind: 'quit' }]],
  ['\u001b[A\u001b[1;5B\u001bOP', []],
  ['\u001b[3~2', [{ kind: 'port', number: 2 }]],
  ['0xyz\r\n\u0000', []],
];
for (const [keys, wishes] of typed) {
  test(`keys ${JSON.stringify(keys)}`, () => assert.deepEqual(new KeyReader().read(keys), wishes));
}
test('no bytes at all confuse the keys', () => {
  fc.assert(fc.property(fc.string(), (text) => assert.ok(new KeyReader().read(text).length <= text.length)));
});

function policyWords(...words: string[]): unknown {
  return policySettings(addPolicyOptions(new Command()).parse(words, { from: 'user' }).opts<PolicyOptions>());
}

const options: [string, () => unknown, unknown][] = [
  ['5 ports', () => wholeNumber('--ports', 1, 64)('5'), 5],
  ['0 ports', () => wholeNumber('--ports', 1, 64)('0'), 'invalid-argument'],
  ['65 ports', () => wholeNumber('--ports', 1, 64)('65'), 'invalid-argument'],
  ['1e1 ports', () => wholeNumber('--ports', 1, 64)('1e1'), 'invalid-argument'],
  ['no word', () => oneOf('--x', ['a', 'b'])('c'), 'invalid-argument'],
  ['a word', () => oneOf('--x', ['a', 'b'])('b'), 'b'],
  ['bare seconds', () => seconds('--grace')('2.5'), 2500],
  ['a duration', () => seconds('--grace')('2m'), 120_000],
  ['no duration', () => seconds('--grace')('soon'), 'invalid-argument'],
  ['a size', () => size('--size')('1g'), 1024 ** 3],
  ['no size', () => size('--size')('1gb'), 'invalid-size'],
  ['size zero', () => size('--size')('0'), 'invalid-argument'],
  ['queue', () => whenNoPath('queue'), -1],
  ['fail', () => whenNoPath('fail'), 0],
  ['30s', () => whenNoPath('30s'), 30_000],
  ['perhaps', () => whenNoPath('perhaps'), 'invalid-argument'],
  ['no memory', () => policyWords('--latency-memory', '0ms'), 'invalid-argument'],
  ['half a millisecond', () => policyWords('--latency-memory', '0.5ms'), 'invalid-argument'],
  ['runs of none', () => policyWords('--minimum-run', '0'), 'invalid-argument'],
  ['a weight of none', () => policyWords('--weight', '127.0.0.1=0'), 'invalid-argument'],
  ['no selector', () => policyWords('--selector', 'fastest'), 'invalid-argument'],
];
for (const [name, work, expected] of options) {
  test(`option: ${name}`, () => {
    if (typeof expected === 'string' && isErrorCode(expected)) assert.throws(work, { code: expected });
    else assert.equal(work(), expected);
  });
}

test('a policy is printed in the words that set it', () => {
  const policies: Parameters<typeof policyLines>[0][] = [
    { ...policyOf({}), weights: { '127.0.0.1:4420': 1 } },
    {
      ...policyOf({ selector: 'weighted', noPathRetry: 0, failback: -1, ghostWrites: 'strict', suspectAfter: 0 }),
      flapWindow: 90_000,
      latencyMemory: 1250,
      weights: { '127.0.0.1:4420': 5, '[::1]:4420': 1000 },
    },
  ];
  for (const policy of policies) {
    const words = policyLines(policy).flatMap((line) => {
      const [option = '', value = ''] = line.split(/ {2,}/);
      return [`--${option}`, value];
    });
    const command = addPolicyOptions(new Command());
    assert.deepEqual(policySettings(command.parse(words, { from: 'user' }).opts<PolicyOptions>()), policy);
  }
});

test('a path by its id, its address, or its number', () => {
  const view = fakeView('demo', [fakePath(1), fakePath(2), fakePath(2, { id: '127.0.0.2:4421' })]);
  assert.equal(findPath(view, '127.0.0.2:4421'), '127.0.0.2:4421');
  assert.equal(findPath(view, '127.0.0.1'), '127.0.0.1:4420');
  assert.equal(findPath(view, '3'), '127.0.0.2:4421');
  for (const wrong of ['127.0.0.2', '4', '0', '', '127.0.0.3', '__proto__']) {
    assert.throws(() => findPath(view, wrong), { code: 'no-such-path' }, wrong);
  }
});

test('faults: from words to what is asked', () => {
  assert.deepEqual(faultRequest('port-close', ['2']), { method: 'array-port', params: { port: 2, state: 'closed' } });
  assert.deepEqual(faultRequest('setAna', ['1', '2', 'inaccessible']).params, {
    fault: 'setAna',
    args: [1, 2, 'inaccessible'],
  });
  assert.deepEqual(faultRequest('delayExecution', ['1', 'milliseconds=50', 'writesOnly=true']).params, {
    fault: 'delayExecution',
    args: [1, { milliseconds: 50, writesOnly: true }],
  });
  assert.throws(() => faultRequest('port-close', []), { code: 'wrong-usage' });
  assert.throws(() => faultRequest('port-open', ['1', '2']), { code: 'wrong-usage' });
  assert.throws(() => faultRequest('port-open', ['two']), { code: 'invalid-argument' });
});

const names: [string, string][] = [
  ['nvme+tcp://192.0.2.1,192.0.2.2:4420/nqn.2014-08.org.example:Array_1', 'array_1'],
  ['nvme+tcp://h/nqn.2014-08.org.example:array?nsid=3', 'array-3'],
  ['nvme+tcp://h/nqn.2014-08.org.example:array?nsid=1', 'array'],
  ['mem:1g', '1g'],
  ['file:/srv/My Volume.img', 'my-volume.img'],
  [
    'nvme+tcp://h/nqn.2014-08.org.nvmexpress:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6',
    'f81d4fae-7dec-11d0-a765-00a0c91e',
  ],
  ['', 'volume'],
  ['///', 'volume'],
];
for (const [url, name] of names)
  test(`a device from "${url}" is called ${name}`, () => assert.equal(nameFromUrl(url), name));
test('whatever the URL, the name is one', () => {
  fc.assert(fc.property(fc.string(), (url) => assert.match(nameFromUrl(url), /^[a-z0-9][a-z0-9._-]{0,31}$/)));
});

test('every coded error is one sentence for the cause, one for the mend, and its code; one line', () => {
  for (const code of Object.keys(errorTable).filter(isErrorCode)) {
    const [line = '', ...more] = errorLines(new CausewayError(code, 'the thing\nis broken'), false);
    assert.match(line, /^causeway: the thing is broken\. \S.*[.)?] \[[a-z0-9-]+\]$/, code);
    if (code !== 'assertion') assert.deepEqual(more, []);
    const [json = ''] = errorLines(new CausewayError(code, 'm'), true);
    assert.deepEqual(JSON.parse(json), {
      error: { code, message: 'm', hint: errorTable[code].hint, exit: errorTable[code].exit },
    });
  }
});

test('what is no coded error is a bug, with its stack', () => {
  const lines = errorLines(new TypeError('x is undefined'), false);
  assert.match(lines[0] ?? '', /^causeway: TypeError: x is undefined\. .*\[assertion\]$/);
  assert.ok(lines.length > 1);
  assert.equal(exitCodeOf(new TypeError('x')), 1);
  assert.equal(exitCodeOf(new CausewayError('name-in-use', 'x')), 6);
});

test('rates are differences over time; a counter that began anew counts from zero', () => {
  const before = fakeView('demo', [fakePath(1), fakePath(2)]);
  const counters = { ...before.counters, reads: 1000, writes: 500, readBytes: 4096 * 1000, latencySum: 300_000 };
  const path = fakePath(1, { counters: { ...fakePath(1).counters, reads: 750, bytes: 8192 } });
  const rates = ratesBetween(
    { time: 1000, view: before },
    { time: 3000, view: fakeView('demo', [path], { counters }) },
  );
  assert.equal(rates.reads, 500);
  assert.equal(rates.writes, 250);
  assert.equal(rates.readBytes, 2048 * 1000);
  assert.equal(rates.latency, 200);
  assert.deepEqual(rates.paths, [{ id: '127.0.0.1:4420', operations: 375, bytes: 4096 }]);
  const anew = fakeView('demo', [], { counters: { ...counters, reads: 10 } });
  assert.equal(
    ratesBetween({ time: 0, view: fakeView('demo', [], { counters }) }, { time: 1000, view: anew }).reads,
    10,
  );
  assert.equal(ratesBetween({ time: 5, view: before }, { time: 5, view: anew }), noRates);
  assert.equal(isBusy(noRates, before), false);
  assert.equal(isBusy(noRates, fakeView('demo', [], { counters: { ...counters, waiting: 1 } })), true);
});
