import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fakePath, fakeView } from '../../test/support/fake-host.ts';
import type { DeviceView, PathView } from '../host/view.ts';
import { layoutArray } from './array-layout.ts';
import { noRates, type Rates } from './rates.ts';
import { layoutScreen, type ScreenState } from './screen-layout.ts';
import { textOf } from './style.ts';

const busy: Rates = {
  reads: 120_000,
  writes: 30_000,
  others: 1,
  readBytes: 468 * 1024 ** 2,
  writtenBytes: 117 * 1024 ** 2,
  latency: 212,
  paths: [1, 2, 3, 4].map((number) => ({ id: `127.0.0.${number}:4420`, operations: 37_500, bytes: 146 * 1024 ** 2 })),
};

function stateOf(
  paths: readonly PathView[],
  changes: Partial<ScreenState> = {},
  view: Partial<DeviceView> = {},
): ScreenState {
  return {
    title: 'causeway demo',
    view: fakeView('demo', paths, view),
    rates: busy,
    ports: paths.map(() => 'open'),
    events: Array.from({ length: 30 }, (_, index) => ({ at: '2026-11-01T12:00:00.000Z', message: `event ${index}` })),
    keys: '1–4 pull or plug a port   q quit',
    alert: '',
    uptime: 125_000,
    ...changes,
  };
}

const fourPaths = [1, 2, 3, 4].map((number) => fakePath(number));
const show = (state: ScreenState, columns: number, rows: number): string[] =>
  layoutScreen(state, columns, rows).map(textOf);

for (const columns of [40, 80, 200]) {
  test(`a screen of ${columns} columns shows device, every path with its state, rates and keys`, () => {
    const paths = fourPaths.with(1, fakePath(2, { state: 'down', reason: 'connection reset', losses: 3 }));
    const lines = show(stateOf(paths), columns, 40);
    assert.equal(lines.length, 40);
    for (const line of lines) assert.ok(line.length <= columns, `${line.length}: ${line}`);
    const text = lines.join('\n');
    assert.match(text, /\/dev\/loop7/);
    for (const path of paths) assert.match(text, new RegExp(`${path.id} +${path.state}`));
    assert.match(text, columns === 40 ? /3 of 4 live/ : /3 of 4 paths live/);
    assert.match(text, /150k/);
    assert.match(text, /585 MiB\/s/);
    assert.match(text, /212 µs/);
    assert.match(text, /event 29/, 'the newest event');
    assert.match(lines.at(-1) ?? '', /^1–4 pull/);
    if (columns >= 100) assert.match(text, /connection reset/);
  });
}

test('wide screens say more than narrow ones', () => {
  const [narrow, wide] = [show(stateOf(fourPaths), 40, 40).join('\n'), show(stateOf(fourPaths), 200, 40).join('\n')];
  for (const word of ['in flight ', 'up 2 min', 'read 120k', 'FUSE over io_uring', 'port'])
    assert.ok(wide.includes(word), word);
  assert.ok(!narrow.includes('read 120k'));
});

test('commands to try carry the real device and can be pasted as they stand', () => {
  const lines = show(stateOf(fourPaths), 80, 50);
  const start = lines.findIndex((line) => line.includes('fio --name'));
  const pasted = lines.slice(start).join('\n').replace(/ \\\n/g, ' ');
  assert.match(pasted, /^ *fio .*--filename=\/dev\/loop7 .*--verify=crc32c/m);
  assert.match(pasted, /mkfs\.ext4 \/dev\/loop7 && mount \/dev\/loop7/);
});

test('any size, any number of paths: never a line too long or too many, and the keys stay', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 250 }),
      fc.integer({ min: 1, max: 80 }),
      fc.integer({ min: 0, max: 64 }),
      fc.nat(40),
      fc.boolean(),
      (columns, rows, count, events, alert) => {
        const paths = Array.from({ length: count }, (_, index) => fakePath((index % 250) + 1));
        const state = stateOf(paths, {
          alert: alert ? '/dev/loop7 is in use: fio (pid 1)' : '',
          events: Array.from({ length: events }, (_, index) => ({ at: 'x', message: `event ${index}` })),
          rates: noRates,
        });
        const lines = show(state, columns, rows);
        assert.ok(lines.length <= rows);
        assert.ok(lines.every((line) => line.length <= columns));
        if (rows >= 24 && columns >= 3) assert.ok(lines.at(-1)?.startsWith('1'), 'the keys are gone');
        if (rows >= 24 && columns >= 50 && alert) assert.ok(lines.some((line) => line.includes('in use')));
      },
    ),
  );
});

test('more paths than rows: it says how many are not shown', () => {
  const paths = Array.from({ length: 64 }, (_, index) => fakePath(index + 1));
  assert.match(show(stateOf(paths), 80, 24).join('\n'), /… and \d+ more/);
});

test('waiting and held requests are named', () => {
  const { counters } = fakeView('demo', []);
  const waiting = { ...counters, waiting: 7, waitingFor: 3_400, held: 2 };
  const text = show(stateOf(fourPaths, {}, { counters: waiting }), 100, 30).join('\n');
  assert.match(text, /7 waiting for 3\.4 s/);
  assert.match(text, /2 writes held/);
});

test('what an array says of itself cannot steer the terminal', () => {
  const paths = [fakePath(1, { state: 'down', reason: '\u001b[2Jgone\u0007\n' })];
  const lines = show(stateOf(paths, {}, { model: '\u001b]0;x\u0007', transport: 'a\u009bb' }), 120, 30);
  // oxlint-disable-next-line no-control-regex -- that is what is looked for
  for (const line of lines) assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f]/);
});

for (const columns of [40, 80, 200]) {
  test(`an array on its own in ${columns} columns`, () => {
    const ports = [1, 2].map((number) => ({
      number,
      address: `127.0.0.${number}`,
      port: 4420,
      state: 'open' as const,
    }));
    const view = {
      subsystem: 'nqn.2026-11.io.causeway:array',
      url: 'nvme+tcp://127.0.0.1:4420,127.0.0.2:4420/x',
      ports,
    };
    const lines = layoutArray(
      { title: 'array a', view, events: [{ at: 'x', message: 'hello' }], keys: 'q quit' },
      columns,
      20,
    );
    assert.equal(lines.length, 20);
    const texts = lines.map(textOf);
    for (const line of texts) assert.ok(line.length <= columns);
    assert.match(texts.join('\n'), /2 {2}127\.0\.0\.2:4420 +open/);
    assert.equal(texts.at(-1), 'q quit');
  });
}
