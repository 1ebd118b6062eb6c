import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { BlockDevice, Geometry } from '../../block/device.ts';
import { op, type Request, requestFlag } from '../../block/request.ts';
import { type Status, status, statusErrno } from '../../block/status.ts';
import type { Io, Task } from '../../io/contract.ts';
import { errno } from '../../native/errno.ts';
import { ioDescBytes, ioFlag, ioOp } from './abi.ts';
import { type CommandPort, Dispatcher } from './dispatch.ts';
import type { SlotPlace, UblkSlot } from './slot.ts';

const MiB = 1024 * 1024;
const payloadBytes = 64 * 1024;
const tags = 4;
const scrap = tags * payloadBytes;

/** As much of an Io as requests need: tasks that run when the test says so. */
class FakeIo {
  readonly clock = { now: (): number => 0 };
  readonly tasks: Task[] = [];

  later(task: Task): void {
    this.tasks.push(task);
  }

  run(): void {
    for (let task = this.tasks.shift(); task !== undefined; task = this.tasks.shift()) task.run();
  }
}

class FakeDevice implements BlockDevice {
  readonly identity = { id: 'fake.1', model: '', serial: '' };
  readonly geometry: Geometry = {
    sizeBytes: 2 ** 42,
    blockBytes: 512,
    physicalBlockBytes: 4096,
    maxTransferBytes: MiB,
    readOnly: false,
    volatileCache: true,
    canDiscard: true,
    canWriteZeroes: true,
  };
  readonly taken: Request[] = [];

  submit(request: Request): void {
    this.taken.push(request);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

interface Answer {
  readonly tag: number;
  readonly result: number;
  readonly payload: number;
}

class Bench implements CommandPort {
  readonly io = new FakeIo();
  readonly device = new FakeDevice();
  readonly words = new Uint32Array((tags * ioDescBytes) / 4);
  readonly answers: Answer[] = [];
  empties = 0;
  readonly dispatcher: Dispatcher;

  constructor() {
    const places: SlotPlace[] = Array.from({ length: tags }, (_, tag) => ({
      queue: 0,
      tag,
      descriptors: this.words,
      descriptor: (tag * ioDescBytes) / 4,
      payload: tag * payloadBytes,
    }));
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as much of it as is used
    const io = this.io as unknown as Io;
    this.dispatcher = new Dispatcher(io, this.device, places, payloadBytes, scrap, this);
  }

  commit(slot: UblkSlot, result: number, payload: number): void {
    this.answers.push({ tag: slot.place.tag, result, payload });
  }

  onEmpty(): void {
    this.empties += 1;
  }

  /** The kernel hands a request out. */
  request(tag: number, opFlags: number, sector = 0, sectors = 0): void {
    const at = (tag * ioDescBytes) / 4;
    this.words.set([opFlags, sectors, sector % 2 ** 32, Math.floor(sector / 2 ** 32)], at);
    this.dispatcher.onTag(tag, 0);
    this.io.run();
  }

  /** The device is through with what it took first. */
  finish(outcome: Status = status.ok): void {
    const request = this.device.taken.shift();
    assert.ok(request !== undefined);
    request.finish(outcome);
    this.io.run();
  }

  seen(): object {
    const request = this.device.taken.at(-1);
    assert.ok(request !== undefined);
    const { op: operation, offset, length, flags, buffer } = request;
    return { operation, offset, length, flags, buffer };
  }
}

function eio(tag: number): Answer {
  return { tag, result: -errno.EIO, payload: scrap };
}

test('every operation becomes what it means, and its answer is what the kernel wants', () => {
  const bench = new Bench();
  const cases = [
    { what: ioOp.read, sent: { operation: op.read, flags: 0 }, result: 4096 },
    { what: ioOp.write, sent: { operation: op.write, flags: 0 }, result: 4096 },
    { what: ioOp.write | ioFlag.fua, sent: { operation: op.write, flags: requestFlag.fua }, result: 4096 },
    { what: ioOp.discard, sent: { operation: op.discard, flags: 0, buffer: 0 }, result: 0 },
    { what: ioOp.writeZeroes, sent: { operation: op.writeZeroes, flags: 0, buffer: 0 }, result: 0 },
    {
      what: ioOp.writeZeroes | ioFlag.noUnmap | ioFlag.fua,
      sent: { operation: op.writeZeroes, flags: requestFlag.keepAllocated | requestFlag.fua, buffer: 0 },
      result: 0,
    },
  ];
  for (const { what, sent, result } of cases) {
    bench.request(2, what, 2 ** 32 + 8, 8);
    assert.deepEqual(bench.seen(), { offset: (2 ** 32 + 8) * 512, length: 4096, buffer: 2 * payloadBytes, ...sent });
    bench.finish();
    assert.deepEqual(bench.answers.pop(), { tag: 2, result, payload: 2 * payloadBytes });
  }
  // Where it goes and how long it is, a flush has nothing to say of.
  bench.request(1, ioOp.flush, 8, 8);
  assert.deepEqual(bench.seen(), { operation: op.flush, offset: 0, length: 0, flags: 0, buffer: 0 });
  bench.finish();
  assert.deepEqual(bench.answers.pop(), { tag: 1, result: 0, payload: payloadBytes });
});

test('an outcome is answered as its errno', () => {
  const bench = new Bench();
  for (const outcome of Object.values(status).filter((each) => each !== status.ok)) {
    bench.request(0, ioOp.write, 0, 8);
    bench.finish(outcome);
    assert.deepEqual(bench.answers.pop(), { tag: 0, result: -statusErrno[outcome]!, payload: 0 });
  }
});

test('whatever stands in a descriptor, it is answered, and nothing passes that is not in range', () => {
  const u32 = fc.nat({ max: 0xffff_ffff });
  fc.assert(
    fc.property(u32, u32, u32, u32, (opFlags, sectors, low, high) => {
      const bench = new Bench();
      bench.request(3, opFlags, high * 2 ** 32 + low, sectors);
      const taken = bench.device.taken.length;
      assert.equal(taken + bench.answers.length, 1);
      if (taken === 0) {
        assert.ok(bench.answers[0]!.result < 0);
        return;
      }
      const request = bench.device.taken[0]!;
      assert.ok(request.offset + request.length <= bench.device.geometry.sizeBytes);
      if (request.op <= op.write) assert.ok(request.length <= payloadBytes);
      bench.finish();
      assert.equal(bench.answers.length, 1);
    }),
  );
});

test('more than a payload is refused, though the device could take it', () => {
  const bench = new Bench();
  bench.request(0, ioOp.read, 0, payloadBytes / 512 + 1);
  bench.request(1, ioOp.write, 0, payloadBytes / 512 + 1);
  assert.deepEqual(
    bench.answers.map(({ result }) => result),
    [-errno.EINVAL, -errno.EINVAL],
  );
});

test('what comes after quiesce is neither taken up nor answered; what came before is answered', () => {
  const bench = new Bench();
  bench.request(0, ioOp.write, 0, 8);
  bench.dispatcher.quiesce();
  bench.request(1, ioOp.write, 8, 8);
  assert.equal(bench.device.taken.length, 1);
  assert.equal(bench.dispatcher.underWay, 1);
  bench.finish();
  assert.equal(bench.dispatcher.underWay, 0);
  assert.deepEqual(bench.answers, [{ tag: 0, result: 4096, payload: 0 }]);
  bench.request(0, ioOp.flush);
  assert.equal(bench.device.taken.length, 0);
  assert.equal(bench.answers.length, 1);
});

test('failing: every request is answered at once, and none gets a payload that the device still has', () => {
  const bench = new Bench();
  bench.request(0, ioOp.read, 0, 8);
  bench.dispatcher.quiesce();
  bench.request(1, ioOp.write, 8, 8);
  bench.dispatcher.fail();
  assert.deepEqual(bench.answers.splice(0), [eio(0), eio(1)]);
  // The tag comes again while the device still has its earlier request.
  bench.request(0, ioOp.write, 0, 8);
  bench.request(2, ioOp.flush);
  assert.deepEqual(bench.answers.splice(0), [eio(0), eio(2)]);
  assert.equal(bench.dispatcher.underWay, 1);
  bench.dispatcher.fail();
  assert.deepEqual(bench.answers, [], 'nothing is answered twice');
  // It is over when the kernel has let go of the tags and the device of the request, whatever comes last.
  for (let tag = 0; tag < tags; tag += 1) bench.dispatcher.onTag(tag, -errno.ENODEV);
  assert.equal(bench.empties, 0);
  bench.finish();
  assert.deepEqual(bench.answers, []);
  assert.equal(bench.empties, 1);
  assert.equal(bench.dispatcher.failure, null);
});

test('tags that the kernel lets go of are the end; one that it refuses is a failure', () => {
  const bench = new Bench();
  bench.request(0, ioOp.read, 0, 8);
  for (let tag = 1; tag < tags; tag += 1) bench.dispatcher.onTag(tag, tag === 2 ? -errno.EINVAL : -errno.ENODEV);
  assert.match(bench.dispatcher.failure ?? '', /EINVAL/);
  bench.finish();
  assert.equal(bench.empties, 0);
  bench.dispatcher.onTag(0, -errno.ENODEV);
  assert.equal(bench.empties, 1);
});
