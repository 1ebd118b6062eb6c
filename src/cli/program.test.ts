import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { after, test } from 'node:test';
import { World } from '../../test/support/fake-world.ts';
import { EXIT } from '../base/errors.ts';
import { claimInstance } from '../host/instance-claim.ts';
import { listInstances } from '../host/instances.ts';
import { Output } from './output.ts';

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'causeway-serve-'));
process.env['CAUSEWAY_RUN_DIR'] = directory;
fs.writeFileSync(path.join(directory, 'keep'), '');
after(() => fs.rmSync(directory, { recursive: true, force: true }));

function assertNothingLeft(): void {
  assert.deepEqual(fs.readdirSync(directory), ['keep']);
}

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
  [['demo', '--weight', '127.0.0.1:4420'], 2, 'invalid-argument'],
  [['demo', '--weight', '127.0.0.1:4420=0'], 2, 'invalid-argument'],
  [['demo', '--weight', '127.0.0.1:4420=1001'], 2, 'invalid-argument'],
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

test('the manual has every command with an example, and every exit code', () => {
  const manual = fs.readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8');
  const commands = ['demo', 'attach', 'detach', 'list', 'show', 'path list', 'path fail', 'path restore', 'doctor'];
  for (const command of [
    ...commands,
    'path fail-queued',
    'path add',
    'path remove',
    'policy get',
    'policy set',
    'array',
    'array fault',
    'array show',
  ]) {
    assert.match(manual, new RegExp(`^#+ causeway ${command}\\b`, 'm'), command);
    assert.match(manual, new RegExp(`^causeway ${command}\\b`, 'm'), `an example of ${command}`);
  }
  for (const code of Object.values(EXIT))
    assert.match(manual, new RegExp(`^\\| ${code} \\|`, 'm'), `exit code ${code}`);
});
