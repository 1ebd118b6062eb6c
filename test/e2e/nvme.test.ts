/** `causeway nvme` against a device that is served: what a user sees, also while a path fails and while files are written. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { causeway, type Ended, freshName, type Ready, Running, mainPath, startReady, traces } from '../support/cli.ts';
import { requires } from '../support/requires.ts';

describe('causeway nvme', requires('root', 'io_uring', 'fuse', 'loop'), () => {
  const name = freshName();
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'causeway-nvme-'));
  let demo: { running: Running; ready: Ready };

  before(async () => {
    demo = await startReady('demo', '--name', name, '--size', '64m', '--ports', '2');
  });
  after(async () => {
    demo.running.kill('SIGINT');
    const ended = await demo.running.ended;
    fs.rmSync(directory, { recursive: true });
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(traces(name), []);
  });

  const nvme = (verb: string, ...args: string[]): Promise<Ended> => causeway('nvme', verb, name, ...args);
  const json = async (verb: string, ...args: string[]): Promise<Record<string, unknown>> => {
    const ended = await nvme(verb, ...args, '--json');
    assert.equal(ended.code, 0, ended.stderr);
    return JSON.parse(ended.stdout) as Record<string, unknown>;
  };
  const refused = async (code: string, exit: number, verb: string, ...args: string[]): Promise<void> => {
    const ended = await nvme(verb, ...args);
    assert.equal(ended.code, exit, ended.stderr + ended.stdout);
    assert.match(ended.stderr, new RegExp(`\\[${code}\\]`));
  };

  test('identify, logs and features, as tables and as JSON', async () => {
    assert.match((await nvme('id-ctrl')).stdout, /^mn +Causeway embedded array$/m);
    assert.match((await nvme('id-ns')).stdout, /^nsze +16384 +64 MiB$/m);
    assert.match((await nvme('smart-log')).stdout, /^composite temperature +298 +25 °C$/m);
    assert.match((await nvme('ana-log')).stdout, /^ +1 +optimized +0 +1$/m);
    assert.equal((await json('id-ctrl'))['mn'], 'Causeway embedded array');
    assert.equal((await json('id-ns'))['nsze'], 16384);
    assert.equal((await json('smart-log'))['availableSpare'], 100);
    assert.equal((await json('get-feature', '--feature', '0x0b'))['feature'], 11);
    const hostId = await json('get-feature', '--feature', '0x81');
    assert.match(String(hostId['data']), /^[0-9a-f]{32}$/);
  });

  test('bytes as they came', async () => {
    const raw = new Running('sh', [
      '-c',
      `"$0" "$1" nvme id-ctrl ${name} --raw-binary | wc -c`,
      process.execPath,
      mainPath,
    ]);
    assert.equal((await raw.ended).stdout.trim(), '4096');
  });

  test('reservations: registered, taken, seen, given back', async () => {
    await refused('reservation-conflict', 5, 'resv-acquire', '--key', '0x4711', '--type', '1');
    assert.equal((await nvme('resv-register', '--new-key', '0x4711')).code, 0);
    assert.equal((await nvme('resv-acquire', '--key', '0x4711', '--type', 'write-exclusive')).code, 0);
    assert.match(
      (await nvme('resv-report')).stdout,
      /reservation write-exclusive, generation 1\n.*\n +– +0x4711 +yes +[0-9a-f]{32}/,
    );
    assert.equal((await nvme('resv-release', '--key', '0x4711', '--type', '1')).code, 0);
    assert.equal((await nvme('resv-register', '--key', '0x4711', '--action', 'unregister')).code, 0);
    const report = await json('resv-report');
    assert.deepEqual([report['type'], report['registrants']], ['none', []]);
    assert.match((await nvme('error-log')).stdout, /reservation-conflict/);
  });

  test('reads and writes go through the device', async () => {
    const file = path.join(directory, 'block');
    const block = Buffer.alloc(4096, 'written by a command ');
    fs.writeFileSync(file, block);
    const at = ['--cdw10', '7', '--length', '4096'];
    assert.equal((await nvme('passthru', 'io', '--opcode', '0x01', ...at, '--input-file', file)).code, 0);
    const read = await json('passthru', 'io', '--opcode', '0x02', ...at);
    assert.deepEqual([read['path'], read['data']], ['device', block.toString('hex')]);
  });

  test('what is refused is refused by name', async () => {
    await refused('nvme-command-dangerous', 5, 'passthru', 'admin', '--opcode', '0x80');
    await refused('nvme-command-refused', 5, 'passthru', 'admin', '--opcode', '0x7f', '--allow-dangerous');
    await refused('nvme-wrong-namespace', 2, 'passthru', 'io', '--opcode', '2', '--nsid', '2', '--length', '4096');
    await refused(
      'nvme-command-failed',
      5,
      'passthru',
      'io',
      '--opcode',
      '2',
      '--cdw10',
      '99999999',
      '--length',
      '4096',
    );
    await refused('wrong-usage', 2, 'resv-register');
    await refused('invalid-argument', 2, 'resv-acquire', '--key', '1', '--type', '7');
    await refused('invalid-argument', 2, 'passthru', 'elsewhere', '--opcode', '2');
  });

  test('goes over the path that is left', async () => {
    const [first] = demo.ready.paths;
    assert.equal((await causeway('path', 'fail', name, first?.id ?? '')).code, 0);
    for (let times = 0; times < 3; times += 1) {
      const found = await json('passthru', 'admin', '--opcode', '6', '--cdw10', '1', '--length', '4096');
      assert.match(String(found['path']), /^127\.0\.0\.2:/);
    }
    assert.equal((await causeway('path', 'restore', name, first?.id ?? '')).code, 0);
  });

  test('the device says whether it has a companion node, and why not', async () => {
    const shown = JSON.parse((await causeway('show', name, '--json')).stdout) as {
      companion: { path: string; reason: string };
    };
    if (shown.companion.path === '') assert.match(shown.companion.reason, /cuse/);
    else assert.ok(fs.statSync(shown.companion.path).isCharacterDevice());
  });
});

test(
  'a reservation of another host stops writes, and nothing else',
  requires('root', 'io_uring', 'fuse', 'loop'),
  async () => {
    const names = [freshName(), freshName(), freshName()] as const;
    const [arrayName, one, two] = names;
    // Another host, as far as the array can tell: a directory of its own, so that neither knows of the other.
    const place = { CAUSEWAY_RUN_DIR: fs.mkdtempSync(path.join(os.tmpdir(), 'causeway-other-')) };
    const elsewhere = (...words: string[]): Running => new Running(process.execPath, [mainPath, ...words], place);
    const other = async (...words: string[]): Promise<void> => {
      const ended = await elsewhere('nvme', ...words).ended;
      assert.equal(ended.code, 0, ended.stderr);
    };
    const served: Running[] = [];
    try {
      const array = await startReady('array', '--name', arrayName, '--port', '0', '--ports', '2', '--size', '64m');
      served.unshift(array.running);
      const url = array.ready.url ?? '';
      const first = await startReady('attach', url, '--name', one, '--kernel-device', 'fuse');
      served.unshift(first.running);
      const id = '01234567-89ab-4def-8123-456789abcdef';
      const identity = ['--host-id', id, '--host-nqn', `nqn.2014-08.org.nvmexpress:uuid:${id}`];
      const second = elsewhere('attach', url, '--name', two, '--kernel-device', 'fuse', ...identity, '--json');
      served.unshift(second);
      await second.line('"event":"ready"');
      const write = (): Promise<Ended> =>
        new Running('dd', ['if=/dev/zero', `of=${first.ready.device}`, 'bs=4096', 'count=1', 'oflag=direct']).ended;
      assert.equal((await write()).code, 0);
      await other('resv-register', two, '--new-key', '1');
      await other('resv-acquire', two, '--key', '1', '--type', '1');
      assert.notEqual((await write()).code, 0);
      const refused = await causeway('nvme', 'passthru', one, 'io', '--opcode', '8');
      assert.match(refused.stderr, /\[reservation-conflict\]/);
      const read = await causeway('nvme', 'passthru', one, 'io', '--opcode', '2', '--length', '4096');
      assert.equal(read.code, 0, read.stderr);
      const paths = await causeway('path', 'list', one);
      assert.equal(paths.stdout.match(/live-optimized/g)?.length, 2, paths.stdout);
      await other('resv-release', two, '--key', '1', '--type', '1');
      assert.equal((await write()).code, 0);
    } finally {
      for (const running of served) {
        running.kill('SIGINT');
        await running.ended;
      }
      fs.rmSync(place.CAUSEWAY_RUN_DIR, { recursive: true });
    }
    for (const name of names) assert.deepEqual(traces(name), []);
  },
);
