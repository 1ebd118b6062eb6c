/** What is printed of devices, arrays and hosts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakePath, fakeStatistics, fakeView, noLatencies, noLatency } from '../../test/support/fake-host.ts';
import type { DeviceView } from '../host/view.ts';
import { arrayText } from './array-text.ts';
import { doctorText, examine, type HostFacts, isFit } from './doctor-checks.ts';
import { numberIn } from './doctor-facts.ts';
import type { InstanceView } from './instance.ts';
import { type ListedInstance, listText } from './list.ts';
import { statsText } from './report-lines.ts';
import { noRates } from './rates.ts';
import { pathTable, showText } from './show-text.ts';
import { historyText } from './statistics-text.ts';

function listed(name: string, view: InstanceView | null, changes: Partial<ListedInstance> = {}): ListedInstance {
  return { name, kind: 'attach', pid: 42, since: null, alive: true, waiting: null, view, problem: '', ...changes };
}

function deviceOf(name: string, ...states: ('live-optimized' | 'down')[]): InstanceView {
  const paths = states.map((state, index) => fakePath(index + 1, { state }));
  return {
    name,
    kind: 'attach',
    pid: 42,
    version: '1',
    since: '',
    words: [],
    directory: '/',
    device: fakeView(name, paths),
    statistics: null,
    array: null,
  };
}

test('list: devices, arrays and what was left behind, in columns', () => {
  const array: InstanceView = {
    ...deviceOf('arr'),
    device: null,
    array: {
      subsystem: 'nqn.x',
      url: '',
      ports: [
        { number: 1, address: 'a', port: 1, state: 'open' },
        { number: 2, address: 'b', port: 1, state: 'closed' },
      ],
    },
  };
  const lines = listText([
    listed('a-long-name', deviceOf('a-long-name', 'live-optimized', 'down')),
    listed('arr', array),
    listed('b', deviceOf('b', 'down')),
    listed('c', null, { alive: false, pid: null, problem: 'crashed; the next start under this name cleans up' }),
    listed('d', deviceOf('d')),
  ]);
  assert.equal(lines.length, 6);
  const [title = ''] = lines;
  const column = (name: string): string[] =>
    lines.slice(1).map((line) => line.slice(title.indexOf(name)).split(/ {2,}/)[0] ?? '');
  assert.deepEqual(column('NAME'), ['a-long-name', 'arr', 'b', 'c', 'd']);
  assert.deepEqual(column('STATE'), [
    'degraded',
    'array, 1 of 2 ports open',
    'no path',
    'crashed; the next start under this name cleans up',
    'serving',
  ]);
  assert.match(lines[1] ?? '', /1\/2/);
});

test('list: nothing is said as a sentence', () => assert.match(listText([])[0] ?? '', /^No device/));

test('show: from the device down to its paths, with reasons and counters', () => {
  const paths = [
    fakePath(1, {
      counters: {
        ...fakePath(1).counters,
        reads: 1234,
        latencyNow: 198,
        latencyMean: 212,
        latencyMax: 3400,
        inFlight: 3,
      },
    }),
    fakePath(2, {
      state: 'down',
      reason: 'connection reset',
      cntlid: -1,
      losses: 2,
      delays: { keepAlive: 20_000, fence: 25_000, isFenceAssumed: false, anaTransition: 0, nextAttempt: 3210 },
    }),
    fakePath(3, { state: 'disabled' }),
  ];
  const base = fakeView('demo', paths);
  const view: DeviceView = {
    ...base,
    notes: ['switched on'],
    ghostWrites: 'none',
    noPathRetry: 30_000,
    fences: [
      {
        path: '127.0.0.2:4420',
        cntlid: 2,
        by: 'time (assumed, not guaranteed)',
        remaining: 12_000,
        ranges: 3,
        bytes: 24_576,
      },
    ],
    counters: {
      ...base.counters,
      reads: 10,
      writes: 10,
      latencySum: 4000,
      waiting: 3,
      waitingFor: 1500,
      held: 1,
      everHeld: 2,
      quarantined: 3,
      everQuarantined: 7,
      gated: 1,
      everGated: 4,
      errors: 3,
      hedges: 12,
      hedgesWon: 7,
      hedgesLost: 5,
      hedgesRefused: 1,
    },
  };
  const slow = { ...noLatency, count: 1234, mean: 212, p50: 190, p90: 300, p99: 900, p999: 2000, max: 3400 };
  const statistics = fakeStatistics(
    paths,
    {
      latency: { ...noLatencies, reads: slow },
      errors: [
        { status: 'medium-error', count: 2 },
        { status: 'timed-out', count: 1 },
      ],
      waits: {
        quarantine: { now: 1, ever: 4, total: 3400, longest: 1200 },
        held: { now: 1, ever: 2, total: 70, longest: 70 },
      },
    },
    [
      { latency: { ...noLatencies, writes: slow } },
      {
        outcomes: [
          { outcome: 'connection-lost', count: 1500 },
          { outcome: 'ana-inaccessible', count: 1 },
        ],
      },
    ],
  );
  const text = showText(view, statistics).join('\n');
  for (const pattern of [
    /^demo {2}\/dev\/loop7 {2}1 GiB {2}serving$/m,
    /note +switched on/,
    /latency +mean 200 µs/,
    /waiting +3 requests for 1\.5 s/,
    /errors +3 \(2 medium-error, 1 timed-out\), 0 parts sent again$/m,
    /held writes +1 now, 2 ever: of unknown outcome, until their controller is fenced; waited 70 ms in all, 70 ms at most$/m,
    /hedges +12 reads sent twice: the second was faster 7 times, the first 5 times; 1 more were beyond the budget/,
    /LATENCY OF +I\/O +COUNT +MEAN +P50 +P90 +P99 +P99\.9 +MAX$/m,
    /device +reads +1\.2k +212 µs +190 µs +300 µs +900 µs +2 ms +3\.4 ms$/m,
    /127\.0\.0\.1:4420 +writes +1\.2k +212 µs/,
    /2 {2}127\.0\.0\.2:4420 .* 1\.5k connection-lost, 1 ana-inaccessible$/m,
    /fence +127\.0\.0\.2:4420 \(controller 2\) by time \(assumed, not guaranteed\), 12 s at most, 3 ranges \(24 KiB\) in quarantine/,
    /quarantine +3 ranges now, 7 ever; 1 write waiting for one, 4 ever; waited 3\.4 s in all, 1\.2 s at most$/m,
    /I\/O waits 30 s while no path lives/,
    /ghost writes +NONE/,
    /paths +1 of 3 live/,
    /1 {2}127\.0\.0\.1:4420 {2}live-optimized +1 +3 +1\.2k +0 +198 µs +212 µs +3\.4 ms +0 +0$/m,
    /2 {2}127\.0\.0\.2:4420 {2}down +– .* 2 {2}connection reset \(again in 3\.2 s\)$/m,
    /time-outs +I\/O 30 s, then Abort, 2 s later a reset; keep-alive 15 s \(the array makes it 15 s, 20 s\); TCP 5 s without an acknowledgement; ANA transition 10 s$/m,
    /path life +.*; a lost one is waited for$/m,
    /reconnects +after 200 ms, later every 5 s at most, for ever/,
    /fence by time +25 s, 1 min 0 s after a loss at the latest \(assumed, not guaranteed\)/,
    /3 .*disabled .*The administrator took it out\.$/m,
  ]) {
    assert.match(text, pattern);
  }
});

test('show: a volume of this host has no paths, and nothing is said of any', () => {
  const text = showText(fakeView('ram', []), fakeStatistics([])).join('\n');
  assert.match(text, /paths +none/);
  assert.doesNotMatch(text, /ghost|LATENCY/);
});

test('path history: what it was, since when, for how long and why, and the time in each state', () => {
  const [path] = fakeStatistics([fakePath(1)], {}, [
    {
      history: {
        losses: 1,
        changes: 2,
        time: { down: 1500, 'live-optimized': 62_000 },
        last: [
          { state: 'live-optimized', at: '2026-11-01T12:00:00.000Z', lasted: 60_000, reason: '' },
          { state: 'down', at: '2026-11-01T12:01:00.000Z', lasted: 1500, reason: 'connection reset' },
          { state: 'live-optimized', at: '2026-11-01T12:01:01.500Z', lasted: 2000, reason: '' },
        ],
      },
    },
  ]).paths;
  assert.ok(path);
  assert.deepEqual(historyText(path), [
    '127.0.0.1:4420: lost 1 time, 2 changes of state; live-optimized 1 min 2 s, down 1.5 s',
    '  SINCE                     STATE                 FOR  REASON',
    '  2026-11-01T12:00:00.000Z  live-optimized  1 min 0 s',
    '  2026-11-01T12:01:00.000Z  down                1.5 s  connection reset',
    '  2026-11-01T12:01:01.500Z  live-optimized        2 s',
  ]);
});

test('show: time-outs that were switched off are named', () => {
  const view = fakeView('a', [fakePath(1)]);
  assert.ok(view.delays !== null);
  const life = { ...view.life, fastIoFail: 5000 };
  const off = { ...view, delays: { ...view.delays, ioTimeout: 0, tcpUserTimeout: 0 }, life };
  const text = showText(off, fakeStatistics(view.paths)).join('\n');
  assert.match(text, /path life +.*; a lost one is waited for 5 s \(fast_io_fail\)$/m);
  assert.match(text, /time-outs +none for I\/O; keep-alive 15 s; TCP as the kernel likes; ANA/m);
});

test('text of an array cannot steer the terminal', () => {
  const view = fakeView('a', [fakePath(1, { reason: '\u001b[2J', state: 'down' })], { model: '\u0007', serial: '\n' });
  // oxlint-disable-next-line no-control-regex -- that is what is looked for
  const steering = /[\u0000-\u001f\u007f-\u009f]/;
  const last = [{ state: 'down' as const, at: '\u001b', lasted: 1, reason: '\u009b2J' }];
  const history = { losses: 1, changes: 1, time: { down: 1 }, last };
  const outcomes = [{ outcome: '\u001b[2J', count: 1 }];
  const statistics = fakeStatistics(view.paths, {}, [{ id: '\u0007', outcomes, history }]);
  const lines = [...showText(view, statistics), ...pathTable(view.paths), ...statistics.paths.flatMap(historyText)];
  for (const line of lines) assert.doesNotMatch(line, steering);
});

test('array show: also when the other side leaves things out', () => {
  const stats = {
    commands: 1234,
    ports: [{ portid: 1, address: { host: '127.0.0.1', port: 4420 }, open: false, connections: 0, ana: ['optimized'] }],
    volumes: [{ nsid: 1, name: 'v', sizeBytes: 1024 ** 3, allocatedBytes: null }],
    controllers: [{ cntlid: 5, portid: 1, kind: 'io', ioQueues: 2 }],
  };
  const text = arrayText('a', stats).join('\n');
  assert.match(text, /1\.2k commands/);
  assert.match(text, /1 {2}127\.0\.0\.1:4420 {2}closed +0 {2}optimized/);
  assert.match(text, /1 {2}v +1 GiB +–/);
  for (const nonsense of [null, 5, [], {}, { ports: 5 }, { ports: [null, 5] }])
    assert.ok(arrayText('a', nonsense).length > 0);
});

test('statistics in one line', () => {
  const view = fakeView('a', []);
  assert.equal(
    statsText(view, { ...noRates, reads: 1500, readBytes: 4096 * 1500, latency: 85 }),
    '1.5k reads/s 5.9 MiB/s, 0 writes/s 0 B/s, mean 85 µs',
  );
  const waiting = { ...view, counters: { ...view.counters, waiting: 2, waitingFor: 61_000 } };
  assert.match(statsText(waiting, noRates), /2 waiting for 1 min 1 s/);
});

const fitHost: HostFacts = {
  nodeVersion: '20.19.0',
  mayMakeDevices: true,
  uring: { refusal: null, missing: [] },
  kernelDevices: [
    { kind: 'ublk', available: false, loadable: null, reason: 'not here', mend: 'Use another kernel.' },
    { kind: 'fuse', available: true, loadable: null, reason: '', mend: '' },
  ],
  companionProblem: null,
  fuseUring: { available: true, note: '' },
  memoryAvailable: 8 * 1024 ** 3,
  memoryLimit: null,
  lockedMemoryLimit: null,
  swaps: [],
  openFilesLimit: 20_000,
  stale: [],
  waiting: [],
  programs: [{ name: 'fio', found: true, debianPackage: 'fio' }],
};

test('doctor: a host that is fit, with one kind of device missing', () => {
  const findings = examine(fitHost);
  assert.equal(isFit(findings), true);
  const text = doctorText(findings).join('\n');
  assert.match(text, /^✓ node: Node 20\.19\.0$/m);
  assert.match(text, /^! kernel device ublk: not available: not here\n +Use another kernel\.$/m);
  assert.match(text, /^✓ kernel device fuse: available; `auto` takes it$/m);
  assert.match(text, /\nA device can be made on this host\.$/);
});

test('doctor: a module that is only not loaded is what attaching loads, if it may', () => {
  const nbd = {
    kind: 'nbd',
    available: false,
    loadable: 'nbd',
    reason: 'the module nbd is not loaded',
    mend: 'modprobe nbd',
  };
  const facts = { ...fitHost, kernelDevices: [nbd, ...fitHost.kernelDevices.slice(1)] };
  const text = doctorText(examine(facts)).join('\n');
  assert.match(text, /^✓ kernel device nbd: the module nbd is loaded when it is wanted; `auto` takes it$/m);
  assert.match(text, /^✓ kernel device fuse: available$/m);
  assert.match(
    doctorText(examine({ ...facts, mayMakeDevices: false })).join('\n'),
    /! kernel device nbd: .*\n +modprobe nbd/,
  );
});

const unfit: [string, Partial<HostFacts>, RegExp][] = [
  ['an old Node', { nodeVersion: '20.18.1' }, /✗ node: .*too old\n +Install Node 20\.19/],
  ['no rights', { mayMakeDevices: false }, /✗ rights: [^\n]*\n +Run it as root/],
  [
    'no io_uring',
    { uring: { refusal: { message: 'switched off', hint: 'Do this.' }, missing: [] } },
    /✗ io_uring: switched off\n +Do this\./,
  ],
  ['an old io_uring', { uring: { refusal: null, missing: ['sendmsg'] } }, /✗ io_uring: .*lacks sendmsg/],
  [
    'no kernel device at all',
    { kernelDevices: [{ kind: 'fuse', available: false, loadable: null, reason: 'no module', mend: 'modprobe fuse' }] },
    /✗ kernel device fuse: not available: no module\n +modprobe fuse/,
  ],
];
for (const [what, change, pattern] of unfit) {
  test(`doctor: ${what} keeps devices from being made, and is mended`, () => {
    const findings = examine({ ...fitHost, ...change });
    assert.equal(isFit(findings), false);
    assert.match(doctorText(findings).join('\n'), pattern);
  });
}

const warned: [string, Partial<HostFacts>, RegExp][] = [
  [
    'classic FUSE',
    { fuseUring: { available: false, note: 'switched off' } },
    /! FUSE over io_uring: switched off; .*slower/,
  ],
  ['little memory', { memoryAvailable: 100 * 1024 ** 2 }, /! memory: only 100 MiB/],
  ['a cgroup', { memoryLimit: 200 * 1024 ** 2 }, /! memory: only 200 MiB available \(the limit of its cgroup\)/],
  ['locked memory', { lockedMemoryLimit: 65_536 }, /! locked memory: .*64 KiB/],
  ['swap', { swaps: ['/dev/sda2'] }, /! swap: .*sda2/],
  [
    'swap on a loop device',
    { swaps: ['/dev/loop3'] },
    /! swap: .*must not be swap[^\n]*\n +Run `swapoff \/dev\/loop3`/,
  ],
  ['few files', { openFilesLimit: 256 }, /! open files: only 256/],
  ['leftovers', { stale: ['a', 'b'] }, /! left behind: 2 instances .*a, b/],
  [
    'devices that wait',
    { stale: ['a'], waiting: ['a (/dev/ublkb0)'] },
    /! left behind: I\/O waits for 1 device .*ublkb0[^\n]*\n +Attach the volume/,
  ],
  [
    'programs',
    { programs: [{ name: 'fio', found: false, debianPackage: 'fio' }] },
    /! programs: .*fio\n +.*apt-get install fio/,
  ],
];
for (const [what, change, pattern] of warned) {
  test(`doctor: ${what} is worth a warning only`, () => {
    const findings = examine({ ...fitHost, ...change });
    assert.equal(isFit(findings), true);
    assert.match(doctorText(findings).join('\n'), pattern);
  });
}

test('numbers in texts of the kernel', () => {
  assert.equal(numberIn('MemAvailable:   12345 kB', /^MemAvailable:\s+(\d+) kB/m), 12_345);
  assert.equal(numberIn('Max locked memory  unlimited unlimited bytes', /^Max locked memory\s+(\d+)/m), null);
  assert.equal(numberIn('max', /^(\d+)$/), null);
});
