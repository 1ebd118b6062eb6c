/**
 * What people mistype and what networks hold in store: each ends, soon, with one coded error, and the host is as it was:
 * no memory, no connection, no claim is left, and the next volume can be attached.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { describe, it } from 'node:test';
import { defined } from '../../src/base/assert.ts';
import { CausewayError, type ErrorCode, errorTable } from '../../src/base/errors.ts';
import type { ArrayOptions } from '../../src/demo/array-thread.ts';
import { startArray } from '../../src/demo/array-thread.ts';
import type { AttachOptions } from '../../src/host/contract.ts';
import { requires } from '../support/requires.ts';
import { type Scene, withScene } from '../support/scene.ts';

const mebi = 2 ** 20;
const needs = requires('io_uring', 'root');
const subsystem = 'nqn.2026-11.io.causeway:array';

/** Attaching `url` has to fail with `code` within `bound` milliseconds, and to leave nothing behind. */
async function assertRefused(
  it: Scene,
  url: string | readonly string[],
  code: ErrorCode,
  bound: number,
  options: Partial<AttachOptions> = {},
): Promise<void> {
  const memory = await memoryTaken(it);
  const begin = performance.now();
  const work = it.host.attach(typeof url === 'string' ? [url] : url, {
    name: `${it.name}-bad`,
    kernelDevice: 'none',
    ...options,
  });
  await assert.rejects(work, (error) => {
    assert(error instanceof CausewayError, `no coded error: ${String(error)}`);
    assert.equal(error.code, code, error.message);
    assert(!error.message.includes('\n') && error.message.length < 300, error.message);
    assert(error.hint.length > 0 && errorTable[code].exit > 0);
    return true;
  });
  const took = Math.round(performance.now() - begin);
  assert(took <= bound, `it took ${took} ms`);
  assert.deepEqual(await memoryTaken(it), memory, 'the reactors hold memory of it');
  assert.equal(it.host.attachments.length, 0);
  await it.until(2_000, 'the end of all connections', async () => {
    const { ports } = await it.array.stats();
    return ports.every(({ connections }) => connections === 0);
  });
}

function memoryTaken(it: Scene): Promise<readonly number[]> {
  return it
    .onReactors<{ memoryBytes: number }>('usage', () => null)
    .then((all) => all.map(({ memoryBytes }) => memoryBytes));
}

/** A host and an array, and nothing attached. In the end a proper volume still can be. */
function unattached(array: ArrayOptions, body: (it: Scene) => Promise<void>): Promise<void> {
  return withScene(
    { label: 'bad', bound: 60_000, host: { reactors: 2 }, array: { ports: 2, sizeBytes: 16 * mebi, ...array } },
    async (it) => {
      await body(it);
    },
  );
}

/** The host goes on being useful. */
async function assertUseful(it: Scene): Promise<void> {
  await it.attach(it.array.url, { kernelDevice: 'none' });
  assert.equal(it.volume.view().paths.filter(({ state }) => state === 'live-optimized').length, 2);
  await it.detach();
}

/** What a stranger does with a connection. */
type Talk = (socket: net.Socket) => void;

/** Somebody who listens on a port and is no array. */
async function withStranger(talk: Talk, body: (port: number) => Promise<void>): Promise<void> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    talk(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert(typeof address === 'object' && address !== null);
  try {
    await body(address.port);
    assert.equal(sockets.size, 0, 'a connection to the stranger is left');
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

describe('a URL that leads nowhere', needs, () => {
  it('is refused for what is wrong with it, without any connection', () =>
    unattached({}, async (it) => {
      for (const url of [
        'nvme+tcp://',
        'nvme+tcp://127.0.0.1/not-an-nqn',
        'nvme+tcp://127.0.0.1:99999/nqn.2026-11.io.causeway:array',
        'nvme+tcp://127.0.0.1/nqn.2026-11.io.causeway:array?nsid=0',
        'nvme+tcp://127.0.0.1,127.0.0.1/nqn.2026-11.io.causeway:array',
        'nvme+tcp://127.0.0.1/nqn.2026-11.io.causeway:array?what=ever',
        'http://127.0.0.1/',
        'mem:',
        '',
      ]) {
        await assert.rejects(it.host.attach([url], { name: 'bad', kernelDevice: 'none' }), (error) => {
          assert(error instanceof CausewayError, `${url}: ${String(error)}`);
          assert(['bad-url', 'invalid-size'].includes(error.code), `${url}: ${error.code}`);
          return true;
        });
      }
      await assertUseful(it);
    }));

  it('a port where nobody listens', () =>
    unattached({}, async (it) => {
      await assertRefused(it, `nvme+tcp://127.0.0.1:9/${subsystem}`, 'nvme-unreachable', 2_000);
      await assertRefused(it, `nvme+tcp://127.0.0.1:9,127.0.0.2:9,127.0.0.3:9/${subsystem}`, 'nvme-unreachable', 2_000);
      await assertUseful(it);
    }));

  it('a subsystem that the array does not have', () =>
    unattached({}, async (it) => {
      const url = it.array.url.replace(subsystem, 'nqn.2026-11.io.causeway:another');
      await assertRefused(it, url, 'nvme-connect-refused', 2_000);
      await assertUseful(it);
    }));

  it('an array that does not allow this host', () =>
    unattached({ advanced: { hosts: ['nqn.2026-11.io.causeway:friend'] } }, async (it) => {
      await assertRefused(it, it.array.url, 'nvme-connect-refused', 2_000);
      await it.attach(it.array.url, { kernelDevice: 'none', hostNqn: 'nqn.2026-11.io.causeway:friend' });
    }));

  it('a port for discovery only', () =>
    unattached(
      { advanced: { ports: [{ address: { host: '127.0.0.1', port: 0 }, offers: 'discovery' }] } },
      async (it) => {
        await assertRefused(it, it.array.url, 'nvme-connect-refused', 2_000);
      },
    ));

  it('a namespace that does not exist', () =>
    unattached({}, async (it) => {
      await assertRefused(it, `${it.array.url}?nsid=7`, 'nvme-no-namespace', 3_000);
      await assertUseful(it);
    }));

  it('no namespace named where there are two, and none where there is none', () =>
    unattached(
      {
        advanced: {
          volumes: [
            { name: 'one', sizeBytes: 16 * mebi },
            { name: 'two', sizeBytes: 16 * mebi },
          ],
        },
      },
      async (it) => {
        await assertRefused(it, it.array.url, 'namespace-ambiguous', 3_000);
        await it.attach(`${it.array.url}?nsid=2`, { kernelDevice: 'none' });
        assert.equal(it.volume.source.nsid, 2);
        await it.detach();
        await it.array.fault('removeVolume', [1]);
        await it.array.fault('removeVolume', [2]);
        await assertRefused(it, it.array.url, 'no-such-namespace', 3_000);
      },
    ));

  it('a volume without any identifier', () =>
    unattached({ advanced: { volumes: [{ name: 'one', sizeBytes: 16 * mebi, nguid: null, uuid: null }] } }, (it) =>
      assertRefused(it, it.array.url, 'nvme-no-identifier', 3_000),
    ));
});

/** They say nothing; the beginning of an answer, byte by byte; an answer, and then nothing. */
const silent: readonly Talk[] = [(socket) => socket.resume(), drip, (socket) => socket.write(icResp())];

describe('a port that speaks something else', needs, () => {
  const strangers: readonly (readonly [what: string, code: ErrorCode, bound: number, talk: Talk])[] = [
    [
      'a web server',
      'nvme-not-nvme-tcp',
      2_000,
      (socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')),
    ],
    ['one that greets first', 'nvme-not-nvme-tcp', 2_000, (socket) => socket.write('SSH-2.0-OpenSSH_9.2p1\r\n')],
    ['one that sends random bytes', 'nvme-not-nvme-tcp', 2_000, (socket) => socket.write(randomBytes(64 * 1024))],
    ['one that closes at once', 'nvme-connection-lost', 2_000, (socket) => socket.end()],
    ['one that resets at once', 'nvme-connection-lost', 2_000, (socket) => socket.resetAndDestroy()],
    [
      'one that begins like an array and goes on with random bytes',
      'nvme-malformed',
      2_000,
      (socket) => socket.write(Buffer.concat([icResp(), randomBytes(4096).fill(0xee, 0, 1)])),
    ],
  ];
  for (const [what, code, bound, talk] of strangers) {
    it(what, () =>
      unattached({}, (it) =>
        withStranger(talk, async (port) => {
          await assertRefused(it, `nvme+tcp://127.0.0.1:${port}/${subsystem}`, code, bound);
          await assertUseful(it);
        }),
      ),
    );
  }

  it('ports that keep a connection and never say what an array would: each within its time-outs', () =>
    unattached({}, async (it) => {
      const memory = await memoryTaken(it);
      const attempts = silent.map((talk) =>
        withStranger(talk, async (port) => {
          const url = `nvme+tcp://127.0.0.1:${port}/${subsystem}`;
          const work = it.host.attach([url], { name: `${it.name}-bad`, kernelDevice: 'none' });
          await assert.rejects(work, { code: 'nvme-timeout' });
        }),
      );
      await it.within(14_000, 'giving up', () => Promise.all(attempts));
      assert.deepEqual(await memoryTaken(it), memory, 'the reactors hold memory of them');
      await assertUseful(it);
    }));

  it('gives up when it was told to, however long the port would keep it', () =>
    unattached({}, async (it) => {
      for (const talk of silent) {
        await withStranger(talk, (port) =>
          assertRefused(it, `nvme+tcp://127.0.0.1:${port}/${subsystem}`, 'attach-timeout', 1_500, { timeout: 500 }),
        );
      }
      await assertUseful(it);
    }));

  it('beside ports of the array: the volume is attached without it', () =>
    unattached({}, (it) =>
      withStranger(
        (socket) => socket.write(randomBytes(4096)),
        async (port) => {
          await it.attach(it.array.url.replace(`/${subsystem}`, `,127.0.0.1:${port}/${subsystem}`), {
            kernelDevice: 'none',
          });
          const [, , third] = it.volume.view().paths;
          assert.equal(third?.state, 'connecting');
          assert.match(third.reason, /does not speak NVMe\/TCP/);
          assert.equal(it.volume.view().paths.filter(({ state }) => state === 'live-optimized').length, 2);
          await it.volume.failPath(third.id);
          assert.equal(it.volume.view().paths[2]?.state, 'disabled');
          await it.volume.restorePath(third.id);
          await it.detach();
        },
      ),
    ));
});

describe('volumes that cannot be told apart, or are not one', needs, () => {
  const twin = { nguid: '0123456789abcdef0123456789abcdef', uuid: null, name: 'one' } as const;

  it('a volume that is attached already', () =>
    unattached({}, async (it) => {
      await it.attach(it.array.url, { kernelDevice: 'none' });
      const again = it.host.attach([it.array.url], { name: `${it.name}-bad`, kernelDevice: 'none' });
      await assert.rejects(again, { code: 'volume-attached' });
      await it.detach();
      await assertUseful(it);
    }));

  it('another volume with the same identity', () =>
    withOther(
      { volumes: [{ ...twin, sizeBytes: 16 * mebi }], serial: 'A' },
      { volumes: [{ ...twin, sizeBytes: 16 * mebi }], serial: 'B' },
      async (it, other) => {
        await it.attach(it.array.url, { kernelDevice: 'none' });
        const second = it.host.attach([other], { name: `${it.name}-bad`, kernelDevice: 'none' });
        await assert.rejects(second, { code: 'volume-attached' });
      },
    ));

  it('addresses of two arrays that show different volumes under one name', () =>
    withOther({ serial: 'A' }, { serial: 'B' }, async (it, other) => {
      await assertRefused(it, [it.array.url, other], 'volume-disagrees', 5_000);
      await assertUseful(it);
    }));

  it('paths of one identity that differ in size, or in block size', () =>
    withOther(
      { volumes: [{ ...twin, sizeBytes: 16 * mebi }] },
      { volumes: [{ ...twin, sizeBytes: 8 * mebi }] },
      async (it, other) => {
        await assertRefused(it, [it.array.url, other], 'volume-disagrees', 5_000);
      },
    ));

  it('URLs that name different subsystems', () =>
    unattached({}, async (it) => {
      const other = it.array.url
        .replace(subsystem, 'nqn.2026-11.io.causeway:another')
        .replaceAll('127.0.0.', '127.0.1.');
      await assertRefused(it, [it.array.url, other], 'bad-url', 1_000);
    }));
});

/** Two arrays of the same subsystem name; the body gets the URL of the second one. */
async function withOther(
  first: ArrayOptions['advanced'],
  second: ArrayOptions['advanced'],
  body: (it: Scene, url: string) => Promise<void>,
): Promise<void> {
  await unattached({ ports: 2, ...(first === undefined ? {} : { advanced: first }) }, async (it) => {
    const port = defined(it.array.ports[0], 'a port').port + 1;
    const other = await startArray({
      addresses: ['127.0.0.11', '127.0.0.12'],
      port,
      sizeBytes: 16 * mebi,
      ...(second === undefined ? {} : { advanced: second }),
    });
    try {
      await body(it, other.url);
    } finally {
      // Connections of the host to it end with it.
      await other.stop();
    }
  });
}

/** An ICResp without digests. */
function icResp(): Buffer {
  const pdu = Buffer.alloc(128);
  pdu.writeUInt8(1, 0);
  pdu.writeUInt8(128, 2);
  pdu.writeUInt32LE(128, 4);
  pdu.writeUInt32LE(131_072, 12);
  return pdu;
}

/** Sends an ICResp so slowly that it never ends in time. */
function drip(socket: net.Socket): void {
  const pdu = icResp();
  let at = 0;
  const timer = setInterval(() => {
    socket.write(pdu.subarray(at, at + 1));
    at = (at + 1) % 100;
  }, 200);
  socket.on('close', () => clearInterval(timer));
}
