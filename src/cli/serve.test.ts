import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { FakeTerminal, World } from '../../test/support/fake-world.ts';
import { until } from '../../test/support/until.ts';
import { CausewayError } from '../base/errors.ts';
import { callControl } from '../host/control-client.ts';
import type { StatisticsView } from '../host/statistics-view.ts';

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'causeway-serve-'));
process.env['CAUSEWAY_RUN_DIR'] = directory;
fs.writeFileSync(path.join(directory, 'keep'), '');
after(() => fs.rmSync(directory, { recursive: true, force: true }));

function assertNothingLeft(): void {
  assert.deepEqual(fs.readdirSync(directory), ['keep']);
}

test('demo --json: ready is the first line and has exactly its keys; events follow; a signal ends it with 0', async () => {
  const world = new World('a');
  const ended = world.run('demo', '--name', 'a', '--json');
  const ready: unknown = JSON.parse(await world.out.line('ready'));
  assert.deepEqual(ready, {
    event: 'ready',
    name: 'a',
    device: '/dev/loop7',
    paths: [1, 2, 3, 4].map((number) => ({ id: `127.0.0.${number}:4420`, state: 'live-optimized' })),
  });
  assert.equal(world.out.lines.length, 1);
  world.host.emit({ event: 'path-state', message: 'path x is down', path: 'x', state: 'down' });
  assert.deepEqual(JSON.parse(await world.out.line('path-state')), {
    at: '2026-11-01T12:00:01.000Z',
    device: 'a',
    event: 'path-state',
    message: 'path x is down',
    path: 'x',
    state: 'down',
  });
  world.signal();
  assert.equal(await ended, 0);
  assert.deepEqual(world.host.log, ['attach', 'detached', 'host stopped']);
  assert.deepEqual(world.arrays[0]?.calls, ['stop']);
  assert.deepEqual(world.err.lines, []);
  assertNothingLeft();
});

/** Whether the device that these words make is to outlive a crash. */
async function wish(...words: string[]): Promise<boolean | undefined> {
  const world = new World('a');
  const ended = world.run(...words, '--name', 'a', '--json');
  await world.out.line('ready');
  world.signal();
  assert.equal(await ended, 0);
  return world.host.options?.surviveCrash;
}

test('attach: a device outlives a crash, unless it is to be fast; a demo does not', async () => {
  const url = 'nvme+tcp://h/nqn.2014-08.org.example:a';
  assert.equal(await wish('attach', url), true);
  assert.equal(await wish('attach', url, '--survive-crash'), true);
  assert.equal(await wish('attach', url, '--fast'), false);
  assert.notEqual(await wish('demo'), true);
  const world = new World('a');
  assert.equal(await world.run('attach', url, '--fast', '--survive-crash'), 2);
});

test('a device is handed over and goes on; if that fails half way, its process ends as in a crash', async () => {
  const url = 'nvme+tcp://h/nqn.2014-08.org.example:a';
  const world = new World('a');
  const ended = world.run('attach', url, '--name', 'a', '--json');
  await world.out.line('ready');
  world.host.attachment.handOverError = new CausewayError('cannot-hand-over', 'no');
  await assert.rejects(callControl('a', 'hand-over'), { code: 'cannot-hand-over' });
  assert.deepEqual(world.crashes, []);
  world.host.attachment.handOverError = new CausewayError('kernel-device-failed', 'half way');
  await assert.rejects(callControl('a', 'hand-over'), { code: 'kernel-device-failed' });
  await until('the crash', () => world.crashes.length > 0);
  assert.match(world.crashes.join(), /half way/);

  world.host.attachment.handOverError = null;
  const next = new World('a');
  const served = next.run('attach', url, '--name', 'a', '--take-over', '--json');
  await next.out.line('ready');
  assert.equal(await ended, 0);
  assert.deepEqual(world.host.log, ['attach', 'host stopped']);
  next.signal();
  assert.equal(await served, 0);
  // Nobody serves it: then there is nothing to be handed over.
  const alone = new World('a');
  const third = alone.run('attach', url, '--name', 'a', '--take-over', '--json');
  await alone.out.line('ready');
  alone.signal();
  assert.equal(await third, 0);
  assertNothingLeft();
});

test('demo takes free ports where 4420 is taken', async () => {
  const world = new World('a');
  world.taken = 4420;
  const ended = world.run('demo', '--name', 'a', '--json');
  await world.out.line('ready');
  world.signal();
  assert.equal(await ended, 0);
});

test('the options arrive', async () => {
  const world = new World('a');
  const words =
    '--name a --kernel-device fuse --transport classic --selector round-robin --when-no-path 30s --ghost-writes none';
  const more =
    '--fast-io-fail 5s --tcp-user-timeout 2 --reconnect-first 50ms --reconnect-longest 1m ' +
    '--io-timeout 5 --keep-alive 9s --quiesce-time 1m --assume-shared-cache --data-digest --queue-size 64 --timeout 7s --read-only ' +
    '--weight h:4420=5 --weight [::1]:4420=1000';
  const ended = world.run(
    'attach',
    'nvme+tcp://h/nqn.2014-08.org.example:a',
    ...words.split(' '),
    ...more.split(' '),
    '--json',
  );
  await world.out.line('ready');
  world.signal();
  assert.equal(await ended, 0);
  assert.deepEqual(world.host.urls, ['nvme+tcp://h/nqn.2014-08.org.example:a']);
  assert.deepEqual(world.host.options, {
    name: 'a',
    kernelDevice: 'fuse',
    fuseTransport: 'classic',
    selector: 'round-robin',
    weights: { 'h:4420': 5, '[::1]:4420': 1000 },
    noPathRetry: 30_000,
    ghostWrites: 'none',
    fastIoFail: 5_000,
    tcpUserTimeout: 2_000,
    reconnectFirst: 50,
    reconnectLongest: 60_000,
    ioTimeout: 5_000,
    keepAlive: 9_000,
    quiesceTime: 60_000,
    assumeSharedCache: true,
    dataDigest: true,
    queueSize: 64,
    timeout: 7_000,
    surviveCrash: true,
    readOnly: true,
  });
});

test('lines for people where there is no terminal: ready, what changes, and no statistics while nothing is done', async () => {
  const world = new World('a');
  const ended = world.run('demo', '--name', 'a');
  await world.out.line('/dev/loop7 is ready: 1 GiB over 4 paths');
  world.host.emit({ event: 'path-state', message: 'path x is down' });
  assert.match(await world.out.line('path x is down'), /^\d\d:\d\d:\d\d {2}path x is down$/);
  world.signal();
  assert.equal(await ended, 0);
  assert.ok(!world.out.lines.some((line) => line.includes('reads/s')));
});

test('in use: named on stdout, served on; the second signal forces', async () => {
  const world = new World('a');
  const ended = world.run('demo', '--name', 'a', '--json');
  await world.out.line('ready');
  world.host.attachment.users = [
    { kind: 'mount', name: '/srv' },
    { kind: 'process', pid: 4711, name: 'fio' },
  ];
  world.signal();
  const event: unknown = JSON.parse(await world.out.line('in-use'));
  assert.deepEqual(event, {
    ...(event as object),
    event: 'in-use',
    device: 'a',
    holders: [
      { kind: 'mount', name: '/srv' },
      { kind: 'process', pid: 4711, name: 'fio' },
    ],
  });
  assert.match(JSON.stringify(event), /mounted on \/srv, fio \(pid 4711\)/);
  assert.deepEqual(world.host.attachment.detaches, []);
  world.signal();
  assert.equal(await ended, 0);
  assert.deepEqual(world.host.attachment.detaches.slice(0, 1), [true]);
  assertNothingLeft();
});

test('the control socket: statistics and the history of paths', async () => {
  const world = new World('a');
  const ended = world.run('demo', '--name', 'a', '--json');
  await world.out.line('ready');
  const asked = new World('a');
  assert.equal(await asked.run('show', 'a'), 0);
  await asked.out.line('SENT AGAIN');
  assert.equal(await asked.run('show', 'a', '--json'), 0);
  const shown = JSON.parse(await asked.out.line('"statistics":')) as { statistics: StatisticsView };
  assert.deepEqual(shown.statistics, world.host.attachment.statistics());
  assert.equal(await asked.run('path', 'history', 'a', '2'), 0);
  assert.match(await asked.out.line(': lost'), /^127\.0\.0\.2:4420: lost 0 times/);
  assert.equal(await asked.run('path', 'history', 'a', '--json'), 0);
  const told = JSON.parse(await asked.out.line('{"name":"a","paths"')) as { paths: { id: string; losses: number }[] };
  assert.deepEqual(
    told.paths.map(({ id, losses }) => [id, losses]),
    [1, 2, 3, 4].map((number) => [`127.0.0.${number}:4420`, 0]),
  );
  assert.equal(await asked.run('path', 'history', 'a', '9'), 7);
  world.signal();
  assert.equal(await ended, 0);
  assertNothingLeft();
});

test('the control socket: show, path fail and restore, ports, detach', async () => {
  const world = new World('a');
  const ended = world.run('demo', '--name', 'a', '--json');
  await world.out.line('ready');
  const asked = new World('a');
  assert.equal(await asked.run('list'), 0);
  assert.match(await asked.out.line('loop7'), /^a +\/dev\/loop7 +1 GiB +4\/4 +serving +\d+ +nguid\./);
  assert.equal(await asked.run('path', 'fail', 'a', '2', '--json'), 0);
  assert.match(await asked.out.line('disabled'), /"path":"127\.0\.0\.2:4420","state":"disabled"/);
  assert.equal(await asked.run('path', 'list', 'a'), 0);
  assert.match(await asked.out.line('2  127'), /disabled .*The administrator took it out/);
  assert.equal(await asked.run('path', 'restore', 'a', '127.0.0.2'), 0);
  assert.equal(await asked.run('path', 'fail', 'a', '9'), 7);
  assert.match(await asked.err.line('no-such-path'), /has no path "9"; it has 127\.0\.0\.1:4420/);
  assert.equal(await asked.run('array', 'fault', 'a', 'port-close', '2'), 0);
  assert.equal(await asked.run('array', 'fault', 'a', 'port-close', '5'), 7);
  assert.equal(await asked.run('array', 'fault', 'a', 'cutPort', '1'), 0);
  assert.deepEqual(world.arrays[0]?.calls, ['port 1 closed', 'cutPort([1])']);
  await world.out.line('port-state');
  assert.equal(await asked.run('show', 'a'), 0);
  await asked.out.line('4 of 4 live');
  assert.equal(await asked.run('detach', 'a'), 0);
  await asked.out.line('/dev/loop7 (a) is detached');
  assert.equal(await ended, 0, 'an asked-for end is no loss');
  assertNothingLeft();
});

test('paths by the control socket: one more, and one less', async () => {
  const world = new World('a');
  const ended = world.run('demo', '--name', 'a', '--json');
  await world.out.line('ready');
  const asked = new World('a');
  assert.equal(await asked.run('path', 'add', 'a', '127.0.0.9', '--json'), 0);
  assert.match(await asked.out.line('"path"'), /"path":"127\.0\.0\.9:4420","state":"live-optimized"/);
  assert.equal(await asked.run('path', 'add', 'a', '127.0.0.9'), 6);
  await asked.err.line('[path-exists]');
  for (const which of ['5', '127.0.0.1', '127.0.0.2:4420'])
    assert.equal(await asked.run('path', 'remove', 'a', which), 0);
  await asked.out.line('a: path 127.0.0.2:4420 is removed');
  assert.equal(await asked.run('path', 'remove', 'a', '127.0.0.2'), 7);
  const last = new World('a');
  assert.equal(await last.run('path', 'remove', 'a', '1'), 0);
  assert.equal(await last.run('path', 'remove', 'a', '1'), 6);
  await last.err.line('[last-path]');
  assert.equal(await last.run('path', 'remove', 'a', '1', '--force'), 0);
  world.signal();
  assert.equal(await ended, 0);
});

test('the policy by the control socket: seen, changed in part, refused', async () => {
  const world = new World('a');
  const ended = world.run('demo', '--name', 'a', '--json');
  await world.out.line('ready');
  const asked = new World('a');
  assert.equal(await asked.run('policy', 'get', 'a'), 0);
  assert.match(await asked.out.line('when-no-path'), /^when-no-path {4}queue$/);
  const words = ['--selector', 'weighted', '--weight', '2=3', '--failback', '30s', '--json'];
  assert.equal(await asked.run('policy', 'set', 'a', ...words), 0);
  assert.match(await asked.out.line('"policy"'), /"selector":"weighted".*"failback":30000.*"127\.0\.0\.2:4420":3/);
  assert.equal(await asked.run('policy', 'set', 'a'), 2);
  assert.match(await asked.err.line('wrong-usage'), /nothing is said of the policy/);
  assert.equal(await asked.run('policy', 'set', 'a', '--weight', '9=3'), 7);
  assert.equal(await asked.run('policy', 'set', 'a', '--selector', 'fastest'), 2);
  assert.deepEqual(world.host.attachment.settings, {
    selector: 'weighted',
    failback: 30_000,
    weights: { '127.0.0.2:4420': 3 },
  });
  world.signal();
  assert.equal(await ended, 0);
});

const hostile: [string, Record<string, unknown>, string][] = [
  ['path-fail', {}, 'control-protocol'],
  ['path-fail', { path: 7 }, 'control-protocol'],
  ['path-fail', { path: 'x'.repeat(300) }, 'control-protocol'],
  ['path-fail', { path: '__proto__' }, 'no-such-path'],
  ['path-add', {}, 'control-protocol'],
  ['path-add', { address: ['127.0.0.1'] }, 'control-protocol'],
  ['path-remove', { path: '9' }, 'no-such-path'],
  ['policy-set', {}, 'control-protocol'],
  ['policy-set', { settings: { selector: 'constructor' } }, 'invalid-argument'],
  ['policy-set', { settings: { failback: '1' } }, 'invalid-argument'],
  ['policy-set', { settings: { __proto__: null, toString: 1 } }, 'invalid-argument'],
  ['policy-set', { settings: { weights: [1] } }, 'invalid-argument'],
  ['array-port', { port: 1, state: 'constructor' }, 'invalid-argument'],
  ['array-port', { port: '1', state: 'open' }, 'control-protocol'],
  ['array-port', { port: 0.5, state: 'open' }, 'control-protocol'],
  ['array-port', { port: -1, state: 'open' }, 'no-such-port'],
  ['array-fault', { fault: 'x', args: 'y' }, 'invalid-argument'],
  ['array-fault', { fault: 'x', args: [{ a: { b: 1 } }] }, 'invalid-argument'],
  ['array-fault', { args: [] }, 'control-protocol'],
];
test('parameters that are not what they should be are refused one by one, and it serves on', async () => {
  const world = new World('a');
  const ended = world.run('demo', '--name', 'a', '--json');
  await world.out.line('ready');
  for (const [method, params, code] of hostile) {
    await assert.rejects(callControl('a', method, params), { code }, `${method} ${JSON.stringify(params)}`);
  }
  assert.deepEqual(world.arrays[0]?.calls, []);
  world.signal();
  assert.equal(await ended, 0);
});

test('detach of a device in use: named, exit code 6, served on; by force it goes', async () => {
  const world = new World('a');
  const ended = world.run('demo', '--name', 'a', '--json');
  await world.out.line('ready');
  world.host.attachment.users = [{ kind: 'process', pid: 4711, name: 'fio' }];
  const asked = new World('a');
  assert.equal(await asked.run('detach', 'a', '--grace', '0'), 6);
  assert.match(await asked.err.line('device-in-use'), /\/dev\/loop7 is in use: fio \(pid 4711\)\..*--force/);
  assert.equal(await asked.run('detach', 'a', '--force', '--json'), 0);
  assert.deepEqual(JSON.parse(await asked.out.line('detached')), { name: 'a', device: '/dev/loop7', detached: true });
  assert.equal(await ended, 0);
});

test('detach waits for those who use it, and says so', async () => {
  const world = new World('a');
  const ended = world.run('demo', '--name', 'a', '--json');
  await world.out.line('ready');
  world.host.attachment.users = [{ kind: 'process', pid: 4711, name: 'fio' }];
  const asked = new World('a');
  const detached = asked.run('detach', 'a', '--grace', '60');
  await asked.err.line('waiting 1 min');
  world.host.attachment.users = [];
  assert.equal(await detached, 0);
  assert.equal(await ended, 0);
});

test('a device that is lost is an error', async () => {
  const world = new World('a');
  const ended = world.run('demo', '--name', 'a', '--json');
  await world.out.line('ready');
  world.host.attachment.vanish();
  assert.equal(await ended, 1);
  assert.match(await world.err.line('device-lost'), /"exit":1/);
  assertNothingLeft();
});

test('an array on its own: ready with its ports, faults by control socket, detach ends it', async () => {
  const world = new World('arr');
  const ended = world.run('array', '--name', 'arr', '--ports', '2', '--json');
  const ready: unknown = JSON.parse(await world.out.line('ready'));
  assert.deepEqual(Object.keys(ready as object), ['event', 'name', 'subsystem', 'url', 'ports']);
  const asked = new World('arr');
  assert.equal(await asked.run('show', 'arr'), 7);
  assert.equal(await asked.run('list'), 0);
  await asked.out.line('array, 2 of 2 ports open');
  assert.equal(await asked.run('array', 'fault', 'arr', 'port-blackhole', '1'), 0);
  assert.match(await world.out.line('port-state'), /"state":"blackholed"/);
  assert.equal(await asked.run('detach', 'arr'), 0);
  await asked.out.line('arr has ended');
  assert.equal(await ended, 0);
  assert.deepEqual(world.host.log, []);
  assertNothingLeft();
});

test('on a terminal: drawn, keys pull ports and fail paths, q ends, and the terminal is given back once', async () => {
  const world = new World('a');
  const terminal = new FakeTerminal();
  world.terminal = terminal;
  const ended = world.run('demo', '--name', 'a');
  while (!terminal.shown.includes('live-optimized')) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.match(terminal.shown, /1–4 pull or plug a port .*q quit/);
  terminal.type('2');
  terminal.type('f');
  assert.match(terminal.shown, /fail which path\? 1–4/);
  terminal.type('3');
  while (!/0 {2}closed$/m.test(terminal.shown) || !/disabled/.test(terminal.shown)) {
    terminal.resize();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  terminal.type('2r3');
  while (/0 {2}closed$|disabled/m.test(terminal.shown)) {
    terminal.resize();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.deepEqual(world.arrays[0]?.calls, ['port 1 closed', 'port 1 open']);
  terminal.columns = 40;
  terminal.resize();
  assert.ok(terminal.shown.split('\n').every((line) => line.length <= 40));
  terminal.type('q');
  assert.equal(await ended, 0);
  assert.equal(terminal.closed, 1);
});

test('what fails on the way up is told, gives the terminal back, and leaves nothing', async () => {
  const world = new World('a');
  world.terminal = new FakeTerminal();
  world.host.attachError = new CausewayError('nvme-unreachable', '192.0.2.1:4420 does not answer');
  assert.equal(await world.run('demo', '--name', 'a'), 4);
  assert.equal(world.terminal.closed, 1);
  assert.deepEqual(world.host.log, ['attach', 'host stopped']);
  assert.deepEqual(world.arrays[0]?.calls, ['stop']);
  assert.match(await world.err.line('nvme-unreachable'), /^causeway: 192\.0\.2\.1:4420 does not answer\. Check/);
  world.hostError = new CausewayError('io-uring-unavailable', 'switched off');
  assert.equal(await world.run('demo', '--name', 'a', '--json'), 3);
  assertNothingLeft();
});

test('a signal before it is ready ends the start', async () => {
  const world = new World('a');
  const attach = world.host.attach.bind(world.host);
  world.host.attach = async (urls, options) => {
    world.signal();
    return await attach(urls, options);
  };
  assert.equal(await world.run('demo', '--name', 'a', '--json'), 1);
  assert.match(await world.err.line('interrupted'), /before it was ready/);
  assert.deepEqual(world.host.log, ['attach', 'detached', 'host stopped']);
  assert.deepEqual(world.out.lines, []);
  assertNothingLeft();
});

test('a second signal before it is ready does not wait for the step under way', async () => {
  const world = new World('a');
  world.host.attach = () => {
    world.signal();
    world.signal();
    return new Promise(() => undefined);
  };
  assert.equal(await world.run('demo', '--name', 'a', '--json'), 1);
  assert.deepEqual(world.host.log, ['host stopped']);
  assertNothingLeft();
});

test('what fails on the way down is told, the rest is taken down all the same, and it is no success', async () => {
  const world = new World('a');
  world.host.stop = async () => {
    throw new CausewayError('reactor-stuck', 'reactor-0 does not end');
  };
  const ended = world.run('demo', '--name', 'a', '--json');
  await world.out.line('ready');
  world.signal();
  assert.equal(await ended, 1);
  await world.err.line('reactor-stuck');
  assert.deepEqual(world.arrays[0]?.calls, ['stop']);
  assertNothingLeft();
});
