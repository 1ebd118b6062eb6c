/**
 * The initiator against the array over real sockets, in every corner of what the two may agree on: a load that verifies
 * all it reads, on each reactor.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ArrayLimits } from '../../src/array/config.ts';
import type { ArrayOptions } from '../../src/demo/array-thread.ts';
import type { AttachOptions } from '../../src/host/contract.ts';
import { requires } from '../support/requires.ts';
import { withScene } from '../support/scene.ts';
import { allOperations, assertSound, type LoadPlan, runVerified } from '../support/verified-load.ts';

const kibi = 1024;
const mebi = kibi * kibi;
const seed = 42;

interface Corner {
  readonly array?: ArrayOptions;
  readonly limits?: Partial<ArrayLimits>;
  readonly attach?: Partial<AttachOptions>;
  readonly reactors?: number;
  readonly load?: Partial<LoadPlan>;
}

const corners: Readonly<Record<string, Corner>> = {
  'all data of writes in their capsules': { limits: { inCapsuleBytes: 16 * kibi }, load: { largest: 4 } },
  'no data in capsules, so all of it by R2T': { limits: { inCapsuleBytes: 0 } },
  'some writes in their capsules, others by R2T': { limits: { inCapsuleBytes: 4 * kibi } },
  'no digests': { attach: { headerDigest: false, dataDigest: false } },
  'header digests': { attach: { headerDigest: true } },
  'data digests': { attach: { dataDigest: true } },
  'header and data digests': { attach: { headerDigest: true, dataDigest: true } },
  'header and data digests, all by R2T': {
    attach: { headerDigest: true, dataDigest: true },
    limits: { inCapsuleBytes: 0 },
  },
  'digests asked for and not granted': {
    array: { advanced: { headerDigest: false, dataDigest: false } },
    attach: { headerDigest: true, dataDigest: true },
  },
  'MAXH2CDATA 4096': { limits: { maxh2cdata: 4 * kibi, inCapsuleBytes: 0 } },
  'several R2Ts outstanding': { limits: { maxr2t: 4, r2tBytes: 4 * kibi, inCapsuleBytes: 0 } },
  'R2Ts that ask for less than MAXH2CDATA, in odd pieces': { limits: { maxr2t: 8, r2tBytes: 1540, inCapsuleBytes: 0 } },
  'queue depth 1': { load: { depth: 1 } },
  'queue depth 128': { load: { depth: 128 } },
  'a queue of two entries, which holds one command': { limits: { maxQueueEntries: 2 }, load: { depth: 16 } },
  'more requests than the queues hold': { attach: { queueSize: 4 }, load: { depth: 128 } },
  '512-byte blocks': { array: { blockBytes: 512 }, load: { largest: 64 } },
  '512-byte blocks with all digests, one block a request': {
    array: { blockBytes: 512 },
    attach: { headerDigest: true, dataDigest: true },
    load: { largest: 1 },
  },
  'requests of 1 MiB': { load: { largest: 256, depth: 8 } },
  'MDTS 8192 and requests of 1 MiB': { limits: { mdtsBytes: 8 * kibi }, load: { largest: 256, depth: 8 } },
  'MDTS 16384, R2T only, all digests': {
    limits: { mdtsBytes: 16 * kibi, inCapsuleBytes: 0 },
    attach: { headerDigest: true, dataDigest: true },
    load: { largest: 64 },
  },
  'C2HData in pieces of 512 bytes': { limits: { c2hDataBytes: 512 } },
  'C2HData in pieces of 1540 bytes with digests': {
    limits: { c2hDataBytes: 1540 },
    attach: { headerDigest: true, dataDigest: true },
  },
  'no SUCCESS flag: every read has its response': { array: { advanced: { c2hSuccess: false } } },
  'an array that keeps data on Deallocate': {
    array: { advanced: { volumes: [{ name: 'one', sizeBytes: 64 * mebi, deallocate: 'keep' }] } },
  },
  'a volatile write cache in each controller': { array: { advanced: { volatileWriteCache: true } } },
  'four reactors': { reactors: 4, load: { depth: 16 } },
  'four reactors, one path': { reactors: 4, array: { ports: 1 }, load: { depth: 16 } },
  'four reactors with all digests and small pieces': {
    reactors: 4,
    limits: { inCapsuleBytes: 0, maxh2cdata: 4 * kibi, c2hDataBytes: 2 * kibi, mdtsBytes: 32 * kibi },
    attach: { headerDigest: true, dataDigest: true },
    load: { depth: 16 },
  },
  'round robin': { attach: { selector: 'round-robin' } },
  'least blocks': { attach: { selector: 'least-blocks' } },
  'service time': { reactors: 2, attach: { selector: 'service-time' } },
  'latency, which draws lots': { reactors: 2, attach: { selector: 'latency' } },
  weighted: { attach: { selector: 'weighted' } },
};

describe('initiator against array', requires('io_uring', 'root'), () => {
  for (const [name, corner] of Object.entries(corners)) {
    it(name, () => play(corner));
  }
});

async function play({ array, limits, attach, reactors = 1, load }: Corner): Promise<void> {
  const plan: LoadPlan = {
    seed,
    depth: 32,
    milliseconds: 600,
    smallest: 1,
    largest: 16,
    weights: allOperations,
    ...load,
  };
  const advanced = { ...array?.advanced, ...(limits === undefined ? {} : { limits }) };
  await withScene(
    {
      label: 'matrix',
      bound: 30_000,
      array: { ports: 4, sizeBytes: 64 * mebi, ...array, advanced },
      host: { reactors },
      attach: { kernelDevice: 'none', ...attach },
    },
    async (scene) => {
      const results = await runVerified(scene, plan);
      assertSound(results, plan);
      const { counters, paths } = scene.volume.view();
      assert.deepEqual({ errors: counters.errors, retries: counters.retries }, { errors: 0, retries: 0 });
      for (const path of paths) {
        assert.equal(path.losses, 0, `${path.id} was lost`);
        assert(path.counters.reads + path.counters.writes > 0, `nothing went over ${path.id}`);
        assert.equal(path.counters.inFlight, 0, `something is still under way on ${path.id}`);
      }
    },
  );
}
