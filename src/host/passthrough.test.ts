/** Commands of others over the paths of a volume: which path, what is refused, what becomes of them when paths are lost. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CausewayError, ErrorCode } from '../base/errors.ts';
import { op, Request } from '../block/request.ts';
import { submitChecked } from '../block/door.ts';
import { status } from '../block/status.ts';
import { adminOpcode, ioOpcode } from '../fabric/nvme-tcp/constants.ts';
import { readIdentifyController } from '../fabric/nvme-tcp/identify-controller.ts';
import { extendedData, keyBytes, readReservationStatus } from '../fabric/nvme-tcp/reservation.ts';
import { type NvmeAnswer, type NvmeCommand, Passthrough } from './passthrough.ts';
import { type TestHost, type TestVolume, withVolumes } from './with-volumes.test.support.ts';

const quick = { ioTimeoutMs: 2_000, katoMs: 2_000, reconnectFirstMs: 100, reconnectLongestMs: 200 };

function command(fields: Pick<NvmeCommand, 'queue' | 'opcode'> & Partial<NvmeCommand>): NvmeCommand {
  return { nsid: 0, cdw2: 0, cdw3: 0, cdws: [0, 0, 0, 0, 0, 0], bytes: 0, data: null, timeoutMs: 0, ...fields };
}

const identify = command({ queue: 'admin', opcode: adminOpcode.identify, cdws: [1, 0, 0, 0, 0, 0], bytes: 4096 });
const format = command({ queue: 'admin', opcode: 0x80, timeoutMs: 1_000 });
const report = command({
  queue: 'io',
  opcode: ioOpcode.reservationReport,
  cdws: [255, extendedData, 0, 0, 0, 0],
  bytes: 1024,
});
const register = (key: bigint): NvmeCommand =>
  command({ queue: 'io', opcode: ioOpcode.reservationRegister, bytes: 16, data: keyBytes(0n, key) });

class Bench {
  readonly host: TestHost;
  readonly volume: TestVolume;
  readonly passthrough: Passthrough;
  #told = 0;

  constructor(host: TestHost, volume: TestVolume) {
    this.host = host;
    this.volume = volume;
    const { io, volumes } = host.reactors[0]!;
    this.passthrough = new Passthrough(io, {
      target: volumes.passthroughTarget(volume.number),
      device: volume.device,
      controller: (association) => host.lead.controller(association),
    });
  }

  run(what: NvmeCommand, isDangerAllowed = false): Promise<NvmeAnswer> {
    return this.host.world.drive(this.passthrough.run(what, isDangerAllowed));
  }

  async refused(what: NvmeCommand, code: ErrorCode, isDangerAllowed = false): Promise<void> {
    await assert.rejects(this.run(what, isDangerAllowed), (error: CausewayError) => error.code === code);
  }

  /** As the main thread does it. */
  tellOthers(): void {
    const { events, reactors } = this.host;
    for (; this.#told < events.length; this.#told += 1) {
      const event = events[this.#told]!;
      if (event.kind !== 'released') continue;
      for (const { volumes } of reactors.slice(1)) volumes.fenced(event.device, event.controller, event.epoch);
    }
  }

  /** A write of one block over a reactor's device; what it ended with is in the array once it has. */
  write(reactor: number, ended: number[]): void {
    const { io } = this.host.reactors[reactor]!;
    const request = new Request(io, 0);
    const place = io.memory.allocate(4096, 4096);
    request.begin(op.write, 0, 4096, place, 0, {
      onRequest: ({ status: outcome }) => {
        io.memory.free(place);
        ended.push(outcome);
      },
    });
    submitChecked(this.volume.devices[reactor]!, request);
  }
}

function withBench(seed: number, reactors: number, play: (bench: Bench) => Promise<void>): Promise<void> {
  return withVolumes(seed, reactors, {}, async (host) => {
    await play(new Bench(host, await host.attach(1, quick)));
  });
}

const viewOf = (data: Uint8Array): DataView => new DataView(data.buffer, data.byteOffset, data.byteLength);

describe('a command of others', () => {
  it('goes to a controller and comes back with its data', () =>
    withBench(1, 1, async (bench) => {
      const answer = await bench.run(identify);
      assert.equal(answer.status, 0);
      assert.equal(readIdentifyController(viewOf(answer.data), 0).mn, 'Causeway embedded array');
    }));

  it('goes over a path that lives, and over none that is disabled', () =>
    withBench(2, 1, async ({ host, volume, ...bench }) => {
      const passthrough = new Bench(host, volume);
      host.reactors[0]!.volumes.disable(volume.number, 0, true);
      for (let times = 0; times < 4; times += 1) {
        assert.match((await passthrough.run(identify)).path, /^10\.0\.0\.2:/);
        assert.match((await passthrough.run(report)).path, /^10\.0\.0\.2:/);
      }
      host.reactors[0]!.volumes.disable(volume.number, 1, true);
      await passthrough.refused(identify, 'no-path');
      assert.ok(bench.passthrough instanceof Passthrough);
    }));

  it('that only reads goes on over another path when one is lost under it', () =>
    withBench(3, 1, async (bench) => {
      const { world, array } = bench.host;
      for (const what of [identify, report]) {
        array.faults.swallowPort(1);
        array.faults.delayAnswers(2, 50);
        const answers = Promise.all([0, 1, 2, 3].map(() => bench.passthrough.run(what, false)));
        await world.pass(200);
        array.faults.cutPort(1);
        const paths = (await world.drive(answers)).map((answer) => [answer.status, answer.path.slice(0, 8)]);
        assert.deepEqual(
          paths,
          Array.from({ length: 4 }, () => [0, '10.0.0.2']),
        );
        await world.drive(array.faults.openPort(1));
        await world.run({ until: () => bench.volume.states.every((state) => state === 'live-optimized') });
      }
    }));

  it('names the namespace of the volume, or none', () =>
    withBench(4, 1, async (bench) => {
      await bench.refused({ ...report, nsid: 2 }, 'nvme-wrong-namespace');
      await bench.refused({ ...report, nsid: 0xffff_ffff }, 'nvme-wrong-namespace');
      await bench.refused({ ...identify, nsid: 2, cdws: [0, 0, 0, 0, 0, 0] }, 'nvme-wrong-namespace');
      const smart = command({ queue: 'admin', opcode: 2, cdws: [0x7f_0002, 0, 0, 0, 0, 0], bytes: 512 });
      await bench.refused({ ...smart, nsid: 2 }, 'nvme-wrong-namespace');
      assert.equal((await bench.run({ ...smart, nsid: 0xffff_ffff })).status, 0);
      assert.equal((await bench.run({ ...report, nsid: 1 })).status, 0);
    }));

  it('is refused by its opcode, before anything is sent', () =>
    withBench(5, 1, async (bench) => {
      const before = bench.host.array.stats.commands;
      await bench.refused(command({ queue: 'admin', opcode: 0x7f }), 'nvme-command-refused', true);
      await bench.refused(command({ queue: 'io', opcode: 0x04 }), 'nvme-command-refused', true);
      await bench.refused(format, 'nvme-command-dangerous');
      await bench.refused(
        command({ queue: 'io', opcode: 0x91, bytes: 8, data: new Uint8Array(8) }),
        'nvme-command-dangerous',
      );
      await bench.refused({ ...identify, bytes: 2 ** 20 + 1 }, 'invalid-argument');
      await bench.refused({ ...identify, cdws: [1] }, 'invalid-argument');
      await bench.refused({ ...register(1n), data: new Uint8Array(3) }, 'invalid-argument');
      assert.equal(bench.host.array.stats.commands, before);
    }));

  it('that is not answered in time is over in time, and its controller is given up', () =>
    withBench(6, 1, async (bench) => {
      const { world, array } = bench.host;
      bench.host.reactors[0]!.volumes.disable(bench.volume.number, 1, true);
      array.faults.hangCommands(1, 1);
      // The array gives a command back that is aborted.
      const before = world.now;
      const answer = await bench.run({ ...report, timeoutMs: 1_000 });
      assert.equal(answer.status, 0x007);
      assert.ok(world.now - before < 1_500);
      array.faults.swallowPort(1);
      await bench.refused({ ...report, timeoutMs: 1_000 }, 'io-timed-out');
      assert.ok(world.now - before < 6_000);
    }));
});

describe('a reservation command of unknown outcome', () => {
  it('is told, and no other one is sent before its controller is fenced', () =>
    withBench(10, 1, async (bench) => {
      const { world, array } = bench.host;
      bench.host.reactors[0]!.volumes.disable(bench.volume.number, 1, true);
      array.faults.delayExecution(1, { milliseconds: 500 });
      array.faults.ghostWrites(1, { milliseconds: 1_500 });
      const lost = bench.passthrough.run(register(7n), false);
      await world.pass(100);
      array.faults.cutPort(1);
      await assert.rejects(world.drive(lost), (error: CausewayError) => error.code === 'nvme-outcome-unknown');
      bench.host.reactors[0]!.volumes.disable(bench.volume.number, 1, false);
      const fences = (): number =>
        bench.host.leadEvents.filter((event) => event.kind === 'fenced' && event.epoch === 1).length;
      assert.equal(fences(), 0, 'fenced before anything was tried: this shows nothing');
      await bench.refused(register(8n), 'nvme-outcome-unknown');
      await world.run({ until: () => fences() > 0, maxVirtualMs: 60_000 });
      array.faults.delayExecution(1, { milliseconds: 0 });
      const { data } = await bench.run(report);
      const { registrants } = readReservationStatus(viewOf(data), 0, data.length);
      // Whatever became of the first, nothing comes after the second.
      const key = registrants[0]?.key ?? 0n;
      const again = command({ ...register(8n), cdws: [key === 0n ? 0 : 2, 0, 0, 0, 0, 0], data: keyBytes(key, 8n) });
      assert.equal((await bench.run(again)).status, 0);
      await world.pass(10_000);
      const after = await bench.run(report);
      assert.equal(readReservationStatus(viewOf(after.data), 0, after.data.length).registrants[0]?.key, 8n);
    }));
});

describe('a command for which a request of the device stands', () => {
  const block = Uint8Array.from({ length: 4096 }, (_byte, index) => index & 0xff);
  const write = command({ queue: 'io', opcode: ioOpcode.write, cdws: [5, 0, 0, 0, 0, 0], bytes: 4096, data: block });
  const read = command({ queue: 'io', opcode: ioOpcode.read, cdws: [5, 0, 0, 0, 0, 0], bytes: 4096 });

  it('writes and reads, and goes by what the device goes by', () =>
    withBench(20, 1, async (bench) => {
      assert.equal((await bench.run(write)).status, 0);
      assert.deepEqual((await bench.run(read)).data, block);
      assert.equal((await bench.run(command({ ...read, opcode: ioOpcode.writeZeroes, bytes: 0 }))).status, 0);
      assert.deepEqual((await bench.run(read)).data, new Uint8Array(4096));
      assert.equal((await bench.run(command({ queue: 'io', opcode: ioOpcode.flush }))).status, 0);
      const range = new Uint8Array(16);
      viewOf(range).setUint32(4, 1, true);
      const dsm = command({ queue: 'io', opcode: 9, cdws: [0, 4, 0, 0, 0, 0], bytes: 16, data: range });
      assert.equal((await bench.run(dsm)).status, 0);
      assert.equal((await bench.run({ ...read, cdws: [0xffff_ffff, 0xffff_ffff, 0, 0, 0, 0] })).status, 0x080);
      await bench.refused({ ...read, bytes: 512 }, 'invalid-argument');
      await bench.refused({ ...read, cdws: [5, 0, 1 << 29, 0, 0, 0] }, 'nvme-command-refused');
      bench.volume.device.geometry = { ...bench.volume.device.geometry, readOnly: true };
      assert.equal((await bench.run(write)).status, 0x020);
    }));

  it('is not waited for longer than it says, and its buffer is its own until it has ended', () =>
    withBench(21, 1, async (bench) => {
      const { world, array } = bench.host;
      await world.drive(array.faults.closePort(1));
      await world.drive(array.faults.closePort(2));
      await world.run({ until: () => bench.volume.states.every((state) => state === 'down') });
      const { memory } = bench.host.reactors[0]!.io;
      await bench.refused({ ...write, timeoutMs: 1_500 }, 'io-timed-out');
      // Whatever is given out from now on is somebody else's.
      const others = Array.from({ length: 64 }, () => memory.allocate(4096, 4096));
      for (const place of others) memory.fill(place, 0xee, 4096);
      for (const place of others) memory.free(place);
      await world.drive(array.faults.openPort(1));
      await world.run({ until: () => !bench.volume.device.busy, maxVirtualMs: 60_000 });
      assert.deepEqual((await bench.run(read)).data, block);
    }));

  it('sees a reservation of another host', () =>
    withBench(22, 1, async (bench) => {
      bench.host.array.faults.forceStatus(1, 1, 0x083);
      bench.host.reactors[0]!.volumes.disable(bench.volume.number, 1, true);
      assert.equal((await bench.run(write)).status, 0x083);
    }));
});

describe('a command that erases', () => {
  it('needs a device that nobody writes to', () =>
    withBench(30, 2, async (bench) => {
      const { world, array } = bench.host;
      array.faults.delayAnswers(1, 100);
      array.faults.delayAnswers(2, 100);
      const ended: number[] = [];
      bench.write(1, ended);
      await world.pass(10);
      await bench.refused(format, 'device-not-quiet', true);
      bench.tellOthers();
      await world.run({ until: () => ended.length === 1 });
      // The array does not know it: it was sent, and that is all there is to see.
      assert.equal((await bench.run(format, true)).status, 0x001);
      bench.tellOthers();
      bench.write(0, ended);
      bench.write(1, ended);
      await world.run({ until: () => ended.length === 3, maxVirtualMs: 1_000 });
      assert.deepEqual(ended, [status.ok, status.ok, status.ok]);
    }));

  it('keeps writes back while it runs, of every reactor, and of unknown outcome until its controller is fenced', () =>
    withBench(31, 2, async (bench) => {
      const { world, array } = bench.host;
      bench.host.reactors[0]!.volumes.disable(bench.volume.number, 1, true);
      array.faults.swallowPort(1);
      const running = bench.passthrough.run(format, true);
      running.catch(() => undefined);
      await world.pass(50);
      // Writes could all go over the other path.
      for (const { volumes } of bench.host.reactors) {
        volumes.disable(bench.volume.number, 0, true);
        volumes.disable(bench.volume.number, 1, false);
      }
      const ended: number[] = [];
      bench.write(0, ended);
      bench.write(1, ended);
      await assert.rejects(world.drive(running), (error: CausewayError) => error.code === 'nvme-outcome-unknown');
      bench.tellOthers();
      const fenced = (): boolean => bench.host.leadEvents.some((event) => event.kind === 'fenced' && event.epoch === 1);
      await world.run({ until: () => fenced() || ended.length > 0, maxVirtualMs: 120_000 });
      assert.deepEqual(ended, [], 'something was written while the array may still erase');
      await world.run({ until: () => ended.length === 2, maxVirtualMs: 10_000 });
      assert.deepEqual(ended, [status.ok, status.ok]);
      array.faults.openPort(1).catch(() => undefined);
      await world.pass(1_000);
    }));
});
