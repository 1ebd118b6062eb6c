/** What a caller hands in is hostile: whatever it is, it is refused, asked for in bounds, or a command that says what it says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { errno } from '../../native/errno.ts';
import { mostIoctlBytes } from './abi.ts';
import {
  ioctlOutput,
  type IoctlRequest,
  ioctlResult,
  ioctlStep,
  nvmeIoctl,
  passthru64Bytes,
  passthruBytes,
  passthruCommand,
} from './nvme-ioctl.ts';

const nsid = 7;
const arg = 0x7fff_1234_5000n;
const commands = [
  nvmeIoctl.adminCommand,
  nvmeIoctl.ioCommand,
  nvmeIoctl.adminCommand64,
  nvmeIoctl.ioCommand64,
] as const;

const bytesOf = (cmd: number): number =>
  cmd === nvmeIoctl.adminCommand || cmd === nvmeIoctl.ioCommand ? passthruBytes : passthru64Bytes;

interface Fields {
  readonly opcode: number;
  readonly dataLen?: number;
  readonly addr?: bigint;
}

function structure(cmd: number, { opcode, dataLen = 0, addr = 0xdead_0000n }: Fields): Uint8Array {
  const bytes = new Uint8Array(bytesOf(cmd));
  const view = new DataView(bytes.buffer);
  view.setUint8(passthruCommand.opcode, opcode);
  view.setUint32(passthruCommand.nsid, nsid, true);
  view.setUint32(passthruCommand.cdw2, 2, true);
  view.setUint32(passthruCommand.cdw3, 3, true);
  view.setBigUint64(passthruCommand.addr, addr, true);
  view.setUint32(passthruCommand.dataLen, dataLen, true);
  for (let index = 0; index < 6; index += 1) view.setUint32(passthruCommand.cdw10 + 4 * index, 10 + index, true);
  view.setUint32(passthruCommand.timeoutMs, 1234, true);
  return bytes;
}

const step = (request: Partial<IoctlRequest>): ReturnType<typeof ioctlStep> =>
  ioctlStep({ cmd: nvmeIoctl.id, arg, input: new Uint8Array(0), outSize: 0, ...request }, nsid);

test('the identifier is that of the namespace; what is not known is no ioctl of this device', () => {
  assert.deepEqual(step({}), { kind: 'result', result: nsid });
  assert.deepEqual(step({ cmd: nvmeIoctl.rescan }), { kind: 'result', result: 0 });
  for (const cmd of [0x4e44, 0x4e45, 0x4030_4e42, 0xc050_4e49, 0x1268, 0]) {
    assert.deepEqual(step({ cmd }), { kind: 'refused', errno: errno.ENOTTY });
  }
});

test('a command that reads takes three rounds: nothing, its structure, its room', () => {
  for (const cmd of commands) {
    const whole = { base: arg, length: bytesOf(cmd) };
    const input = structure(cmd, { opcode: 0x06, dataLen: 4096 });
    assert.deepEqual(step({ cmd }), { kind: 'retry', inputs: [whole], outputs: [whole] });
    const data = { base: 0xdead_0000n, length: 4096 };
    assert.deepEqual(step({ cmd, input, outSize: input.length }), {
      kind: 'retry',
      inputs: [whole],
      outputs: [whole, data],
    });
    const last = step({ cmd, input, outSize: input.length + 4096 });
    assert.equal(last.kind, 'command');
    if (last.kind !== 'command') return;
    assert.deepEqual(last.command, {
      queue: cmd === nvmeIoctl.adminCommand || cmd === nvmeIoctl.adminCommand64 ? 'admin' : 'io',
      opcode: 0x06,
      nsid,
      cdw2: 2,
      cdw3: 3,
      cdws: [10, 11, 12, 13, 14, 15],
      bytes: 4096,
      data: null,
      timeoutMs: 1234,
    });
  }
});

test('a command that writes brings its data in the third round, one without data needs two', () => {
  const cmd = nvmeIoctl.ioCommand;
  const head = structure(cmd, { opcode: 0x01, dataLen: 8 });
  const whole = { base: arg, length: head.length };
  const data = { base: 0xdead_0000n, length: 8 };
  assert.deepEqual(step({ cmd, input: head, outSize: head.length }), {
    kind: 'retry',
    inputs: [whole, data],
    outputs: [whole],
  });
  const input = Uint8Array.from([...head, 1, 2, 3, 4, 5, 6, 7, 8]);
  const last = step({ cmd, input, outSize: head.length });
  assert.ok(last.kind === 'command');
  assert.deepEqual(last.command.data, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  assert.deepEqual(last.structure, head);
  const flush = structure(cmd, { opcode: 0x00 });
  assert.equal(step({ cmd, input: flush, outSize: flush.length }).kind, 'command');
});

test('a structure that changed between the rounds is refused', () => {
  const cmd = nvmeIoctl.adminCommand;
  const asked = structure(cmd, { opcode: 0x06, dataLen: 4096 });
  for (const now of [
    structure(cmd, { opcode: 0x06, dataLen: 8192 }),
    structure(cmd, { opcode: 0x09, dataLen: 4096 }),
    structure(cmd, { opcode: 0x00 }),
  ]) {
    assert.deepEqual(step({ cmd, input: now, outSize: asked.length + 4096 }), { kind: 'refused', errno: errno.EINVAL });
  }
});

test('metadata, flags, data both ways and too much of it are refused', () => {
  const cmd = nvmeIoctl.ioCommand64;
  const changed = (at: number, value: number, fields: Fields = { opcode: 0x02, dataLen: 4096 }): Uint8Array => {
    const bytes = structure(cmd, fields);
    bytes[at] = value;
    return bytes;
  };
  const most = mostIoctlBytes - passthru64Bytes;
  for (const input of [
    changed(passthruCommand.flags, 1),
    changed(passthruCommand.metadata + 7, 1),
    changed(passthruCommand.metadataLen, 1),
    structure(cmd, { opcode: 0x03, dataLen: 4 }),
    structure(cmd, { opcode: 0x04, dataLen: 4 }),
    structure(cmd, { opcode: 0x02, dataLen: most + 1 }),
    structure(cmd, { opcode: 0x02, dataLen: 0xffff_ffff }),
  ]) {
    assert.deepEqual(step({ cmd, input, outSize: input.length }), { kind: 'refused', errno: errno.EINVAL });
  }
  const input = structure(cmd, { opcode: 0x02, dataLen: most });
  assert.equal(step({ cmd, input, outSize: input.length }).kind, 'retry');
});

test('whatever comes, no more is asked for than the kernel copies, and a command has the data that it names', () => {
  const wild = fc.record({
    cmd: fc.oneof(fc.constantFrom(...commands), fc.nat(0xffff_ffff)),
    arg: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    input: fc.uint8Array({ maxLength: 300 }),
    outSize: fc.oneof(fc.nat(500), fc.constantFrom(72, 80), fc.nat(0xffff_ffff)),
  });
  // Nearly right ones: sizes that fit, or miss by a little.
  const near = fc
    .record({
      cmd: fc.constantFrom(...commands),
      opcode: fc.nat(0xff),
      dataLen: fc.oneof(fc.constant(0), fc.nat(300)),
      missIn: fc.constantFrom(0, 0, 0, 1, -1),
      missOut: fc.constantFrom(0, 0, 0, 1, -1),
    })
    .map(({ cmd, opcode, dataLen, missIn, missOut }) => {
      const head = structure(cmd, { opcode, dataLen });
      const input = new Uint8Array(head.length + Math.max(0, ((opcode & 3) === 1 ? dataLen : 0) + missIn));
      input.set(head);
      return { cmd, arg, input, outSize: head.length + ((opcode & 3) === 2 ? dataLen : 0) + missOut };
    });
  const request: fc.Arbitrary<IoctlRequest> = fc.oneof(wild, near);
  let commandsSeen = 0;
  fc.assert(
    fc.property(request, (what) => {
      const found = ioctlStep(what, nsid);
      if (found.kind === 'retry') {
        for (const list of [found.inputs, found.outputs]) {
          assert.ok(list.reduce((sum, { length }) => sum + length, 0) <= mostIoctlBytes);
          assert.ok(list.every(({ base, length }) => base >= 0n && base < 2n ** 64n && length >= 0));
        }
      }
      if (found.kind !== 'command') return;
      commandsSeen += 1;
      const { command, structure: kept } = found;
      const isOut = (command.opcode & 3) === 1 && command.bytes > 0;
      assert.equal(command.data?.length ?? 0, isOut ? command.bytes : 0);
      const answer = { status: 0, doNotRetry: false, dw0: 1, dw1: 2, data: new Uint8Array(isOut ? 0 : command.bytes) };
      assert.ok(ioctlOutput(kept, answer).length <= what.outSize, 'more is given back than there is room for');
    }),
    { numRuns: 3000 },
  );
  assert.ok(commandsSeen > 20, `only ${commandsSeen} were commands`);
});

test('the result stands where the caller looks for it, and data comes only with success', () => {
  const data = Uint8Array.of(9, 9);
  const answer = { status: 0, doNotRetry: false, dw0: 0x1122_3344, dw1: 0x5566_7788, data };
  const short = ioctlOutput(structure(nvmeIoctl.adminCommand, { opcode: 6 }), answer);
  assert.equal(new DataView(short.buffer).getUint32(68, true), 0x1122_3344);
  assert.deepEqual(short.subarray(72), data);
  const long = ioctlOutput(structure(nvmeIoctl.adminCommand64, { opcode: 6 }), answer);
  assert.equal(new DataView(long.buffer).getBigUint64(72, true), 0x5566_7788_1122_3344n);
  assert.equal(ioctlResult(answer), 0);
  const failed = { ...answer, status: 0x083, doNotRetry: true };
  assert.equal(ioctlResult(failed), 0x4083);
  assert.equal(ioctlOutput(structure(nvmeIoctl.adminCommand, { opcode: 6 }), failed).length, 72);
});
