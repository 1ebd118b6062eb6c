import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULTS, parseCommandLine } from './options.ts';

test('what is not said has its default; the command keeps options of its own', () => {
  assert.deepEqual(parseCommandLine(['--', 'node', '--kernel', '--', 'x']), {
    what: 'run',
    guest: { ...DEFAULTS, forward: [], program: ['node', '--kernel', '--', 'x'] },
    printConsole: false,
  });
});

test('everything said', () => {
  const args = '--kernel 6.1 --seconds 5 --memory 512 --cpus 1 --forward 1:2 --forward 3:65535 --console -- true';
  assert.deepEqual(parseCommandLine(args.split(' ')), {
    what: 'run',
    guest: {
      kernel: '6.1',
      seconds: 5,
      memoryMiB: 512,
      cpus: 1,
      forward: [
        { host: 1, guest: 2 },
        { host: 3, guest: 65_535 },
      ],
      program: ['true'],
    },
    printConsole: true,
  });
});

test('without a guest', () => {
  assert.deepEqual(parseCommandLine(['--fetch']), { what: 'fetch' });
  assert.deepEqual(parseCommandLine(['--help']), { what: 'help' });
});

for (const [line, complaint] of [
  ['', /no command/],
  ['true', /unknown option true/],
  ['--kernel 5.10 -- true', /unknown kernel 5.10: one of 6.1, 6.12, 7/],
  ['--kernel', /--kernel needs a value/],
  ['--seconds 0 -- true', /--seconds 0: a whole number from 1 to/],
  ['--cpus 2.5 -- true', /--cpus 2.5/],
  ['--memory 1e3 -- true', /--memory 1e3/],
  ['--forward 80 -- true', /--forward 80: HOST:GUEST/],
  ['--forward 80:65536 -- true', /--forward 65536: a whole number from 1 to 65535/],
] as const) {
  test(`refused: ${line === '' ? '(nothing)' : line}`, () => {
    assert.throws(() => parseCommandLine(line === '' ? [] : line.split(' ')), complaint);
  });
}
