/** What an array may answer or suffer while it is used, and what becomes of the requests: over real sockets. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { defined } from '../../src/base/assert.ts';
import type { ErrorCode } from '../../src/base/errors.ts';
import type { VerifierResult } from '../../src/host/verifier.ts';
import { userTimeoutOf } from '../../src/native/socket-option.test.support.ts';
import { peerAddress } from '../../src/native/sockets.ts';
import { Direct } from '../support/direct.ts';
import { requires } from '../support/requires.ts';
import { type Scene, type SceneOptions, withScene } from '../support/scene.ts';
import { livePorts } from '../support/storm.ts';
import { allOperations, assertSound, type LoadPlan, only, runVerified } from '../support/verified-load.ts';

const kibi = 1024;
const mebi = kibi * kibi;
const needs = requires('io_uring', 'root');

function scene(more: Partial<SceneOptions>): SceneOptions {
  return {
    label: 'trouble',
    bound: 60_000,
    ...more,
    array: { ports: 4, sizeBytes: 64 * mebi, ...more.array },
    attach: { kernelDevice: 'none', ...more.attach },
  };
}

const volume = { name: 'one', nsid: 1, sizeBytes: 64 * mebi, nguid: '0123456789abcdef0123456789abcdef' };

const load: LoadPlan = {
  seed: 7,
  depth: 32,
  milliseconds: 3000,
  smallest: 1,
  largest: 16,
  weights: allOperations,
};

/** The verifying load, with something happening meanwhile. */
async function loadWhile(it: Scene, plan: LoadPlan, trouble: () => Promise<void>): Promise<VerifierResult> {
  const [results] = await Promise.all([runVerified(it, plan), trouble()]);
  assertSound(results, plan);
  return only(results);
}

const losses = (it: Scene): number => it.volume.view().paths.reduce((sum, path) => sum + path.losses, 0);

describe('a status is answered on every path', needs, () => {
  const rows: readonly (readonly [status: number, what: string, way: 'read' | 'write', code: ErrorCode])[] = [
    [0x0_01, 'invalid opcode', 'read', 'not-supported'],
    [0x0_02, 'invalid field', 'write', 'not-supported'],
    [0x0_0d, 'SGL segment invalid', 'read', 'invalid-request'],
    [0x0_15, 'operation denied', 'write', 'io-failed'],
    [0x0_20, 'namespace write protected', 'write', 'read-only'],
    [0x0_80, 'LBA out of range', 'read', 'invalid-request'],
    [0x0_81, 'capacity exceeded', 'write', 'no-space'],
    [0x0_83, 'reservation conflict', 'write', 'reservation-conflict'],
    [0x1_82, 'write to read-only range', 'write', 'read-only'],
    [0x2_80, 'write fault', 'write', 'io-failed'],
    [0x2_81, 'unrecovered read error', 'read', 'medium-error'],
    [0x2_86, 'access denied', 'read', 'io-failed'],
    [0x7_c0, 'vendor specific', 'write', 'io-failed'],
  ];

  it('the volume is at fault: the error goes up at once, and no path suffers', () =>
    withScene(scene({}), async (it) => {
      const direct = await Direct.open(it);
      const payload = Buffer.alloc(8 * kibi, 1);
      for (const [status, what, way, code] of rows) {
        await forAllPorts(it, (port) => it.array.fault('forceStatus', [port, 1, status]));
        const request = way === 'read' ? direct.read(0, 8 * kibi) : direct.write(0, payload);
        await assert.rejects(request, { code }, what);
        await forAllPorts(it, (port) => it.array.fault('forceStatus', [port, 0, 0]));
        await direct.write(0, payload);
      }
      const { counters } = it.volume.view();
      assert.deepEqual({ errors: counters.errors, retries: counters.retries }, { errors: rows.length, retries: 0 });
      assert.deepEqual(livePorts(it), [0, 1, 2, 3]);
    }));

  it('nobody is at fault: the request is sent again after a while, on the same path', () =>
    withScene(scene({}), async (it) => {
      const direct = await Direct.open(it);
      for (const status of [0x0_21, 0x0_82, 0x1_89]) {
        await forAllPorts(it, (port) => it.array.fault('forceStatus', [port, 1, status]));
        const before = it.volume.view().counters.retries;
        for (let i = 0; i < 8; i += 1) await direct.read(0, 4 * kibi);
        const again = it.volume.view().counters.retries - before;
        assert(again >= 1 && again <= 4, `${status.toString(16)}h: ${again} retries`);
        await forAllPorts(it, (port) => it.array.fault('forceStatus', [port, 0, 0]));
      }
      assert.equal(it.volume.view().counters.errors, 0);
    }));
});

describe('a status that says that the path is at fault', needs, () => {
  for (const status of [0x0_06, 0x0_0b, 0x0_22, 0x1_39, 0x3_00, 0x3_01, 0x3_02, 0x3_03, 0x3_60, 0x3_70, 0x3_71]) {
    it(`${status.toString(16)}h on three of four paths: the fourth carries all`, () =>
      withScene(scene({}), async (it) => {
        for (const port of [1, 2, 3]) await it.array.fault('forceStatus', [port, 1_000_000, status]);
        const direct = await Direct.open(it);
        for (let i = 0; i < 16; i += 1) {
          await direct.write(i * 8 * kibi, Buffer.alloc(8 * kibi, i + 1));
          assert.deepEqual(await direct.read(i * 8 * kibi, 8 * kibi), Buffer.alloc(8 * kibi, i + 1));
        }
        const { counters } = it.volume.view();
        assert.equal(counters.errors, 0);
        assert(counters.retries >= 1, 'nothing was sent again');
      }));
  }

  it('once on each path: the request ends well after a pause', () =>
    withScene(scene({}), async (it) => {
      const direct = await Direct.open(it);
      await forAllPorts(it, (port) => it.array.fault('forceStatus', [port, 1, 0x3_00]));
      await direct.write(0, Buffer.alloc(4 * kibi, 9));
      assert.deepEqual(await direct.read(0, 4 * kibi), Buffer.alloc(4 * kibi, 9));
    }));
});

describe('damage on the way', needs, () => {
  const digests = { headerDigest: true, dataDigest: true } as const;

  it('data digests that are wrong: only the commands they belong to are sent again', () =>
    withScene(scene({ attach: digests }), async (it) => {
      await loadWhile(it, load, async () => {
        for (let round = 0; round < 8; round += 1) {
          await sleep(250);
          await it.array.fault('corruptDigests', [1 + (round % 4), 'data', 3]);
        }
      });
      assert(it.volume.view().counters.retries >= 8, 'nothing was sent again');
      assert.equal(losses(it), 0, 'a path was lost');
    }));

  it('header digests that are wrong: the connection ends, and requests go on over the others', () =>
    withScene(scene({ array: { commandQuiesceTime: 1 }, attach: digests }), async (it) => {
      await loadWhile(it, load, async () => {
        for (let round = 0; round < 6; round += 1) {
          await sleep(300);
          await it.array.fault('corruptDigests', [1 + (round % 4), 'header', 1]);
        }
      });
      assert(losses(it) >= 4, `${losses(it)} paths were lost`);
      await it.until(10_000, 'all paths', () => livePorts(it).length === 4);
    }));
});

describe('controllers that end', needs, () => {
  it('one after the other, under load: requests go on, and all paths come back', () =>
    withScene(scene({}), async (it) => {
      let ended = 0;
      await loadWhile(it, load, async () => {
        for (let round = 0; round < 6; round += 1) {
          await sleep(300);
          const { controllers } = await it.array.stats();
          const alive = controllers.filter((controller) => !controller.ended && controller.kind === 'io');
          if (alive.length < 2) continue;
          await it.array.fault('endController', [defined(alive[round % alive.length], 'a controller').cntlid]);
          ended += 1;
        }
      });
      assert(ended >= 4 && losses(it) >= ended, `${ended} controllers ended, ${losses(it)} paths were lost`);
      await it.until(10_000, 'all paths', () => livePorts(it).length === 4);
    }));

  it('a host that is not heard of any more: the array ends its controller, and the host its path', () =>
    withScene(scene({ attach: { keepAlive: 1500 } }), async (it) => {
      await it.array.fault('swallowPort', [2]);
      // Not a single request is under way: it is the keep-alive that has to notice.
      await it.until(2 * 1500 + 500, 'the loss of the path', () => livePorts(it).length === 3);
      await it.until(5_000, 'the end of the controller', async () => (await it.array.stats()).keepAliveExpiries >= 1);
      await it.array.fault('openPort', [2]);
      await it.until(15_000, 'the return of the path', () => livePorts(it).length === 4);
      await loadWhile(it, { ...load, milliseconds: 500 }, () => Promise.resolve());
    }));

  it('an array that falls silent under load: nothing is lost, and requests go on over the other paths', () =>
    withScene(scene({ attach: { keepAlive: 1500, ioTimeout: 1000 } }), async (it) => {
      await loadWhile(it, { ...load, milliseconds: 6000 }, async () => {
        await sleep(500);
        await it.array.fault('swallowPort', [1]);
        await it.array.fault('swallowPort', [3]);
        await it.until(5_000, 'the loss of both paths', () => livePorts(it).length === 2);
        await it.array.fault('openPort', [1]);
        await it.array.fault('openPort', [3]);
      });
      await it.until(15_000, 'all paths', () => livePorts(it).length === 4);
    }));
});

describe('connections', needs, () => {
  it('have the user timeout that was asked for, every one of them, and again after a loss', () =>
    withScene(scene({ attach: { tcpUserTimeout: 3210 } }), async (it) => {
      const ports = new Set(it.array.ports.map(({ address, port }) => `${address}:${port}`));
      const timeouts = (): number[] =>
        fs
          .readdirSync('/proc/self/fd')
          .map(Number)
          .filter((fd) => {
            const { host, port } = peerAddress(fd);
            return ports.has(`${host}:${port}`);
          })
          .map(userTimeoutOf);
      const both = 4 * (1 + it.host.reactors.length);
      assert.deepEqual(timeouts(), new Array(both).fill(3210));
      const { delays, paths } = it.volume.view();
      assert.equal(delays?.tcpUserTimeout, 3210);
      assert.deepEqual(
        paths.map((path) => [path.delays.keepAlive, path.delays.isFenceAssumed, path.delays.nextAttempt]),
        paths.map(() => [15_000, true, -1]),
      );
      await it.array.fault('closePort', [1]);
      await it.until(5_000, 'the loss of the path', () => losses(it) === 1);
      const untilNext = (): number => it.volume.view().paths[0]?.delays.nextAttempt ?? -1;
      await it.until(5_000, 'the wait for the next attempt', () => untilNext() > 0);
      assert(untilNext() <= 5000, `${untilNext()} ms until the next attempt`);
      await it.array.fault('openPort', [1]);
      await it.until(10_000, 'all paths', () => livePorts(it).length === 4);
      assert.deepEqual(timeouts(), new Array(both).fill(3210));
    }));
});

describe('commands that hang', needs, () => {
  it('are called back and sent over other paths; no controller is given up for them', () =>
    withScene(scene({ attach: { ioTimeout: 1000, hedgeShare: 0 } }), async (it) => {
      await loadWhile(it, { ...load, milliseconds: 5000 }, async () => {
        for (const port of [1, 2, 3, 4]) {
          await sleep(500);
          await it.array.fault('hangCommands', [port, 6]);
        }
      });
      assert(it.volume.view().counters.retries >= 24, 'they did not hang');
      assert.equal(losses(it), 0, 'a path was lost');
      const { controllers } = await it.array.stats();
      assert.equal(controllers.filter(({ ended }) => ended).length, 0);
    }));
});

describe('a volume that goes and comes back', needs, () => {
  it('requests fail as long as the array says that it is not there, then wait, and find their data again', () =>
    withScene(scene({ array: { advanced: { volumes: [volume] } } }), async (it) => {
      const goAndCome = async (): Promise<void> => {
        for (let round = 0; round < 4; round += 1) {
          await sleep(300);
          await it.array.fault('removeVolume', [1]);
          await it.until(5_000, 'the loss of all paths', () => livePorts(it).length === 0);
          await sleep(200);
          await it.array.fault('addVolume', [volume]);
          await it.until(5_000, 'all paths', () => livePorts(it).length === 4);
        }
      };
      const [results] = await Promise.all([runVerified(it, { ...load, milliseconds: 4000 }), goAndCome()]);
      const { failed, wrong, firstWrong } = only(results);
      assert.deepEqual({ wrong, firstWrong }, { wrong: 0, firstWrong: '' });
      // "Invalid namespace" with "do not retry" is an answer to the request.
      for (const name of Object.keys(failed)) assert.equal(name, 'gone');
      await loadWhile(it, { ...load, milliseconds: 500 }, () => Promise.resolve());
    }));

  it('another volume in its place is not taken for it', () =>
    withScene(scene({ array: { advanced: { volumes: [volume] } } }), async (it) => {
      const direct = await Direct.open(it);
      await direct.write(0, Buffer.alloc(4 * kibi, 1));
      await it.array.fault('removeVolume', [1]);
      await it.array.fault('addVolume', [{ ...volume, name: 'another', nguid: 'fedcba9876543210fedcba9876543210' }]);
      await it.until(5_000, 'the loss of all paths', () => livePorts(it).length === 0);
      const read = direct.read(0, 4 * kibi);
      await sleep(500);
      assert.deepEqual(livePorts(it), []);
      await it.volume.failQueued();
      await assert.rejects(read, { code: 'no-path' });
    }));
});

describe('a volatile write cache', needs, () => {
  const cached: Partial<SceneOptions> = { array: { ports: 2, advanced: { volatileWriteCache: true } } };
  const fresh = Buffer.alloc(4 * kibi, 2);

  it('that is lost with its controller: the next flush fails, once', () =>
    withScene(scene(cached), async (it) => {
      const direct = await Direct.open(it);
      const cntlid = await useFirstPath(it);
      await direct.write(0, fresh);
      await direct.flush();
      await direct.write(4 * kibi, fresh);
      await loseFirst(it, cntlid);
      assert.deepEqual(await direct.read(0, 4 * kibi), fresh, 'what was flushed');
      assert.deepEqual(await direct.read(4 * kibi, 4 * kibi), Buffer.alloc(4 * kibi), 'what was not');
      await assert.rejects(direct.flush(), { code: 'io-failed' });
      await direct.flush();
      await direct.write(4 * kibi, fresh);
      await direct.flush();
      assert.equal(it.volume.view().counters.errors, 1);
    }));

  it('that was flushed before it is lost: no flush fails', () =>
    withScene(scene(cached), async (it) => {
      const direct = await Direct.open(it);
      const cntlid = await useFirstPath(it);
      await direct.write(0, fresh);
      await direct.writeZeroes(8 * kibi, 4 * kibi);
      await direct.discard(16 * kibi, 4 * kibi);
      await direct.flush();
      await loseFirst(it, cntlid);
      await direct.flush();
      assert.deepEqual(await direct.read(0, 4 * kibi), fresh);
      assert.equal(it.volume.view().counters.errors, 0);
    }));

  it('that the controllers are said to share: no flush fails when one is lost', () =>
    withScene(scene({ ...cached, attach: { assumeSharedCache: true } }), async (it) => {
      const direct = await Direct.open(it);
      await useFirstPath(it);
      await direct.write(0, fresh);
      const [, second] = it.volume.view().paths;
      await it.volume.restorePath(defined(second, 'a path').id);
      await it.array.fault('closePort', [1]);
      await it.until(5_000, 'the loss of the path', () => livePorts(it).join() === '1');
      await direct.flush();
      const { counters, assumeSharedCache } = it.volume.view();
      assert.deepEqual([counters.flushes, counters.errors, assumeSharedCache], [1, 0, true]);
    }));
});

describe('an array that grants fewer queues than there are reactors', needs, () => {
  it('only as many reactors serve, and every one of them over all paths', () =>
    withScene(
      scene({ host: { reactors: 4 }, array: { ports: 2, advanced: { limits: { maxIoQueues: 2 } } } }),
      async (it) => {
        const { reactors, paths } = it.volume.view();
        assert.equal(reactors, 2);
        assert.deepEqual(
          paths.map(({ state }) => state),
          ['live-optimized', 'live-optimized'],
        );
      },
    ));

  it('every CPU is served through the kernel device', requires('fuse', 'loop'), () =>
    withScene(
      scene({
        host: { reactors: 3 },
        array: { ports: 2, advanced: { limits: { maxIoQueues: 1 } } },
        attach: { kernelDevice: 'fuse' },
      }),
      async (it) => {
        for (let cpu = 0; cpu < 2; cpu += 1) {
          const copy = [`if=/dev/urandom`, `of=${it.device}`, 'bs=64k', 'count=16', 'oflag=direct'];
          await it.must(10_000, 'taskset', '-c', String(cpu), 'dd', ...copy);
        }
      },
    ),
  );
});

/** Makes the first path the only one, and says which controller is behind it. */
async function useFirstPath(it: Scene): Promise<number> {
  const [first, second] = it.volume.view().paths;
  await it.volume.failPath(defined(second, 'a path').id);
  return defined(first, 'a path').cntlid;
}

async function loseFirst(it: Scene, cntlid: number): Promise<void> {
  const [, second] = it.volume.view().paths;
  await it.volume.restorePath(defined(second, 'a path').id);
  await it.array.fault('closePort', [1]);
  await it.array.fault('loseCache', [cntlid]);
  await it.until(5_000, 'the loss of the path', () => livePorts(it).join() === '1');
}

async function forAllPorts(it: Scene, work: (port: number) => Promise<unknown>): Promise<void> {
  for (const [index] of it.array.ports.entries()) await work(index + 1);
}
