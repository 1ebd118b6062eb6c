/** What a user can get wrong: one sentence on stderr with cause, mend and code, the documented exit code, nothing left. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { causeway, type Ended, freshName, mainPath, Running, startReady, traces } from '../support/cli.ts';
import { requires } from '../support/requires.ts';

const needed = requires('root', 'io_uring', 'fuse', 'loop');

function assertRefused(ended: Ended, exit: number, code: string, name: string): void {
  assert.equal(ended.stderr.trim().split('\n').length, 1, `more than one line:\n${ended.stderr}`);
  assert.match(ended.stderr, new RegExp(`^causeway: .*[.)] \\[${code}\\]\\n$`));
  assert.equal(ended.code, exit, ended.stderr);
  // A step that takes longer is named meanwhile; nothing else is.
  assert.match(ended.stdout, /^(attaching .*\n)?$/);
  assert.deepEqual(traces(name), []);
}

const urlOf = (server: net.Server): string => {
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return `nvme+tcp://127.0.0.1:${address.port}/nqn.2026-11.io.causeway:array`;
};

const attach = (name: string, url: string, ...more: string[]): Promise<Ended> =>
  causeway('attach', url, '--name', name, '--timeout', '3s', ...more);

describe('refused before anything is started', () => {
  const cases: [string[], number, string][] = [
    [['frobnicate'], 2, 'unknown-command'],
    [['demo', '--frobnicate'], 2, 'unknown-option'],
    [['demo', '--size', 'much'], 2, 'invalid-size'],
    [['demo', '--name', '../../etc/x'], 2, 'invalid-name'],
    [['demo', '--ports', '1000'], 2, 'invalid-argument'],
    [['show', 'nobody-here'], 7, 'no-such-device'],
    [['detach', 'nobody-here'], 7, 'no-such-device'],
    [['path', 'fail', 'nobody-here', '1'], 7, 'no-such-device'],
    [['array', '--dhchap-host', 'nqn.2026-11.io.causeway:host'], 2, 'invalid-argument'],
    [['array', '--dhchap-hash', 'sha384'], 2, 'wrong-usage'],
    [['array', '--dhchap-group', 'modp2048'], 2, 'invalid-argument'],
    [['gen-dhchap-key', '/proc/no-such-folder/key'], 3, 'file-open'],
    [['gen-dhchap-key'], 2, 'wrong-usage'],
  ];
  for (const [args, exit, code] of cases) {
    test(`causeway ${args.join(' ')}`, requires('root'), async () => {
      assertRefused(await causeway(...args), exit, code, 'nobody-here');
      const json = await causeway(...args, '--json');
      const told = JSON.parse(json.stderr) as { error: { code: string; exit: number; hint: string } };
      assert.deepEqual([told.error.code, told.error.exit, json.code], [code, exit, exit]);
    });
  }

  test('a secret that is made, is read by its owner only, and is never shown', requires('root'), async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'causeway-'));
    const file = path.join(folder, 'secret');
    const name = freshName();
    try {
      const made = await causeway('gen-dhchap-key', file, '--hmac', 'sha384');
      const secret = fs.readFileSync(file, 'utf8').trim();
      assert.match(secret, /^DHHC-1:02:[A-Za-z0-9+/=]+:$/);
      assert.deepEqual([made.code, fs.statSync(file).mode & 0o777], [0, 0o600]);
      assert(!made.stdout.includes(secret.slice(12, 30)));
      assertRefused(await causeway('gen-dhchap-key', file), 3, 'file-open', name);
      fs.chmodSync(file, 0o644);
      const url = 'nvme+tcp://127.0.0.1:9/nqn.2026-11.io.causeway:array';
      assertRefused(await attach(name, url, '--dhchap-secret-file', file), 3, 'secret-exposed', name);
      fs.chmodSync(file, 0o600);
      fs.writeFileSync(file, secret.replace(/[A-Z]/g, 'B'));
      const bad = await attach(name, url, '--dhchap-secret-file', file);
      assertRefused(bad, 2, 'bad-secret', name);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });

  test('without the right to make devices', requires('root', 'setpriv'), async () => {
    const name = freshName();
    const args = ['--bounding-set=-sys_admin', process.execPath, mainPath, 'demo', '--name', name];
    assertRefused(await new Running('setpriv', args).ended, 3, 'needs-root', name);
  });

  test('a runtime directory that cannot be made', requires('root'), async () => {
    const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'causeway-')), 'file');
    fs.writeFileSync(file, '');
    const name = freshName();
    const env = { CAUSEWAY_RUN_DIR: path.join(file, 'below') };
    const ended = await new Running(process.execPath, [mainPath, 'demo', '--name', name], env).ended;
    assertRefused(ended, 3, 'runtime-directory', name);
    fs.rmSync(path.dirname(file), { recursive: true });
  });
});

describe('refused on the way to a device', needed, () => {
  let array: Awaited<ReturnType<typeof startReady>>;
  let stranger: net.Server;
  let silent: net.Server;
  const arrayName = freshName();
  /** Connections that the strangers have; closed at the end. */
  const sockets = new Set<net.Socket>();

  const listen = async (server: net.Server): Promise<void> => {
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
  };
  before(async () => {
    array = await startReady('array', '--name', arrayName, '--ports', '2', '--port', '0', '--size', '64m');
    stranger = net.createServer((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
    silent = net.createServer();
    await Promise.all([listen(stranger), listen(silent)]);
  });
  after(async () => {
    for (const socket of sockets) socket.destroy();
    stranger.close();
    silent.close();
    array.running.kill('SIGTERM');
    assert.equal((await array.running.ended).code, 0);
    assert.deepEqual(traces(arrayName), []);
  });

  for (const url of ['', 'http://127.0.0.1/x', 'nvme+tcp://', 'nvme+tcp://127.0.0.1:70000/nqn.2014-08.org.example:x']) {
    test(`the URL "${url}"`, async () => {
      const name = freshName();
      assertRefused(await attach(name, url), 2, 'bad-url', name);
    });
  }

  test('a port where nobody listens', async () => {
    const name = freshName();
    const ended = await attach(name, 'nvme+tcp://127.0.0.1:1/nqn.2014-08.org.example:x');
    assertRefused(ended, 4, 'nvme-unreachable', name);
    assert.match(ended.stderr, /127\.0\.0\.1:1\b/);
  });

  test('a port that speaks something else', async () => {
    const name = freshName();
    assertRefused(await attach(name, urlOf(stranger)), 4, 'nvme-[a-z-]+', name);
  });

  test('a port that says nothing', async () => {
    const name = freshName();
    assertRefused(await attach(name, urlOf(silent)), 4, '(nvme-[a-z-]+|attach-timeout)', name);
  });

  test('a subsystem that the array does not have', async () => {
    const name = freshName();
    const url = (array.ready.url ?? '').replace(/:array$/, ':nosuch');
    const ended = await attach(name, url);
    assertRefused(ended, 5, 'nvme-connect-refused', name);
    assert.match(ended.stderr, /nosuch/);
  });

  test('a namespace that the array does not have', async () => {
    const name = freshName();
    assertRefused(await attach(name, `${array.ready.url}?nsid=7`), 5, '(nvme-no-namespace|no-such-namespace)', name);
  });

  test('in the background it is told in the same way', async () => {
    const name = freshName();
    assertRefused(await attach(name, `${array.ready.url}?nsid=7`, '--background'), 5, '[a-z-]*namespace', name);
  });

  test('a kernel device that this version does not have', async () => {
    const name = freshName();
    assertRefused(await attach(name, 'mem:64m', '--kernel-device', 'nbd'), 3, 'kernel-device-unavailable', name);
  });

  test('the port of the array is taken', async () => {
    const name = freshName();
    const port = /:(\d+)[,/]/.exec(array.ready.url ?? '')?.[1] ?? '';
    const ended = await causeway('array', '--name', name, '--ports', '1', '--port', port);
    assertRefused(ended, 6, 'address-in-use', name);
  });

  test('a name that is in use, and a volume that is attached already', async () => {
    const name = freshName();
    const { running } = await startReady('attach', array.ready.url ?? '', '--name', name);
    const again = await causeway('demo', '--name', name);
    assert.equal(again.code, 6);
    assert.match(
      again.stderr,
      new RegExp(`^causeway: .*${name}.*process ${running.child.pid}.* \\[name-in-use\\]\\n$`),
    );
    const other = freshName();
    assertRefused(await attach(other, array.ready.url ?? ''), 6, 'volume-attached', other);
    const alive = JSON.parse((await causeway('show', name, '--json')).stdout) as { state: string };
    assert.equal(alive.state, 'serving', 'the first one is not disturbed');
    running.kill('SIGTERM');
    assert.equal((await running.ended).code, 0);
    assert.deepEqual(traces(name), []);
  });
});
