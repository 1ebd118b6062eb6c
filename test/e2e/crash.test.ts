/**
 * The program is killed with a write under way that the array executes late, after the next program wrote to the same
 * place: what the next one wrote has to stay.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, describe, it as test } from 'node:test';
import { causeway, freshName, startReady, traces } from '../support/cli.ts';
import { attempt, run } from '../support/commands.ts';
import { requires } from '../support/requires.ts';

const needs = requires('root', 'io_uring', 'fuse', 'loop');
const blockBytes = 4096;
/** From the death of its connection until the array executes a held write. */
const ghostMilliseconds = 3_000;
/** 2 x KATO of 1 s and the quiesce time: the fence by time. */
const quiesceMilliseconds = 4_000;
const fenceMilliseconds = 2_000 + quiesceMilliseconds;

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'causeway-crash-'));
after(() => fs.rmSync(folder, { recursive: true, force: true }));

const pattern = (byte: string): Buffer => Buffer.alloc(blockBytes, byte);

/** Writes a block past the caches; resolves with the time it took, milliseconds, and with how it ended. */
async function write(device: string, block: number, byte: string): Promise<{ took: number; code: number }> {
  const source = path.join(folder, `pattern-${byte}`);
  fs.writeFileSync(source, pattern(byte));
  const begin = performance.now();
  const args = [`if=${source}`, `of=${device}`, 'bs=4k', 'count=1', `seek=${block}`, 'oflag=direct', 'conv=notrunc'];
  const { code } = await attempt('dd', args);
  return { took: performance.now() - begin, code };
}

async function read(device: string, block: number): Promise<string> {
  const target = path.join(folder, 'read');
  await run('dd', `if=${device}`, `of=${target}`, 'bs=4k', 'count=1', `skip=${block}`, 'iflag=direct');
  const bytes = fs.readFileSync(target);
  const first = String.fromCharCode(bytes[0] ?? 0);
  assert.ok(bytes.equals(pattern(first)), 'the block is a mixture');
  return first;
}

function ghostFiles(): string[] {
  return fs
    .readdirSync('/run/causeway')
    .filter((name) => name.startsWith('ghosts-'))
    .map((name) => path.join('/run/causeway', name));
}

async function until(what: string, milliseconds: number, look: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + milliseconds;
  while (!(await look())) {
    assert.ok(performance.now() < end, `${what} did not happen within ${milliseconds} ms`);
    await sleep(50);
  }
}

interface Story {
  /** How long the next program's write to the same place took, and one to another place; milliseconds. */
  readonly same: number;
  readonly other: number;
  /** From the death of the first program until that write was answered. */
  readonly sinceDeath: number;
  /** What stands there when the ghost has come. */
  readonly left: string;
}

/**
 * @param forget takes away what the first program left about its writes
 * @param arrayWords options of the array
 */
async function story(forget: boolean, ...arrayWords: string[]): Promise<Story> {
  const [array, name] = [freshName(), freshName()];
  const size = ['--port', '0', '--ports', '2', '--size', '16m'];
  const arrayRun = await startReady('array', '--name', array, ...size, ...arrayWords);
  const fault = async (...words: string[]): Promise<void> => {
    const { code, stderr } = await causeway('array', 'fault', array, ...words);
    assert.equal(code, 0, stderr);
  };
  const executed = async (): Promise<number> => {
    const { stdout } = await causeway('array', 'show', array, '--json');
    return Number(/"ghostsExecuted":(\d+)/.exec(stdout)?.[1] ?? Number.NaN);
  };
  const attach = (): ReturnType<typeof startReady> =>
    startReady(
      'attach',
      arrayRun.ready.url ?? '',
      '--name',
      name,
      '--fast',
      '--keep-alive',
      '1',
      '--quiesce-time',
      '4',
    );
  try {
    const before = new Set(ghostFiles());
    const first = await attach();
    for (const port of ['1', '2']) {
      await fault('delayExecution', port, 'milliseconds=60000', 'writesOnly=true');
      await fault('ghostWrites', port, `milliseconds=${ghostMilliseconds}`, 'onReset=run');
    }
    const lost = write(first.ready.device, 0, 'a');
    await until('a write under way', 10_000, async () => {
      const { stdout } = await causeway('show', name, '--json');
      return /"inFlight":[1-9]/.test(stdout);
    });
    first.running.kill('SIGKILL');
    await first.running.ended;
    const death = performance.now();
    assert.notEqual((await lost).code, 0, 'a write of a program that was killed was answered');
    for (const port of ['1', '2']) await fault('delayExecution', port, 'milliseconds=0');
    const mine = ghostFiles().filter((file) => !before.has(file));
    assert.equal(mine.length, 1, 'the program left nothing about its writes');
    if (forget) for (const file of mine) fs.rmSync(file);

    const second = await attach();
    try {
      const other = await write(second.ready.device, 1, 'b');
      const same = await write(second.ready.device, 0, 'c');
      assert.deepEqual([other.code, same.code], [0, 0]);
      const sinceDeath = performance.now() - death;
      await until('the late write', 20_000, async () => (await executed()) > 0);
      const left = await read(second.ready.device, 0);
      return { same: same.took, other: other.took, sinceDeath, left };
    } finally {
      second.running.kill('SIGTERM');
      assert.equal((await second.running.ended).code, 0);
      assert.deepEqual(traces(name), []);
      assert.deepEqual(
        ghostFiles().filter((file) => !before.has(file)),
        [],
        'something about writes is left though none is in doubt',
      );
    }
  } finally {
    arrayRun.running.kill('SIGTERM');
    await arrayRun.running.ended;
  }
}

describe('a program that is killed with a write under way', needs, () => {
  test('the next one keeps the place of that write until the array can not execute it any more', async () => {
    const { same, other, sinceDeath, left } = await story(false, '--no-ccr');
    assert.equal(left, 'c', 'a write of the killed program came back over a newer one');
    assert.ok(sinceDeath >= fenceMilliseconds, `it went on after ${Math.round(sinceDeath)} ms`);
    assert.ok(same < fenceMilliseconds + 5_000, `it waited ${Math.round(same)} ms`);
    assert.ok(other < 2_000, `a write to another place took ${Math.round(other)} ms`);
  });

  test('and no longer than until the controllers of the first one were reset over those of the next', async () => {
    const { sinceDeath, left } = await story(false);
    assert.equal(left, 'c', 'a write of the killed program came back over a newer one');
    assert.ok(sinceDeath < fenceMilliseconds, `it went on after ${Math.round(sinceDeath)} ms`);
  });

  test('without what the first one left, the late write does come back: the test sees it', async () => {
    const { same, left } = await story(true, '--no-ccr');
    assert.equal(left, 'a');
    assert.ok(same < 2_000, `it took ${Math.round(same)} ms`);
  });
});
