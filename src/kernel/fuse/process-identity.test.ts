import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { test } from 'node:test';
import { isAlive, ownIdentity, parseStat, type ProcessIdentity } from './process-identity.ts';

test('a name in stat may hold anything', () => {
  const rest = Array.from({ length: 40 }, (_, place) => String(place + 4)).join(' ');
  assert.deepEqual(parseStat(`12 (a b) S ) Z (x) R ${rest}`), { state: 'R', startTime: 22 });
  assert.equal(parseStat(''), null);
  assert.equal(parseStat('12 (x) R 1 2'), null);
});

test('this process is alive; one of another start or boot is not', () => {
  const own = ownIdentity();
  assert.equal(isAlive(own), true);
  assert.equal(isAlive({ ...own, startTime: own.startTime + 1 }), false);
  assert.equal(isAlive({ ...own, bootId: 'another' }), false);
});

test('a process that ended is not alive, not even before its parent has looked', async () => {
  // The shell does not wait for its child, which so stays a zombie until the shell ends.
  const script = 'sh -c "exit 0" & echo $!; exec cat';
  const parent = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  let state = '';
  let startTime = 0;
  for (let tries = 0; tries < 1000 && state !== 'Z'; tries += 1) {
    const stat = parseStat(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
    state = stat?.state ?? '';
    startTime = stat?.startTime ?? 0;
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
  assert.equal(state, 'Z');
  const identity: ProcessIdentity = { pid, startTime, bootId: ownIdentity().bootId };
  assert.equal(isAlive(identity), false);
  parent.stdin.end();
  await once(parent, 'exit');
  assert.equal(isAlive(identity), false);
});
