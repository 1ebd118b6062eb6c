import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { PassThrough, Writable } from 'node:stream';
import { FakeArray, FakeHost } from '../../test/support/fake-host.ts';
import { CausewayError } from '../base/errors.ts';
import { callControl } from '../host/control-client.ts';
import { claimInstance } from '../host/instance-claim.ts';
import { listInstances } from '../host/instances.ts';
import type { Context } from './context.ts';
import { Output } from './output.ts';
import { run } from './program.ts';
import type { Line } from './style.ts';
import { textOf } from './style.ts';
import type { Terminal } from './terminal.ts';

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'causeway-serve-'));
process.env['CAUSEWAY_RUN_DIR'] = directory;
fs.writeFileSync(path.join(directory, 'keep'), '');
after(() => fs.rmSync(directory, { recursive: true, force: true }));

/** A stream whose lines a test can wait for. */
class Sink {
  readonly lines: string[] = [];
  readonly stream = new PassThrough();
  #rest = '';
  readonly #waiting: { found: (line: string) => boolean; resolve: (line: string) => void }[] = [];

  constructor() {
    this.stream.setEncoding('utf8').on('data', (text: string) => {
      const parts = (this.#rest + text).split('\n');
      this.#rest = parts.pop() ?? '';
      for (const line of parts) {
        this.lines.push(line);
        for (const one of this.#waiting.filter((each) => each.found(line))) one.resolve(line);
      }
    });
  }

  /** The first line that holds `text`, now or later. */
  async line(text: string): Promise<string> {
    const found = (line: string): boolean => line.includes(text);
    const there = this.lines.find(found);
    if (there !== undefined) return there;
    return await new Promise((resolve) => this.#waiting.push({ found, resolve }));
  }
}

class FakeTerminal implements Terminal {
  columns = 80;
  rows = 30;
  closed = 0;
  shown = '';
  type: (typed: string) => void = () => undefined;
  resize: () => void = () => undefined;

  draw(lines: readonly Line[]): void {
    assert.equal(this.closed, 0, 'drawn after it was given back');
    assert.ok(lines.length <= this.rows);
    this.shown = lines.map(textOf).join('\n');
  }

  onKeys(listener: (typed: string) => void): boolean {
    this.type = listener;
    return true;
  }

  onResize(listener: () => void): void {
    this.resize = listener;
  }

  close(): void {
    this.closed += 1;
  }
}

class World {
  readonly out = new Sink();
  readonly err = new Sink();
  readonly host: FakeHost;
  readonly arrays: FakeArray[] = [];
  terminal: FakeTerminal | null = null;
  mayMakeDevices = true;
  hostError: Error | null = null;
  /** Ports that are taken. */
  taken: number | undefined;
  signal: () => void = () => undefined;

  constructor(name: string) {
    this.host = new FakeHost(name);
  }

  run(...args: string[]): Promise<number> {
    const context: Context = {
      stdout: new Output(this.out.stream),
      stderr: new Output(this.err.stream),
      openTerminal: () => this.terminal,
      background: false,
      mayMakeDevices: this.mayMakeDevices,
      startHost: async () => {
        if (this.hostError !== null) throw this.hostError;
        return this.host;
      },
      startArray: async (options) => {
        if (this.taken !== undefined && options.port === this.taken) {
          throw new CausewayError('address-in-use', '127.0.0.1:4420 is taken');
        }
        const array = new FakeArray(options.ports ?? options.addresses?.length ?? 4);
        this.arrays.push(array);
        return array;
      },
      onEndSignal: (listener) => {
        this.signal = listener;
        return () => (this.signal = () => undefined);
      },
      after: (milliseconds, callback) => setTimeout(callback, milliseconds),
      now: () => performance.now(),
    };
    return run(args, context);
  }
}

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
    '--io-timeout 5 --keep-alive 9s --quiesce-time 1m --data-digest --queue-size 64 --timeout 7s --read-only';
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
    noPathRetry: 30_000,
    ghostWrites: 'none',
    ioTimeout: 5_000,
    keepAlive: 9_000,
    quiesceTime: 60_000,
    dataDigest: true,
    queueSize: 64,
    timeout: 7_000,
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

const hostile: [string, Record<string, unknown>, string][] = [
  ['path-fail', {}, 'control-protocol'],
  ['path-fail', { path: 7 }, 'control-protocol'],
  ['path-fail', { path: 'x'.repeat(300) }, 'control-protocol'],
  ['path-fail', { path: '__proto__' }, 'no-such-path'],
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

const refused: [string[], number, string][] = [
  [[], 2, 'wrong-usage'],
  [['frobnicate'], 2, 'unknown-command'],
  [['demo', '--frobnicate'], 2, 'unknown-option'],
  [['demo', 'extra'], 2, 'wrong-usage'],
  [['demo', '--ports'], 2, 'wrong-usage'],
  [['demo', '--ports', '0'], 2, 'invalid-argument'],
  [['demo', '--size', '1gb'], 2, 'invalid-size'],
  [['demo', '--size', '4097'], 2, 'invalid-size'],
  [['demo', '--name', 'A/B'], 2, 'invalid-name'],
  [['demo', '--selector', 'fastest'], 2, 'invalid-argument'],
  [['demo', '--grace', 'soon'], 2, 'invalid-argument'],
  [['attach'], 2, 'wrong-usage'],
  [['array', '--address', '127.0.0.1,,'], 2, 'invalid-argument'],
  [['array', '--address', '127.0.0.1', '--ports', '2'], 2, 'wrong-usage'],
  [['array', '--mdts', '5k'], 2, 'invalid-argument'],
  [['show', 'nobody'], 7, 'no-such-device'],
  [['detach', 'nobody'], 7, 'no-such-device'],
  [['path', 'list', 'nobody'], 7, 'no-such-device'],
  [['path', 'fail', 'nobody'], 2, 'wrong-usage'],
  [['array', 'fault', 'nobody', 'port-close', '1'], 7, 'no-such-device'],
];
for (const [args, exit, code] of refused) {
  test(`"causeway ${args.join(' ')}" ends with ${exit} and says ${code}`, async () => {
    const world = new World('a');
    assert.equal(await world.run(...args), exit);
    assert.match(await world.err.line(`[${code}]`), /^causeway: .*[.)] \[/);
    const asJson = new World('a');
    // An option that lacks its value would take the next word for it.
    if (args.length === 0 || args.at(-1) === '--ports') return;
    assert.equal(await asJson.run(...args, '--json'), exit);
    const told = JSON.parse(asJson.err.lines.at(-1) ?? '') as { error: { code: string; exit: number } };
    assert.deepEqual([told.error.code, told.error.exit], [code, exit]);
    assertNothingLeft();
  });
}

test('without the right to make devices it says so before anything is started', async () => {
  const world = new World('a');
  world.mayMakeDevices = false;
  assert.equal(await world.run('demo'), 3);
  assert.match(await world.err.line('needs-root'), /root/);
  assert.deepEqual(world.arrays, []);
  assertNothingLeft();
});

test('a name that is in use, and one that was left behind', async () => {
  const claim = claimInstance('a', 'demo');
  const world = new World('a');
  assert.equal(await world.run('demo', '--name', 'a'), 6);
  assert.match(await world.err.line('name-in-use'), new RegExp(`process ${process.pid}`));
  claim.release();
  const record = { kind: 'demo', since: 's', owner: { pid: 1, startTime: 1, bootId: 'another' } };
  fs.writeFileSync(path.join(directory, 'b.lock'), JSON.stringify(record));
  assert.equal(listInstances()[0]?.alive, false);
  assert.equal(await world.run('list'), 0);
  assert.match(await world.out.line('crashed'), /^b .*crashed; the next start under this name cleans up/);
  fs.rmSync(path.join(directory, 'b.lock'));
});

test('help and version are no errors, and every verb has an example', async () => {
  for (const args of [['--help'], ['--version'], ['help', 'demo'], ['path', '--help']]) {
    const world = new World('a');
    assert.equal(await world.run(...args), 0, args.join(' '));
    assert.deepEqual(world.err.lines, []);
    assert.ok(world.out.lines.length > 0);
  }
  const world = new World('a');
  for (const words of ['demo', 'attach', 'detach', 'list', 'show', 'array', 'array fault', 'array show', 'doctor']) {
    world.out.lines.length = 0;
    assert.equal(await world.run(...words.split(' '), '--help'), 0);
    assert.match(world.out.lines.join('\n'), new RegExp(`\\nExamples:\\n +causeway ${words}`), words);
    assert.match(world.out.lines.join('\n'), /--json/, words);
  }
});

test('output: a reader that is gone or does not read stops nobody, and keeps no queue without end', () => {
  const deaf = new Writable({ write: () => undefined, highWaterMark: 1 });
  const output = new Output(deaf);
  for (let line = 0; line < 10_000; line += 1) output.line('x'.repeat(100), true);
  assert.ok(deaf.writableLength < 300_000);
  assert.ok(output.dropped > 0);
  output.line('what counts');
  assert.ok(deaf.writableLength > 256_000);
  const gone = new Output(deaf);
  deaf.destroy(new Error('EPIPE'));
  gone.line('x');
});
