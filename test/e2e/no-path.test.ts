/** No path is left: what waits, what ends the waiting, and that nobody is left hanging. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it as test } from 'node:test';
import type { AttachOptions } from '../../src/host/contract.ts';
import { requires } from '../support/requires.ts';
import { type Ran, type Scene, withScene } from '../support/scene.ts';

const mebi = 2 ** 20;
const needs = requires('root', 'io_uring', 'fuse', 'loop');

function withDevice(attach: Partial<AttachOptions>, body: (scene: Scene) => Promise<void>): Promise<void> {
  return withScene(
    {
      label: 'no-path',
      bound: 90_000,
      // Without a reset over another controller: lost writes are held until time has fenced them, half a minute.
      array: { ports: 2, sizeBytes: 64 * mebi, crossControllerReset: false },
      attach: { kernelDevice: 'fuse', ...attach },
    },
    body,
  );
}

/** Writes without end, past the cache, until something fails. */
function writer(it: Scene): Promise<Ran> {
  // Held open all the while: between two runs of dd nobody would use it.
  const loop = `exec 9<${it.device}; while dd if=/dev/zero of=${it.device} bs=64k count=64 oflag=direct status=none; do :; done`;
  return it.run(80_000, 'bash', '-c', `${loop}; exit 7`);
}

async function closeAll(it: Scene): Promise<void> {
  await Promise.all([it.array.fault('closePort', [1]), it.array.fault('closePort', [2])]);
}

async function openAll(it: Scene): Promise<void> {
  await Promise.all([it.array.fault('openPort', [1]), it.array.fault('openPort', [2])]);
}

async function untilWaiting(it: Scene): Promise<void> {
  await it.until(5_000, 'a request that waits', () => {
    const { waiting, held } = it.volume.view().counters;
    return waiting + held > 0;
  });
}

/** The writer ended because a write failed, soon. */
async function assertFailed(it: Scene, work: Promise<Ran>, bound: number, what: RegExp): Promise<void> {
  const { code, err } = await it.within(bound, 'the end of the writer', () => work);
  assert.equal(code, 7, err);
  assert.match(err, what);
}

describe('with no path left', needs, () => {
  for (const fuseTransport of ['uring', 'classic'] as const) {
    test(`a forced detach over ${fuseTransport} ends all at once: writers get errors, nothing is left`, () =>
      withDevice({ fuseTransport }, async (it) => {
        const work = writer(it);
        await it.until(10_000, 'writes', () => it.volume.view().counters.writes > 10);
        await closeAll(it);
        await untilWaiting(it);
        const begin = performance.now();
        await it.volume.detach({ force: true });
        assert(performance.now() - begin < 10_000, 'the forced detach took longer than 10 s');
        await assertFailed(it, work, 5_000, /Input\/output error|No such device|No space left/);
      }));
  }

  test('an orderly detach of a device in use is refused by name, and the device goes on', () =>
    withDevice({}, async (it) => {
      const work = writer(it);
      await it.until(10_000, 'writes', () => it.volume.view().counters.writes > 10);
      await assert.rejects(it.volume.detach(), (error) => {
        assert(error instanceof Error && 'code' in error);
        assert.equal(error.code, 'kernel-device-busy');
        assert.match(error.message, /dd|bash/);
        return true;
      });
      const before = it.volume.view().counters.writes;
      await it.until(5_000, 'more writes', () => it.volume.view().counters.writes > before + 10);
      await it.volume.detach({ force: true });
      await assertFailed(it, work, 5_000, /./);
    }));

  test('whoever gives up after two seconds gets errors then, and writes again when a path is back', () =>
    withDevice({ noPathRetry: 2_000, ghostWrites: 'none' }, async (it) => {
      const work = writer(it);
      await it.until(10_000, 'writes', () => it.volume.view().counters.writes > 10);
      await closeAll(it);
      const begin = performance.now();
      await assertFailed(it, work, 8_000, /./);
      const took = performance.now() - begin;
      assert(took >= 1_500, `requests were given up after ${Math.round(took)} ms`);
      await openAll(it);
      await it.must(20_000, 'dd', 'if=/dev/zero', `of=${it.device}`, 'bs=64k', 'count=16', 'oflag=direct');
    }));

  test('requests that wait can be ended by hand, and those that come later wait again', () =>
    withDevice({}, async (it) => {
      const work = writer(it);
      await it.until(10_000, 'writes', () => it.volume.view().counters.writes > 10);
      await closeAll(it);
      await untilWaiting(it);
      await it.until(5_000, 'word of it', () => it.events.some(({ event }) => event === 'all-paths-down'));
      await it.volume.failQueued();
      await assertFailed(it, work, 5_000, /./);
      // Beyond what the writer wrote to, some of which is in quarantine now.
      const beyond = ['bs=4k', 'count=1', 'seek=4096', 'oflag=direct'];
      const later = it.run(60_000, 'dd', 'if=/dev/zero', `of=${it.device}`, ...beyond);
      await untilWaiting(it);
      await sleep(1_000);
      const { waiting, waitingFor } = it.volume.view().counters;
      assert(waiting > 0 && waitingFor >= 900, `${waiting} waiting for ${waitingFor} ms`);
      await openAll(it);
      const { code, err } = await it.within(20_000, 'the end of dd', () => later);
      assert.equal(code, 0, err);
    }));
});
