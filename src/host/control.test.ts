import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { CausewayError } from '../base/errors.ts';
import { callControl } from './control-client.ts';
import { maxRequestBytes, type Params } from './control-protocol.ts';
import { type ControlLimits, type ControlMethods, defaultControlLimits, serveControl } from './control-server.ts';
import { claimInstance } from './instance-claim.ts';
import { placesOf } from './runtime-dir.ts';

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'causeway-control-'));
process.env['CAUSEWAY_RUN_DIR'] = directory;
// Keeps the directory from being removed as empty between two tests.
fs.writeFileSync(path.join(directory, 'keep'), '');
after(() => fs.rmSync(directory, { recursive: true, force: true }));

let next = 0;
const finished = Promise.resolve();

/** A server of its own for each test. */
async function withServer(
  methods: ControlMethods,
  work: (name: string) => Promise<void>,
  limits: Partial<ControlLimits> = {},
): Promise<void> {
  next += 1;
  const name = `t${next}`;
  const claim = claimInstance(name, 'attach');
  const server = await serveControl(placesOf(name).socket, methods, { ...defaultControlLimits, ...limits });
  try {
    await work(name);
  } finally {
    await server.close();
    claim.release();
  }
  assert.equal(fs.existsSync(placesOf(name).socket), false, 'the socket file is left behind');
}

const echo: ControlMethods = new Map<string, (params: Params) => Promise<unknown>>([
  ['echo', (params) => Promise.resolve(params)],
  ['nothing', () => finished],
  ['coded', () => Promise.reject(new CausewayError('no-such-path', 'there is no path x', { hint: 'Try y.' }))],
  ['bug', () => Promise.reject(new TypeError('x is undefined'))],
  ['never', () => new Promise<never>(() => undefined)],
]);

/** Everything that the server says to a client that says `bytes`, until it closes the connection. */
function talk(name: string, bytes: string | Buffer, options: { end?: boolean } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(placesOf(name).socket);
    let heard = '';
    socket.setEncoding('utf8').on('data', (text: string) => (heard += text));
    socket.on('error', (error) => {
      // The server may close before it has read all that we sent.
      if (!('code' in error) || (error.code !== 'EPIPE' && error.code !== 'ECONNRESET')) reject(error);
    });
    socket.on('close', () => resolve(heard));
    socket.write(bytes);
    if (options.end === true) socket.end();
  });
}

test('a result, nothing, a coded error and a bug arrive as what they are', async () => {
  await withServer(echo, async (name) => {
    assert.deepEqual(await callControl(name, 'echo', { a: 1, b: ['ü'] }), { a: 1, b: ['ü'] });
    assert.equal(await callControl(name, 'nothing'), null);
    await assert.rejects(callControl(name, 'coded'), { code: 'no-such-path', message: /no path x/, hint: 'Try y.' });
    await assert.rejects(callControl(name, 'bug'), { code: 'assertion', message: /x is undefined/ });
  });
});

for (const method of ['', 'unknown', '__proto__', 'constructor', 'toString']) {
  test(`there is no method "${method}"`, async () => {
    await withServer(echo, async (name) => {
      await assert.rejects(callControl(name, method), { code: 'control-protocol' });
    });
  });
}

test('only the owner may connect', async () => {
  await withServer(echo, async (name) => {
    assert.equal(fs.statSync(placesOf(name).socket).mode & 0o777, 0o600);
    assert.equal(fs.statSync(placesOf(name).lock).mode & 0o777, 0o600);
  });
});

test('a method that does not answer is waited for only so long', async () => {
  await withServer(
    echo,
    async (name) => {
      await assert.rejects(callControl(name, 'never', {}, 50), { code: 'control-timeout' });
      assert.deepEqual(await callControl(name, 'echo', {}), {}, 'others are still answered');
    },
    { closeTimeout: 50 },
  );
});

const garbage: [string, string | Buffer][] = [
  ['no JSON', 'hello\n'],
  ['an empty line', '\n'],
  ['an array', '[]\n'],
  ['null', 'null\n'],
  ['no id', '{"method":"echo"}\n'],
  ['an id that is no number', '{"id":"1","method":"echo"}\n'],
  ['params that are an array', '{"id":1,"method":"echo","params":[]}\n'],
  ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00, 0x0a])],
  ['a line too long', Buffer.alloc(maxRequestBytes + 2, 0x20)],
  ['deep nesting', `{"id":1,"method":"echo","params":${'['.repeat(30_000)}\n`],
];
for (const [what, bytes] of garbage) {
  test(`${what}: told once, closed, and others are served`, async () => {
    await withServer(echo, async (name) => {
      const heard = await talk(name, bytes);
      assert.match(heard, /^\{"id":0,"error":\{"code":"control-protocol".*\n$/);
      assert.deepEqual(await callControl(name, 'echo', { a: 1 }), { a: 1 });
    });
  });
}

test('several requests in one piece, and one request in many, are answered in order', async () => {
  await withServer(echo, async (name) => {
    const lines = [1, 2, 3].map((id) => JSON.stringify({ id, method: 'echo', params: { id } }));
    const heard = await talk(name, `${lines.join('\n')}\nstop\n`);
    assert.deepEqual(
      heard.trim().split('\n').slice(0, 3),
      [1, 2, 3].map((id) => JSON.stringify({ id, result: { id } })),
    );
    const socket = net.connect(placesOf(name).socket);
    const answer = new Promise<string>((resolve) => {
      socket.setEncoding('utf8').once('data', (text: string) => resolve(text));
    });
    for (const byte of Buffer.from(`${lines[0]}\n`)) {
      await new Promise<void>((resolve) => {
        socket.write(Buffer.from([byte]), () => resolve());
      });
    }
    assert.deepEqual(JSON.parse(await answer), { id: 1, result: { id: 1 } });
    socket.destroy();
  });
});

test('a client that says nothing, or only ever a byte, loses its place', async () => {
  await withServer(
    echo,
    async (name) => {
      assert.equal(await talk(name, ''), '');
      const socket = net.connect(placesOf(name).socket);
      const drip = setInterval(() => socket.write(' '), 5);
      await new Promise<void>((resolve) => {
        socket.on('error', () => undefined);
        socket.on('close', () => resolve());
      });
      clearInterval(drip);
    },
    { clientTimeout: 60 },
  );
});

test('more clients than there are places: the next is turned away, and can come when one has gone', async () => {
  await withServer(
    echo,
    async (name) => {
      const first = net.connect(placesOf(name).socket);
      await new Promise<void>((resolve) => {
        first.once('connect', () => resolve());
      });
      await assert.rejects(callControl(name, 'echo'), { code: 'not-running' });
      first.destroy();
      for (;;) {
        const answer = await callControl(name, 'echo', { a: 1 }).catch(() => null);
        if (answer !== null) break;
      }
    },
    { clients: 1 },
  );
});

test('a client that does not read its answer keeps nobody waiting', async () => {
  const big = 'x'.repeat(3 * 1024 * 1024);
  await withServer(
    new Map([['big', () => Promise.resolve(big)]]),
    async (name) => {
      const deaf = net.connect(placesOf(name).socket);
      deaf.on('error', () => undefined);
      deaf.pause();
      deaf.write('{"id":1,"method":"big"}\n');
      assert.equal(await callControl(name, 'big'), big);
      deaf.destroy();
    },
    { clientTimeout: 2_000 },
  );
});

test('an answer that is under way goes out before the server closes', async () => {
  next += 1;
  const path = placesOf(`t${next}`).socket;
  const called = new EventEmitter();
  const wasCalled = once(called, 'called');
  const slow = once(called, 'finish').then(() => 'done');
  const methods = new Map([
    [
      'slow',
      () => {
        called.emit('called');
        return slow;
      },
    ],
  ]);
  const server = await serveControl(path, methods);
  const answer = callControl(`t${next}`, 'slow');
  await wasCalled;
  const closed = server.close();
  called.emit('finish');
  assert.equal(await answer, 'done');
  await closed;
});

test('nobody there: no such device; a socket without its process: not running', async () => {
  await assert.rejects(callControl('nobody', 'echo'), { code: 'no-such-device', exit: 7 });
  await assert.rejects(callControl('../etc/passwd', 'echo'), { code: 'invalid-name', exit: 2 });
  const stale = placesOf('stale').socket;
  const code = `require('node:net').createServer().listen(${JSON.stringify(stale)}, () => process.kill(process.pid, 'SIGKILL'))`;
  assert.equal(spawnSync(process.execPath, ['-e', code]).signal, 'SIGKILL');
  assert.ok(fs.existsSync(stale));
  await assert.rejects(callControl('stale', 'echo'), { code: 'not-running', exit: 7 });
});

test('a server that is none: an answer that cannot be read', async () => {
  for (const answer of ['nonsense\n', '{"id":2,"result":1}\n', '{"id":1}\n', '{"id":1,"error":5}\n']) {
    next += 1;
    const server = net.createServer((socket) => socket.end(answer));
    await new Promise<void>((resolve) => {
      server.listen(placesOf(`t${next}`).socket, resolve);
    });
    await assert.rejects(callControl(`t${next}`, 'echo'), { code: 'control-protocol' }, answer);
    server.close();
  }
});
