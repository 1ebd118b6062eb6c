/** The write cache against a model that knows of each block its newest and its durable content, and who holds it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FileDevice } from '../block/file-device.ts';
import { type Completer, type Op, op, Request, requestFlag } from '../block/request.ts';
import { status } from '../block/status.ts';
import type { Deferred, Io } from '../io/contract.ts';
import { World } from '../io/sim/world.ts';
import { type CacheWork, WriteCache } from './write-cache.ts';

const blocks = 16;
const blockBytes = 4096;

class Work implements CacheWork, Completer {
  readonly request: Request;
  readonly buffer: number;
  readonly done: Deferred<void>;
  cacheOwner = 0;
  nextWork: CacheWork | null = null;

  constructor(io: Io) {
    this.request = new Request(io, 0);
    this.buffer = io.memory.allocate(blocks * blockBytes, 4096);
    this.done = io.deferred<void>();
  }

  onRequest(request: Request): void {
    assert.equal(request.status, status.ok);
    this.done.resolve();
  }
}

const order = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('request' as const),
      operation: fc.constantFrom<Op>(op.write, op.write, op.write, op.flush, op.writeZeroes, op.discard),
      owner: fc.integer({ min: 1, max: 3 }),
      block: fc.nat({ max: blocks - 1 }),
      count: fc.integer({ min: 1, max: 4 }),
      byte: fc.integer({ min: 1, max: 255 }),
      fua: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose' as const), owner: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('look' as const) }) },
);

describe('the write cache', () => {
  it('loses what nobody flushed, and nothing else', () =>
    fc.assert(
      fc.asyncProperty(fc.nat(), fc.array(order, { minLength: 1, maxLength: 40 }), async (seed, orders) => {
        const world = new World({ seed });
        const io = world.io('array');
        const newest = new Uint8Array(blocks);
        const durable = new Uint8Array(blocks);
        const owners = new Uint8Array(blocks);
        const play = async (): Promise<void> => {
          const device = await FileDevice.open(io, { path: '/v', sizeBytes: blocks * blockBytes });
          const cache = new WriteCache(io, device, 'v', blocks * blockBytes);
          // Everything is asked for at once; the cache keeps the order.
          let open: Promise<unknown>[] = [];
          for (const one of orders) {
            if (one.kind === 'request') {
              const count = Math.min(one.count, blocks - one.block);
              const work = new Work(io);
              work.cacheOwner = one.owner;
              io.memory.fill(work.buffer, one.byte, count * blockBytes);
              const flush = one.operation === op.flush;
              const flags = one.operation === op.write && one.fua ? requestFlag.fua : 0;
              const offset = flush ? 0 : one.block * blockBytes;
              work.request.begin(one.operation, offset, flush ? 0 : count * blockBytes, work.buffer, flags, work);
              cache.submit(work);
              open.push(work.done.promise);
              for (let block = 0; block < blocks; block += 1) {
                const inRange = block >= one.block && block < one.block + count;
                if (flush && owners[block] === one.owner) {
                  owners[block] = 0;
                  durable[block] = newest[block]!;
                }
                if (flush || !inRange) continue;
                const plain = one.operation === op.write && flags === 0;
                // Another controller's write makes what was there durable.
                if (plain && owners[block] !== one.owner) durable[block] = newest[block]!;
                newest[block] = one.operation === op.write ? one.byte : 0;
                owners[block] = plain ? one.owner : 0;
                if (!plain) durable[block] = newest[block]!;
              }
              continue;
            }
            await Promise.all(open);
            open = [];
            if (one.kind === 'lose') {
              await (one.owner === 0 ? cache.loseAll() : cache.lose(one.owner));
              for (let block = 0; block < blocks; block += 1) {
                if (owners[block] === 0 || (one.owner !== 0 && owners[block] !== one.owner)) continue;
                newest[block] = durable[block]!;
                owners[block] = 0;
              }
            }
            const dirty = [1, 2, 3].map((owner) => cache.dirtyBytes(owner) / blockBytes);
            assert.deepEqual(
              dirty,
              [1, 2, 3].map((owner) => owners.filter((holder) => holder === owner).length),
            );
            const look = new Work(io);
            look.request.begin(op.read, 0, blocks * blockBytes, look.buffer, 0, look);
            cache.submit(look);
            await look.done.promise;
            for (let block = 0; block < blocks; block += 1) {
              const at = look.buffer + block * blockBytes;
              const got = io.memory.u8.subarray(at, at + blockBytes);
              assert.ok(
                got.every((byte) => byte === newest[block]),
                `block ${block}: ${got[0]}, not ${newest[block]}`,
              );
            }
          }
          await Promise.all(open);
          cache.close();
          await device.close();
        };
        await world.drive(play());
      }),
      { numRuns: 300 },
    ));
});
