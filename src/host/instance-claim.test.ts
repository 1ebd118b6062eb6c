import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { tryLock } from '../native/locks.ts';
import { claimInstance } from './instance-claim.ts';
import { parseInstanceRecord, readInstanceRecord } from './instance-record.ts';
import { listInstances } from './instances.ts';
import { checkInstanceName, placesOf, runtimeDirectory } from './runtime-dir.ts';

const parent = fs.mkdtempSync(path.join(os.tmpdir(), 'causeway-claim-'));
beforeEach(() => {
  process.env['CAUSEWAY_RUN_DIR'] = path.join(fs.mkdtempSync(path.join(parent, 'run-')), 'causeway');
});
after(() => fs.rmSync(parent, { recursive: true, force: true }));

/** A process that claims a name, says what came of it, and then holds it until it is killed. */
function claimElsewhere(name: string): { child: ChildProcess; said: Promise<string> } {
  const module = new URL('./instance-claim.js', import.meta.url).href;
  const code = `
    import { claimInstance } from ${JSON.stringify(module)};
    try { claimInstance(${JSON.stringify(name)}, 'demo'); console.log('claimed'); } catch (error) { console.log(error.code); }
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const said = new Promise<string>((resolve) => {
    child.stdout?.setEncoding('utf8').once('data', (text: string) => resolve(text.trim()));
    child.once('exit', () => resolve('nothing'));
  });
  return { child, said };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
  });
  child.kill('SIGKILL');
  await gone;
}

test('a name is had once, also by this very process, and can be had again when given back', () => {
  const claim = claimInstance('a', 'demo');
  assert.throws(() => claimInstance('a', 'attach'), { code: 'name-in-use', message: new RegExp(`${process.pid}`) });
  const other = claimInstance('b', 'attach');
  claim.release();
  claimInstance('a', 'array').release();
  other.release();
  assert.equal(fs.existsSync(runtimeDirectory()), false, 'the empty directory is left behind');
});

test('of many processes that start under one name at once, exactly one gets it', async () => {
  const started = Array.from({ length: 6 }, () => claimElsewhere('race'));
  const said = await Promise.all(started.map((one) => one.said));
  await Promise.all(started.map((one) => kill(one.child)));
  assert.deepEqual(said.toSorted(), ['claimed', ...Array.from({ length: 5 }, () => 'name-in-use')]);
});

test('a process that was killed keeps no name; until the next start it is listed as left behind', async () => {
  const { child, said } = claimElsewhere('dead');
  assert.equal(await said, 'claimed');
  assert.throws(() => claimInstance('dead', 'demo'), { code: 'name-in-use' });
  assert.deepEqual(
    listInstances().map(({ name, kind, pid, alive }) => ({ name, kind, pid, alive })),
    [{ name: 'dead', kind: 'demo', pid: child.pid, alive: true }],
  );
  await kill(child);
  assert.equal(listInstances()[0]?.alive, false);
  const places = placesOf('dead');
  fs.writeFileSync(places.socket, '');
  fs.writeFileSync(places.log, 'fatal error');
  const claim = claimInstance('dead', 'attach');
  assert.equal(fs.existsSync(places.socket), false);
  assert.equal(fs.existsSync(places.log), false);
  assert.equal(readInstanceRecord('dead')?.owner.pid, process.pid);
  claim.release();
  assert.deepEqual(listInstances(), []);
});

function identityFile(name: string): string {
  return path.join(runtimeDirectory(), `identity-${name}`);
}

test('what a dead process of that name left to say which volume it had goes; what others have stays', () => {
  fs.mkdirSync(runtimeDirectory());
  for (const name of ['mine', 'other', 'alive']) fs.writeFileSync(identityFile(name), name === 'other' ? 'b\n' : 'a\n');
  const fd = fs.openSync(identityFile('alive'), 'r');
  assert.equal(tryLock(fd), 0);
  const claim = claimInstance('a', 'demo');
  assert.deepEqual(
    ['mine', 'other', 'alive'].map((name) => fs.existsSync(identityFile(name))),
    [false, true, true],
  );
  claim.release();
  fs.closeSync(fd);
});

for (const name of ['a', '0', 'vol1', 'a.b_c-d', 'x'.repeat(32)]) {
  test(`"${name}" is a name`, () => checkInstanceName(name));
}
for (const name of ['', '.', '..', '-a', 'A', 'a/b', 'a b', 'ü', 'a\n', 'x'.repeat(33), '../x', 'a\0']) {
  test(`${JSON.stringify(name)} is no name`, () => {
    assert.throws(() => claimInstance(name, 'demo'), { code: 'invalid-name', exit: 2 });
    assert.equal(fs.existsSync(runtimeDirectory()), false);
  });
}

test('a directory whose path leaves no room for a socket address is refused, not cut', () => {
  process.env['CAUSEWAY_RUN_DIR'] = path.join(parent, 'x'.repeat(100));
  assert.throws(() => claimInstance('a', 'demo'), { code: 'runtime-directory' });
});

test('a lock file that leads elsewhere is not followed', () => {
  fs.mkdirSync(runtimeDirectory());
  const victim = path.join(parent, 'victim');
  fs.writeFileSync(victim, 'precious');
  fs.symlinkSync(victim, placesOf('a').lock);
  assert.throws(() => claimInstance('a', 'demo'), { code: 'runtime-directory' });
  assert.equal(fs.readFileSync(victim, 'utf8'), 'precious');
});

test('records that say nothing', () => {
  const good = { kind: 'demo', since: 's', owner: { pid: 1, startTime: 2, bootId: 'b' } };
  assert.deepEqual(parseInstanceRecord(JSON.stringify(good)), good);
  const bad: unknown[] = [
    null,
    [],
    {},
    { ...good, kind: 'x' },
    { ...good, owner: { pid: -1 } },
    { ...good, owner: null },
  ];
  for (const value of bad) assert.equal(parseInstanceRecord(JSON.stringify(value)), null);
  assert.equal(parseInstanceRecord(''), null);
  assert.equal(parseInstanceRecord('{"kind":'), null);
});
