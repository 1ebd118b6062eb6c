import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errno } from '../../native/errno.ts';
import { Door, Line } from '../contract-tests/line.ts';
import type { Address, SocketOptions } from '../contract.ts';
import type { SimIo } from './sim-io.ts';
import { World } from './world.ts';

const SERVER = '10.0.0.1';
const seeds = Array.from({ length: 20 }, (_, index) => 100 + index);

interface Scene {
  readonly world: World;
  readonly host: SimIo;
  readonly array: SimIo;
  readonly door: Door;
  readonly address: Address;
}

/** Runs `play` in a world with a client and a listening server, once for each seed. */
function scene(title: string, play: (scene: Scene) => Promise<void>): void {
  for (const seed of seeds) {
    it(`${title} (seed ${seed})`, async () => {
      const world = new World({ seed, memoryBytes: 4 * 1024 * 1024 });
      const host = world.io('host');
      const array = world.io('array');
      const door = new Door(array);
      const act = async (): Promise<void> => {
        const address = await door.open(SERVER);
        await play({ world, host, array, door, address });
      };
      await world.drive(act(), 3_600_000);
    });
  }
}

async function pair(from: Scene): Promise<{ near: Line; far: Line; place: number; there: number }> {
  const near = new Line(from.host);
  assert.equal(await near.connect(from.address), 0);
  const far = await from.door.next();
  return { near, far, place: from.host.memory.allocate(65_536), there: from.array.memory.allocate(65_536) };
}

function connectWith(io: SimIo, to: Address, options: SocketOptions): Line {
  const line = new Line(io);
  line.submit(() => {
    line.socket = io.connect(to, line, options);
  });
  return line;
}

describe('faults of the simulated network', () => {
  scene('refuse answers new connections only, and admit undoes it', async (here) => {
    const { near, far, place, there } = await pair(here);
    here.world.faults.refuse(SERVER, errno.EHOSTUNREACH);
    const second = new Line(here.host);
    assert.equal(await second.connect(here.address), -errno.EHOSTUNREACH);
    await second.abort();
    assert.equal(await near.send([{ place, length: 100 }]), 100);
    assert.ok((await far.receive(there, 100)) > 0);
    here.world.faults.admit(SERVER);
    const third = new Line(here.host);
    assert.equal(await third.connect(here.address), 0);
  });

  scene('a refusal as one body sees it leaves others alone', async (here) => {
    here.world.faults.refuse(here.address, errno.ECONNREFUSED, 'host');
    const near = new Line(here.host);
    assert.equal(await near.connect(here.address), -errno.ECONNREFUSED);
    const guest = new Line(here.world.io('guest', 65_536));
    assert.equal(await guest.connect(here.address), 0);
  });

  scene('a blackhole is silent, and after it heals what was sent arrives', async (here) => {
    const { near, far, place, there } = await pair(here);
    here.host.memory.fill(place, 9, 1000);
    here.world.faults.blackhole(here.address);
    const received = far.receive(there, 1000, true);
    assert.equal(await near.send([{ place, length: 1000 }]), 1000);
    await here.host.sleep(5000);
    assert.equal(far.socket.receiving, true);
    here.world.faults.heal(here.address);
    assert.equal(await received, 1000);
    assert.ok(here.array.memory.u8.subarray(there, there + 1000).every((byte) => byte === 9));
  });

  scene('a connection attempt into a blackhole times out', async (here) => {
    here.world.faults.blackhole('host');
    const start = here.world.now;
    const patient = new Line(here.host);
    const hasty = connectWith(here.host, here.address, { userTimeout: 3000 });
    assert.equal(await hasty.connected.promise, -errno.ETIMEDOUT);
    assert.ok(Math.abs(here.world.now - start - 3000) < 1);
    assert.equal(await patient.connect(here.address), -errno.ETIMEDOUT);
    assert.ok(here.world.now - start > 100_000);
    await Promise.all([hasty.abort(), patient.abort()]);
  });

  scene('a connection attempt outlasts a short blackhole', async (here) => {
    here.world.faults.blackhole(SERVER);
    const near = new Line(here.host);
    const connected = near.connect(here.address);
    await here.host.sleep(2000);
    here.world.faults.heal(SERVER);
    assert.equal(await connected, 0);
  });

  scene('sent data that nobody acknowledges ends the connection after userTimeout', async (here) => {
    const near = connectWith(here.host, here.address, { userTimeout: 2000 });
    assert.equal(await near.connected.promise, 0);
    const far = await here.door.next();
    const place = here.host.memory.allocate(4096);
    const there = here.array.memory.allocate(4096);
    const received = near.receive(place, 100);
    await here.host.sleep(10_000);
    assert.equal(near.socket.receiving, true, 'an idle connection lives');
    here.world.faults.blackhole(SERVER);
    const start = here.world.now;
    assert.equal(await near.send([{ place: place + 200, length: 100 }]), 100);
    assert.equal(await received, -errno.ETIMEDOUT);
    assert.ok(Math.abs(here.world.now - start - 2000) < 50, `after ${here.world.now - start} ms`);
    await near.abort();
    const half = far.receive(there, 100);
    await here.array.sleep(60_000);
    assert.equal(far.socket.receiving, true, 'the other side knows nothing');
    here.world.faults.heal(SERVER);
    await here.array.sleep(60_000);
    assert.equal(far.socket.receiving, true, 'a RST is sent once');
    void far.send([{ place: there + 200, length: 10 }]);
    assert.equal(await half, -errno.ECONNRESET, 'whoever writes to a dead connection learns of it');
  });

  scene('drop resets both sides', async (here) => {
    const { near, far, place, there } = await pair(here);
    const both = [near.receive(place, 10), far.receive(there, 10)];
    here.world.faults.drop(here.address);
    assert.deepEqual(await Promise.all(both), [-errno.ECONNRESET, -errno.ECONNRESET]);
    assert.ok((await near.send([{ place, length: 10 }])) < 0);
    await Promise.all([near.abort(), far.abort()]);
  });

  scene('a delay holds what is sent from then on', async (here) => {
    const { near, far, place, there } = await pair(here);
    here.world.faults.delay(here.address, { min: 400, max: 500 });
    const start = here.world.now;
    const received = far.receive(there, 10, true);
    assert.equal(await near.send([{ place, length: 10 }]), 10);
    assert.ok(here.world.now - start < 10, 'a send is complete when the kernel has it');
    await received;
    assert.ok(here.world.now - start >= 400);
    here.world.faults.delay(here.address, null);
    const again = here.world.now;
    await near.send([{ place, length: 10 }]);
    await far.receive(there, 10, true);
    assert.ok(here.world.now - again < 100);
  });

  scene('a listener that fails tells its owner, and new connections are refused', async (here) => {
    const failed = here.array.deferred<number>();
    here.door.onListenerFailed = (result): void => failed.resolve(result);
    here.world.failListener(here.address, errno.EINVAL);
    assert.equal(await failed.promise, -errno.EINVAL);
    const near = new Line(here.host);
    assert.equal(await near.connect(here.address), -errno.ECONNREFUSED);
  });

  scene('a process that dies resets its connections and frees its ports', async (here) => {
    const { near, place } = await pair(here);
    const received = near.receive(place, 10);
    here.array.kill();
    assert.equal(await received, -errno.ECONNRESET);
    await near.abort();
    const next = new Line(here.host);
    assert.equal(await next.connect(here.address), -errno.ECONNREFUSED);
    await next.abort();
    const heir = here.world.io('heir', 65_536);
    await heir.listen(here.address, new Door(heir));
  });

  scene('a stalled reactor notices, and finds answers before its timers', async (here) => {
    const pairs = [await pair(here), await pair(here), await pair(here), await pair(here)];
    const calls: string[] = [];
    for (const { near, place } of pairs) {
      near.calls.push = (call): number => calls.push(call);
      void near.receive(place, 10);
    }
    let slip = 0;
    const deadline = here.host.timer(() => {
      slip = here.host.slip;
      calls.push('deadline');
    });
    deadline.arm(300);
    here.host.stall(1000);
    await Promise.all(pairs.map(({ far, there }) => far.send([{ place: there, length: 10 }])));
    await here.array.sleep(2000);
    assert.deepEqual(calls, ['received', 'received', 'received', 'received', 'deadline']);
    assert.ok(slip > 900 && slip < 1100);
    assert.equal(here.host.slip, 0);
  });

  scene(
    'a machine that sleeps does not notice: its clock stands still, and its timers come so much later',
    async (here) => {
      const { host, array, world } = here;
      await host.sleep(10);
      const [begun, local] = [world.now, host.clock.now()];
      let slip = -1;
      let fired = 0;
      const early = host.timer(() => {
        fired = world.now;
        slip = host.slip;
      });
      early.arm(100);
      await array.sleep(50);
      const asleep = host.clock.now();
      host.sleepDeeply(5000);
      await array.sleep(2000);
      assert.equal(host.clock.now(), asleep);
      // What is armed for it meanwhile counts from when it wakes up.
      const late = host.timer(() => (fired += 0));
      late.arm(20);
      host.sleepDeeply(4000);
      await array.sleep(3990);
      assert.equal(fired, 0);
      await array.sleep(1000);
      // It slept for 6 s in all: until 4 s after the 2 s that had passed when it was told so again.
      assert.ok(fired >= begun + 6100 && fired < begun + 6101, `${fired - begun}`);
      assert.equal(slip, 0);
      assert.equal(late.armed, false);
      assert.ok(Math.abs(world.now - begun - 6000 - (host.clock.now() - local)) < 0.1);
    },
  );

  scene('who died may have a successor of the same name, whose memory is not his', async (here) => {
    const place = here.host.memory.allocate(64);
    here.host.memory.fill(place, 7, 64);
    assert.throws(() => here.world.io('host'), /two reactors of one name/);
    here.host.kill();
    const heir = here.world.io('host');
    assert.equal(heir.memory.takenBytes, 0);
    assert.equal(heir.memory.u8[heir.memory.allocate(64)], 0);
    const near = new Line(heir);
    assert.equal(await near.connect(here.address), 0);
    await near.abort();
  });

  scene('memory of a world that is over is clean for the next one', async (here) => {
    const place = here.host.memory.allocate(4096);
    here.host.memory.fill(place, 7, 4096);
    here.world.end();
    const other = new World({ seed: here.world.seed, memoryBytes: 4 * 1024 * 1024 }).io('other');
    const again = other.memory.allocate(4096);
    assert.ok(other.memory.u8.subarray(again, again + 4096).every((byte) => byte === 0));
  });
});
