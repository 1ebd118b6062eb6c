import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { BlockDevice, Geometry } from '../../block/device.ts';
import { op, type Request, requestFlag } from '../../block/request.ts';
import { type Status, status } from '../../block/status.ts';
import type { Io, Memory, Task } from '../../io/contract.ts';
import { attr, attrOutAttr, fallocateMode, inHeaderBytes, opcode, openOut, whence } from './abi.ts';
import { Dispatcher } from './dispatch.ts';
import { FuseSlot, type ReplyPort } from './slot.ts';

const memoryBytes = 2 * 1024 * 1024;
const payloadBytes = 64 * 1024;
const headerPlace = 4096 - 80;
const payloadPlace = 4096;
const MiB = 1024 * 1024;

/** As much of an Io as requests need: memory, and tasks that run when the test says so. */
class FakeIo {
  readonly memory: Memory;
  readonly clock = { now: (): number => 0 };
  readonly tasks: Task[] = [];
  /** Places that are handed out and not given back. */
  readonly taken = new Set<number>();

  constructor() {
    const buffer = new ArrayBuffer(memoryBytes);
    const u8 = new Uint8Array(buffer);
    let next = MiB;
    this.memory = {
      size: memoryBytes,
      u8,
      u32: new Uint32Array(buffer),
      view: new DataView(buffer),
      allocate: (bytes) => {
        const place = next;
        next += bytes;
        assert.ok(next <= memoryBytes);
        this.taken.add(place);
        return place;
      },
      free: (place) => assert.ok(this.taken.delete(place)),
      copy: (to, from, length) => u8.copyWithin(to, from, from + length),
      fill: (to, byte, length) => u8.fill(byte, to, to + length),
    };
  }

  later(task: Task): void {
    this.tasks.push(task);
  }

  run(): void {
    for (let task = this.tasks.shift(); task !== undefined; task = this.tasks.shift()) task.run();
  }
}

interface Seen {
  readonly op: number;
  readonly offset: number;
  readonly length: number;
  readonly flags: number;
  readonly buffer: number;
}

class FakeDevice implements BlockDevice {
  readonly identity = { id: 'fake.1', model: '', serial: '' };
  geometry: Geometry;
  outcome: Status = status.ok;
  readonly seen: Seen[] = [];
  /** What a write would put on the medium. */
  onWrite: (request: Request) => void = () => {};

  constructor(geometry: Partial<Geometry> = {}) {
    this.geometry = {
      sizeBytes: 8 * 2 ** 30,
      blockBytes: 512,
      physicalBlockBytes: 4096,
      maxTransferBytes: MiB,
      readOnly: false,
      volatileCache: false,
      canDiscard: true,
      canWriteZeroes: true,
      ...geometry,
    };
  }

  submit(request: Request): void {
    const { op: operation, offset, length, flags, buffer } = request;
    this.seen.push({ op: operation, offset, length, flags, buffer });
    if (operation === op.write) this.onWrite(request);
    request.finish(this.outcome);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

interface Answer {
  readonly error: number;
  readonly bytes: number;
}

class Bench implements ReplyPort {
  readonly io = new FakeIo();
  readonly device: FakeDevice;
  readonly slot: FuseSlot;
  readonly dispatcher: Dispatcher;
  readonly answers: Answer[] = [];
  drops = 0;

  constructor(geometry: Partial<Geometry> = {}) {
    this.device = new FakeDevice(geometry);
    const io = this.io as unknown as Io;
    this.dispatcher = new Dispatcher(io, this.device, payloadBytes, this);
    const argument = headerPlace + inHeaderBytes;
    this.slot = new FuseSlot(io, this.dispatcher, 0, 0, headerPlace, argument, payloadPlace);
  }

  reply(_slot: FuseSlot, error: number, bytes: number): void {
    this.answers.push({ error, bytes });
  }

  drop(): void {
    this.drops += 1;
  }

  /** Sends one message; `words` are those of the argument. Returns the one answer; null if it was dropped. */
  send(code: number, words: readonly number[], bytes = words.length * 4): Answer | null {
    const { u32 } = this.io.memory;
    const header = headerPlace >> 2;
    u32.fill(0, header, payloadPlace >> 2);
    u32[header] = inHeaderBytes + bytes;
    u32[header + 1] = code;
    u32[header + 2] = 0x11111111;
    u32[header + 3] = 0x80000000;
    u32.set(words.slice(0, 10), (headerPlace + inHeaderBytes) >> 2);
    const before = this.answers.length + this.drops;
    this.dispatcher.start(this.slot);
    this.io.run();
    assert.equal(this.answers.length + this.drops, before + 1, 'one message, one answer');
    assert.equal(this.dispatcher.underWay, 0);
    return this.answers[before - this.drops] ?? null;
  }

  read(offset: number, size: number): Answer | null {
    return this.send(opcode.read, [0, 0, ...split(offset), size, 0, 0, 0, 0, 0]);
  }

  write(offset: number, size: number): Answer | null {
    return this.send(opcode.write, [0, 0, ...split(offset), size, 0, 0, 0, 0, 0], 40 + size);
  }

  fallocate(offset: number, length: number, mode: number): Answer | null {
    return this.send(opcode.fallocate, [0, 0, ...split(offset), ...split(length), mode, 0]);
  }
}

function split(value: number): [number, number] {
  return [value >>> 0, Math.floor(value / 2 ** 32)];
}

const EINVAL = 22;
const EROFS = 30;
const ENOSYS = 38;
const EOPNOTSUPP = 95;

test('a read and a write become one request each, into and from the payload itself', () => {
  const bench = new Bench();
  const far = 5 * 2 ** 30 + 512;
  assert.deepEqual(bench.read(far, 8192), { error: 0, bytes: 8192 });
  assert.deepEqual(bench.write(far, 4096), { error: 0, bytes: 8 });
  assert.equal(bench.io.memory.u32[payloadPlace >> 2], 4096, 'fuse_write_out says how much was written');
  assert.deepEqual(bench.device.seen, [
    { op: op.read, offset: far, length: 8192, flags: 0, buffer: payloadPlace },
    { op: op.write, offset: far, length: 4096, flags: 0, buffer: payloadPlace },
  ]);
  assert.equal(bench.slot.uniqueLow, 0x11111111);
  assert.equal(bench.slot.uniqueHigh, 0x80000000);
});

test('an fsync is a flush', () => {
  const bench = new Bench();
  assert.deepEqual(bench.send(opcode.fsync, [0, 0, 1, 0]), { error: 0, bytes: 0 });
  assert.deepEqual(bench.device.seen, [{ op: op.flush, offset: 0, length: 0, flags: 0, buffer: 0 }]);
});

test('a hole is a write-zeroes and never a discard; a zeroed range keeps its space; other modes are refused', () => {
  const bench = new Bench();
  const { keepSize, punchHole, zeroRange } = fallocateMode;
  const range = 4 * 2 ** 30;
  assert.deepEqual(bench.fallocate(512, range, punchHole | keepSize), { error: 0, bytes: 0 });
  assert.deepEqual(bench.fallocate(0, 512, zeroRange), { error: 0, bytes: 0 });
  assert.deepEqual(bench.device.seen, [
    { op: op.writeZeroes, offset: 512, length: range, flags: 0, buffer: 0 },
    { op: op.writeZeroes, offset: 0, length: 512, flags: requestFlag.keepAllocated, buffer: 0 },
  ]);
  for (const mode of [0, keepSize, 8, 8 | keepSize, 32, 64, punchHole | zeroRange, 2 ** 31]) {
    assert.equal(bench.fallocate(0, 512, mode)?.error, EOPNOTSUPP, `mode ${mode}`);
  }
  assert.equal(bench.device.seen.length, 2);
});

test('a device without write-zeroes: a hole is written with zeroes, once and completely, and with nothing else', () => {
  const bench = new Bench({ canWriteZeroes: false, sizeBytes: 64 * MiB });
  const touched: [number, number][] = [];
  bench.device.onWrite = (request) => {
    touched.push([request.offset, request.length]);
    const data = bench.io.memory.u8.subarray(request.buffer, request.buffer + request.length);
    assert.ok(
      data.every((byte) => byte === 0),
      'zeroes',
    );
  };
  bench.io.memory.u8.fill(0xff, payloadPlace, payloadPlace + payloadBytes);
  assert.deepEqual(bench.fallocate(1536, 5 * MiB + 512, 3), { error: 0, bytes: 0 });
  let next = 1536;
  for (const [offset, length] of touched) {
    assert.equal(offset, next);
    next += length;
  }
  assert.equal(next, 1536 + 5 * MiB + 512);
  bench.device.onWrite = () => {};
  // The slot is as good as new: a write after it answers as a write.
  assert.deepEqual(bench.write(0, 512 * 3), { error: 0, bytes: 8 });
  bench.dispatcher.close();
  assert.equal(bench.io.taken.size, 0);
});

test('a device without write-zeroes: a failure in the middle ends the hole with that error', () => {
  const bench = new Bench({ canWriteZeroes: false, sizeBytes: 64 * MiB });
  bench.device.onWrite = () => {
    if (bench.device.seen.length === 3) bench.device.outcome = status.mediumError;
  };
  assert.equal(bench.fallocate(0, 4 * MiB, 3)?.error, 61);
  assert.equal(bench.device.seen.length, 3);
  bench.device.outcome = status.ok;
  assert.deepEqual(bench.read(0, 512), { error: 0, bytes: 512 });
});

test('what is unaligned, beyond the end or too long never reaches the device', () => {
  for (const canWriteZeroes of [true, false]) {
    const bench = new Bench({ sizeBytes: MiB, blockBytes: 4096, canWriteZeroes });
    const wrong: readonly (readonly [number, number])[] = [
      [512, 4096],
      [0, 512],
      [MiB, 4096],
      [MiB - 4096, 8192],
      [2 ** 52, 4096],
      [2 ** 53, 4096],
      [2 ** 63, 4096],
    ];
    for (const [offset, length] of wrong) {
      assert.equal(bench.read(offset, length)?.error, EINVAL, `read ${offset}+${length}`);
      assert.equal(bench.write(offset, length)?.error, EINVAL, `write ${offset}+${length}`);
      assert.equal(bench.fallocate(offset, length, 3)?.error, EINVAL, `hole ${offset}+${length}`);
    }
    assert.equal(bench.fallocate(0, 0, 3)?.error, EINVAL);
    assert.equal(bench.fallocate(4096, 2 ** 63, 3)?.error, EINVAL);
    assert.equal(bench.read(0, payloadBytes + 4096)?.error, EINVAL);
    assert.equal(bench.write(0, payloadBytes + 4096)?.error, EINVAL);
    assert.equal(bench.write(0, 0)?.error, EINVAL);
    assert.deepEqual(bench.read(0, 0), { error: 0, bytes: 0 });
    assert.deepEqual(bench.device.seen, []);
  }
});

test('lengths that contradict each other are refused', () => {
  const bench = new Bench();
  const words = [0, 0, 0, 0, 4096, 0, 0, 0, 0, 0];
  for (const bytes of [0, 39, 40, 40 + 4095, 40 + 4097, 8192]) {
    assert.equal(bench.send(opcode.write, words, bytes)?.error, EINVAL, `a write of ${bytes}`);
  }
  assert.equal(bench.send(opcode.read, words, 39)?.error, EINVAL);
  assert.equal(bench.send(opcode.fsync, [0, 0, 0])?.error, EINVAL);
  assert.equal(bench.send(opcode.fallocate, [0, 0, 0, 0, 512, 0, 3])?.error, EINVAL);
  assert.deepEqual(bench.device.seen, []);
});

test('a read-only device refuses what would change it, by its name', () => {
  for (const canWriteZeroes of [true, false]) {
    const bench = new Bench({ readOnly: true, canWriteZeroes });
    assert.equal(bench.write(0, 4096)?.error, EROFS);
    assert.equal(bench.fallocate(0, 4096, 3)?.error, EROFS);
    // For writing too: its array may lift the protection while it is open.
    assert.equal(bench.send(opcode.open, [2, 0])?.error, 0);
    assert.equal(bench.send(opcode.open, [0, 0])?.error, 0);
    assert.equal(bench.read(0, 4096)?.error, 0);
    assert.equal(bench.device.seen.length, 1);
  }
});

test('every outcome of the device has its errno', () => {
  const bench = new Bench();
  const expected = new Map<Status, number>([
    [status.ioError, 5],
    [status.mediumError, 61],
    [status.notSupported, EOPNOTSUPP],
    [status.noSpace, 28],
    [status.timedOut, 110],
    [status.gone, 19],
  ]);
  for (const [outcome, error] of expected) {
    bench.device.outcome = outcome;
    assert.deepEqual(bench.read(0, 512), { error, bytes: 0 });
    assert.deepEqual(bench.write(0, 512), { error, bytes: 0 });
  }
});

test('attributes: the size of the volume now, valid for no time', () => {
  const bench = new Bench();
  const { view } = bench.io.memory;
  for (const sizeBytes of [8 * 2 ** 30, 9 * 2 ** 30]) {
    bench.device.geometry = { ...bench.device.geometry, sizeBytes };
    assert.deepEqual(bench.send(opcode.getattr, [0, 0, 0, 0]), { error: 0, bytes: 104 });
    const at = payloadPlace + attrOutAttr;
    assert.equal(view.getBigUint64(payloadPlace, true), 0n);
    assert.equal(view.getBigUint64(at + attr.size, true), BigInt(sizeBytes));
    assert.equal(view.getUint32(at + attr.mode, true), 0o100600);
    assert.equal(view.getUint32(at + attr.nlink, true), 1);
  }
});

test('open asks for direct I/O without a lock around writes', () => {
  const bench = new Bench();
  assert.deepEqual(bench.send(opcode.open, [2, 0]), { error: 0, bytes: 16 });
  const flags = bench.io.memory.view.getUint32(payloadPlace + openOut.openFlags, true);
  assert.equal(flags & (1 | 64), 1 | 64);
});

test('the file can be neither truncated nor given away', () => {
  const bench = new Bench();
  const setattr = (valid: number, size: number): Answer | null =>
    bench.send(opcode.setattr, [valid, 0, 0, 0, ...split(size), 0, 0, 0, 0], 88);
  assert.equal(setattr(8, 0)?.error, 1);
  assert.equal(setattr(8, 8 * 2 ** 30)?.error, 0);
  for (const valid of [1, 2, 4]) assert.equal(setattr(valid, 0)?.error, 1);
  assert.equal(setattr(1 << 5, 0)?.error, 0, 'a time may be set, and is forgotten');
});

test('seeking: the file is all data', () => {
  const bench = new Bench({ sizeBytes: MiB });
  const seek = (offset: number, how: number): Answer | null =>
    bench.send(opcode.lseek, [0, 0, ...split(offset), how, 0]);
  assert.deepEqual(seek(4096, whence.data), { error: 0, bytes: 8 });
  assert.equal(bench.io.memory.view.getBigUint64(payloadPlace, true), 4096n);
  assert.deepEqual(seek(4096, whence.hole), { error: 0, bytes: 8 });
  assert.equal(bench.io.memory.view.getBigUint64(payloadPlace, true), BigInt(MiB));
  assert.equal(seek(MiB, whence.data)?.error, 6);
  assert.equal(seek(0, 0)?.error, EINVAL);
});

test('what expects no answer gets none; what we do not know is ENOSYS', () => {
  const bench = new Bench();
  assert.equal(bench.send(opcode.forget, [1, 0]), null);
  assert.equal(bench.send(opcode.batchForget, [1, 0]), null);
  assert.equal(bench.drops, 2);
  for (const code of [0, opcode.lookup, opcode.interrupt, 22, 48, 52, 4096, 0xffffffff]) {
    assert.equal(bench.send(code, [0, 0])?.error, ENOSYS, `operation ${code}`);
  }
  for (const code of [opcode.release, opcode.flush, opcode.access, opcode.destroy]) {
    assert.deepEqual(bench.send(code, [0, 0]), { error: 0, bytes: 0 });
  }
});

test('whatever stands in a message: one answer, no harm, nothing out of range at the device', () => {
  const word = fc.oneof(fc.integer({ min: 0, max: 0xffffffff }), fc.constantFrom(0, 1, 2, 3, 512, 4096, 0x80000000));
  fc.assert(
    fc.property(
      fc.oneof(fc.integer({ min: 0, max: 60 }), word),
      fc.array(word, { minLength: 10, maxLength: 10 }),
      fc.oneof(fc.integer({ min: 0, max: 200 }), word),
      fc.boolean(),
      (code, words, bytes, canWriteZeroes) => {
        const bench = new Bench({ sizeBytes: 4 * MiB, canWriteZeroes });
        bench.send(code, words, bytes);
        for (const seen of bench.device.seen) {
          assert.ok(seen.offset + seen.length <= 4 * MiB);
          assert.equal(seen.offset % 512, 0);
          assert.equal(seen.length % 512, 0);
        }
      },
    ),
    { numRuns: 2000 },
  );
});
