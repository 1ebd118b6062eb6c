import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errno } from '../../native/errno.ts';
import { connectedPair } from '../contract-tests/line.ts';
import type { FileOwner } from '../contract.ts';
import { SimIo } from './sim-io.ts';
import { World } from './world.ts';

const MIB = 1024 * 1024;

function bodiesOf(world: World) {
  const io = world.io('near', MIB);
  const other = world.io('far', MIB);
  return {
    io,
    other,
    host: '10.0.0.1',
    overflowBytes: 0,
    path: (name: string) => name,
    run: <T>(work: Promise<T>) => world.drive(work),
    close: () => Promise.resolve(),
  };
}

/** What a run looks like from outside: when which callback came. */
async function traceOf(seed: number): Promise<string[]> {
  const world = new World({ seed });
  const bodies = bodiesOf(world);
  const trace: string[] = [];
  const play = async (): Promise<void> => {
    const { near, far } = await connectedPair(bodies);
    const place = bodies.io.memory.allocate(100_000);
    const there = bodies.other.memory.allocate(100_000);
    const sending = near.send([{ place, length: 100_000 }]).then((result) => trace.push(`${world.now} sent ${result}`));
    for (let done = 0; done < 100_000; ) {
      const result = await far.receive(there, 100_000);
      trace.push(`${world.now} received ${result}`);
      done += result;
      if (bodies.other.random.below(4) === 0) await bodies.other.sleep(1);
    }
    await sending;
  };
  await world.drive(play());
  return trace;
}

describe('a world', () => {
  it('repeats itself exactly for the same seed, and does something else for another', async () => {
    const traces = await Promise.all([1, 2, 1, 2].map(traceOf));
    assert.deepEqual(traces[0], traces[2]);
    assert.deepEqual(traces[1], traces[3]);
    assert.notDeepEqual(traces[0], traces[1]);
  });

  it('says what is under way, and the seed, when nothing is left to happen', async () => {
    const world = new World({ seed: 7 });
    const bodies = bodiesOf(world);
    const play = async (): Promise<void> => {
      const { near } = await connectedPair(bodies);
      await near.receive(bodies.io.memory.allocate(64), 64);
    };
    await assert.rejects(world.drive(play()), (error: Error) => {
      assert.match(error.message, /nothing is left[^]*near: socket near:\d+ to 10\.0\.0\.1:\d+: receiving 0 of 64/);
      assert.match(error.message, /seed 7, at \d+/);
      assert.match(error.stack ?? '', /seed 7, at \d+/);
      return true;
    });
  });

  it('ends a run that takes too long, and one that never waits', async () => {
    const world = new World({ seed: 1 });
    const io = world.io('one', MIB);
    const tick = io.timer(() => tick.arm(10));
    tick.arm(10);
    await assert.rejects(world.run({ until: () => false, maxVirtualMs: 1000 }), /time is up/);
    assert.ok(world.now > 1900 && world.now <= 2000);
    const busy = { flush: (): void => io.atEndOfBatch(busy) };
    io.atEndOfBatch(busy);
    await assert.rejects(world.run({ until: () => false, maxVirtualMs: 1000 }), /one gives itself work without end/);
  });

  it('tells the seed with whatever a callback throws', async () => {
    const world = new World({ seed: 99 });
    const io = world.io('one', MIB);
    io.later({
      run: () => {
        throw new TypeError('broken');
      },
    });
    const failing = world.run({ until: () => false });
    await assert.rejects(failing, { name: 'TypeError', message: /^broken \(seed 99, at / });
  });

  it('lets time pass', async () => {
    const world = new World({ seed: 1 });
    const before = world.now;
    await world.pass(500);
    assert.equal(world.now, before + 500);
  });
});

function violation(title: string, message: RegExp, play: (bodies: ReturnType<typeof bodiesOf>) => Promise<void>): void {
  it(title, async () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const world = new World({ seed });
      await assert.rejects(world.drive(play(bodiesOf(world))), message, `seed ${seed}`);
    }
  });
}

describe('what a world catches', () => {
  violation('memory freed while a receive refers to it', /freed while a receive/, async (bodies) => {
    const { near } = await connectedPair(bodies);
    const place = bodies.io.memory.allocate(100);
    void near.receive(place, 100);
    bodies.io.memory.free(place);
  });

  violation('memory freed after abort, before onClosed', /freed while a receive/, async (bodies) => {
    const { near } = await connectedPair(bodies);
    const place = bodies.io.memory.allocate(100);
    void near.receive(place, 100);
    void near.abort();
    bodies.io.memory.free(place);
  });

  violation('memory of a send changed too early', /send was changed/, async (bodies) => {
    const { near } = await connectedPair(bodies);
    const place = bodies.io.memory.allocate(100);
    const sent = near.send([{ place, length: 100 }]);
    bodies.io.memory.fill(place + 50, 1, 1);
    await sent;
  });

  violation('a receive into memory that a send still reads', /receive and a send under way overlap/, async (bodies) => {
    const { near } = await connectedPair(bodies);
    const place = bodies.io.memory.allocate(100);
    void near.send([{ place, length: 100 }]);
    void near.receive(place + 99, 1);
  });

  violation('an operation on memory that was freed', /memory that nobody allocated/, async (bodies) => {
    const { near } = await connectedPair(bodies);
    const place = bodies.io.memory.allocate(100);
    bodies.io.memory.free(place);
    void near.receive(place, 100);
  });

  violation('an operation beyond its memory', /memory that nobody allocated/, async (bodies) => {
    const { near } = await connectedPair(bodies);
    const place = bodies.io.memory.allocate(100);
    bodies.io.memory.allocate(100);
    void near.receive(place, 101);
  });

  it('shows freed memory as what it is', () => {
    const { memory } = new World({ seed: 1 }).io('one', MIB);
    const place = memory.allocate(64);
    memory.free(place);
    assert.equal(memory.u8[place], 0xdd);
    assert.throws(() => memory.free(place), { code: 'assertion' });
  });
});

describe('failing files', () => {
  it('end with the errno that the test wants, as often as it wants, and do nothing else', async () => {
    const world = new World({ seed: 3 });
    const io = world.io('one', MIB);
    assert.ok(io instanceof SimIo);
    const results: number[] = [];
    let done = io.deferred<void>();
    const owner: FileOwner = {
      onFile: (_token, result) => {
        results.push(result);
        done.resolve();
      },
    };
    const step = async (work: () => void): Promise<void> => {
      done = io.deferred<void>();
      work();
      await done.promise;
    };
    const play = async (): Promise<void> => {
      const file = await io.openFile('/f', owner, { createBytes: 8192 });
      const place = io.memory.allocate(4096);
      io.memory.fill(place, 5, 4096);
      world.failFile('/f', { errno: errno.EIO, operation: 'write', from: 4096, count: 1 });
      await step(() => file.write(0, place, 512, 0));
      await step(() => file.write(0, place, 512, 4096));
      await step(() => file.sync(0));
      await step(() => file.read(0, place, 512, 4096));
      assert.equal(io.memory.u8[place], 0);
      await step(() => file.write(0, place, 512, 4096));
      world.failFile('/f', { errno: errno.ENOSPC });
      await step(() => file.sync(0));
      world.failFile('/f', null);
      await step(() => file.sync(0));
      await file.close();
    };
    await world.drive(play());
    assert.deepEqual(results, [512, -errno.EIO, 0, 512, 512, -errno.ENOSPC, 0]);
    assert.equal(world.fileAllocatedBytes('/f'), 8192);
  });
});
