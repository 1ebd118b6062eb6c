/** The bridge in virtual time, with a main thread that answers, is late, or says nothing at all. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type BlockDevice, maxTransferBytes } from '../block/device.ts';
import { submitChecked } from '../block/door.ts';
import { type Op, op, Request } from '../block/request.ts';
import { type Status, status } from '../block/status.ts';
import type { SimIo } from '../io/sim/sim-io.ts';
import { World } from '../io/sim/world.ts';
import { BridgeCells, bridgeCellsBytes } from './bridge-cells.ts';
import { BridgeDevice, type BridgeMessage, bridgeWords } from './bridge-device.ts';

const block = 4096;

interface Sent {
  readonly number: number;
  readonly op: number;
  readonly place: number;
}

/** A bridge, and what arrives at its other end. */
class Bench {
  readonly world: World;
  readonly io: SimIo;
  readonly bridge: BridgeDevice;
  readonly cells: BridgeCells;
  readonly sent: Sent[] = [];
  pings = 0;
  messages = 0;
  /** Signs of life are given. */
  alive = true;
  #tag = 0;

  constructor(options: { silenceLimit?: number; requestTimeout?: number; flush?: boolean; seed?: number } = {}) {
    this.world = new World({ seed: options.seed ?? 1, memoryBytes: 2 ** 22 });
    this.io = this.world.io('one');
    const shared = new SharedArrayBuffer(bridgeCellsBytes);
    this.cells = new BridgeCells(shared);
    const geometry = {
      sizeBytes: 64 * block,
      blockBytes: block,
      physicalBlockBytes: block,
      maxTransferBytes,
      readOnly: false,
      volatileCache: options.flush ?? false,
      canDiscard: true,
      canWriteZeroes: true,
    };
    this.bridge = new BridgeDevice(
      this.io,
      {
        device: 1,
        geometry,
        identity: { id: 'user.test', model: '', serial: '' },
        silenceLimit: options.silenceLimit ?? 30_000,
        requestTimeout: options.requestTimeout ?? 0,
        cells: shared,
      },
      (message) => this.#onMessage(message),
    );
  }

  #onMessage(message: BridgeMessage): void {
    this.messages += 1;
    if ('ping' in message) {
      this.pings += 1;
      if (this.alive) this.bridge.onAlive();
      return;
    }
    const { requests } = message;
    for (let at = 0; at < requests.length; at += bridgeWords) {
      this.sent.push({ number: requests[at]!, op: requests[at + 1]!, place: requests[at + 5]! });
    }
  }

  request(operation: Op, place = 0, device: BlockDevice = this.bridge): Promise<Status> {
    const done = this.io.deferred<Status>();
    const request = new Request(this.io, this.#tag);
    this.#tag += 1;
    const length = operation === op.flush ? 0 : block;
    request.begin(operation, 0, length, place, 0, { onRequest: (back) => done.resolve(back.status) });
    submitChecked(device, request);
    return done.promise;
  }

  /** The main thread's side of an answer; false if the request was given up. */
  answer({ number }: Sent, outcome: Status = status.ok): boolean {
    if (!this.cells.hold(number)) return false;
    this.bridge.onDone([number, outcome]);
    return true;
  }

  async next(count: number): Promise<void> {
    while (this.sent.length < count) await this.io.sleep(1);
  }

  async run(play: () => Promise<void>): Promise<void> {
    await this.world.drive(play(), 600_000);
    assert.equal(this.bridge.underWay, 0);
    await this.bridge.close();
  }
}

describe('a bridge', () => {
  it('sends the requests of one batch in one message, and gives each its answer', async () => {
    const bench = new Bench();
    await bench.run(async () => {
      const all = [bench.request(op.read), bench.request(op.write), bench.request(op.discard)];
      await bench.next(3);
      assert.equal(bench.messages, 1);
      const [read, write, discard] = bench.sent;
      assert.ok(bench.answer(discard!, status.notSupported));
      assert.ok(bench.answer(read!));
      assert.ok(bench.answer(write!, status.noSpace));
      assert.deepEqual(await Promise.all(all), [status.ok, status.noSpace, status.notSupported]);
      assert.ok(!bench.answer(read!), 'a second answer is none');
    });
  });

  it('asks for a flush only where something volatile is claimed', async () => {
    const durable = new Bench();
    await durable.run(async () => {
      assert.equal(await durable.request(op.flush), status.ok);
      assert.deepEqual(durable.sent, []);
    });
    const volatile = new Bench({ flush: true });
    await volatile.run(async () => {
      const flushed = volatile.request(op.flush);
      await volatile.next(1);
      assert.equal(volatile.sent[0]?.op, op.flush);
      volatile.answer(volatile.sent[0]);
      assert.equal(await flushed, status.ok);
    });
  });

  it('lets nothing wrong through', async () => {
    const bench = new Bench();
    await bench.run(async () => {
      const request = new Request(bench.io, 1);
      for (const [offset, length] of [
        [1, block],
        [0, 512],
        [64 * block, block],
        [0, 65 * block],
      ] as const) {
        const done = bench.io.deferred<Status>();
        request.begin(op.read, offset, length, 0, 0, { onRequest: (back) => done.resolve(back.status) });
        submitChecked(bench.bridge, request);
        assert.equal(await done.promise, status.invalid);
      }
      assert.deepEqual(bench.sent, []);
    });
  });

  it('waits for ever for a device that takes its time, as long as the main thread lives', async () => {
    const bench = new Bench();
    await bench.run(async () => {
      const read = bench.request(op.read);
      await bench.io.sleep(120_000);
      assert.ok(bench.pings > 100);
      assert.ok(bench.answer(bench.sent[0]!));
      assert.equal(await read, status.ok);
    });
  });

  it('ends a request that takes longer than it may, and only that', async () => {
    const bench = new Bench({ requestTimeout: 2_000 });
    await bench.run(async () => {
      const before = bench.io.clock.now();
      const first = bench.request(op.read);
      await bench.io.sleep(1_500);
      const second = bench.request(op.read);
      assert.equal(await first, status.timedOut);
      const took = bench.io.clock.now() - before;
      assert.ok(took >= 2_000 && took < 3_000, `after ${took} ms`);
      assert.ok(!bench.answer(bench.sent[0]!), 'the late answer touches nothing');
      assert.ok(bench.answer(bench.sent[1]!));
      assert.equal(await second, status.ok);
    });
  });

  it('ends everything when the main thread gives no sign of life, soon for what comes then, and recovers', async () => {
    const bench = new Bench({ silenceLimit: 30_000 });
    await bench.run(async () => {
      bench.alive = false;
      let before = bench.io.clock.now();
      assert.equal(await bench.request(op.read), status.timedOut);
      let took = bench.io.clock.now() - before;
      assert.ok(took >= 30_000 && took <= 32_000, `after ${took} ms`);
      before = bench.io.clock.now();
      assert.equal(await bench.request(op.write), status.timedOut);
      took = bench.io.clock.now() - before;
      assert.ok(took <= 2_000, `still silent, after ${took} ms`);
      bench.alive = true;
      bench.bridge.onAlive();
      const read = bench.request(op.read);
      await bench.io.sleep(20_000);
      assert.ok(bench.answer(bench.sent[2]!));
      assert.equal(await read, status.ok);
    });
  });

  it('counts silence from the first request, not from the last word in an idle time', async () => {
    const bench = new Bench({ silenceLimit: 30_000 });
    await bench.run(async () => {
      await bench.io.sleep(100_000);
      bench.alive = false;
      const read = bench.request(op.read);
      await bench.io.sleep(20_000);
      assert.ok(bench.answer(bench.sent[0]!));
      assert.equal(await read, status.ok);
    });
  });

  it('ends all at once when it is abandoned, and what comes later as well', async () => {
    const bench = new Bench();
    await bench.run(async () => {
      const all = [bench.request(op.read), bench.request(op.write)];
      await bench.next(2);
      bench.bridge.abandon();
      assert.deepEqual(await Promise.all(all), [status.gone, status.gone]);
      assert.equal(await bench.request(op.read), status.gone);
      assert.ok(!bench.answer(bench.sent[0]!));
    });
  });

  it('answers each request once, and payloads are not touched after it, whatever the main thread does', () =>
    fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.array(fc.record({ gap: fc.nat({ max: 400 }), delay: fc.option(fc.nat({ max: 6_000 })) }), { maxLength: 40 }),
        fc.nat({ max: 8_000 }),
        async (seed, plan, abandonAt) => {
          const bench = new Bench({ seed, requestTimeout: 1_500 });
          const places = plan.map(() => bench.io.memory.allocate(block, block));
          const answers = new Array<Status | null>(plan.length).fill(null);
          await bench.run(async () => {
            const work: Promise<void>[] = [];
            let begun = 0;
            const main = async (sent: Sent, delay: number | null): Promise<void> => {
              if (delay === null) return;
              await bench.io.sleep(delay);
              const index = places.indexOf(sent.place);
              if (!bench.cells.hold(sent.number)) return;
              assert.equal(answers[index], null, 'held though it was answered');
              bench.bridge.onDone([sent.number, status.ok]);
            };
            const abandoning = bench.io.sleep(abandonAt).then(() => bench.bridge.abandon());
            for (const [index, { gap, delay }] of plan.entries()) {
              await bench.io.sleep(gap);
              const before = bench.sent.length;
              const done = bench.request(op.read, places[index]).then((outcome) => {
                assert.equal(answers[index], null, 'answered twice');
                answers[index] = outcome;
              });
              work.push(done);
              await bench.io.sleep(0);
              const sent = bench.sent[before];
              if (sent !== undefined) {
                begun += 1;
                work.push(main(sent, delay));
              }
            }
            await Promise.all([...work, abandoning]);
            assert.equal(begun, bench.sent.length);
          });
          assert.ok(answers.every((outcome) => outcome !== null));
        },
      ),
      { numRuns: 60 },
    ));
});
