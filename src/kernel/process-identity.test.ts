import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import type { Writable } from 'node:stream';
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

/** Asks again and again, for 10 s at most. */
async function until(what: string, found: () => boolean): Promise<void> {
  for (let tries = 0; tries < 2000; tries += 1) {
    if (found()) return;
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
  assert.fail(`waited in vain for ${what}`);
}

test('a process that ended is not alive, not even before its parent has looked', async (context) => {
  // The shell becomes a cat, which does not know that it has a child; the child ends when it is told to.
  const script = '(read line) <&3 & echo $!; exec cat';
  const parent = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit', 'pipe'] });
  context.after(() => parent.kill('SIGKILL'));
  const [line] = (await once(parent.stdout!, 'data')) as [Buffer];
  const pid = Number(line.toString());
  const stat = (): ReturnType<typeof parseStat> => parseStat(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
  await until('cat', () => fs.readFileSync(`/proc/${parent.pid}/comm`, 'utf8') === 'cat\n');
  const identity: ProcessIdentity = { pid, startTime: stat()?.startTime ?? 0, bootId: ownIdentity().bootId };
  assert.equal(isAlive(identity), true);
  (parent.stdio[3] as Writable).end('\n');
  await until('a zombie', () => stat()?.state === 'Z');
  assert.equal(isAlive(identity), false);
  parent.stdin!.end();
  await once(parent, 'exit');
  assert.equal(isAlive(identity), false);
});
