import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseTraces } from '../traces.ts';
import { devInfoBytes, devInfoField } from './abi.ts';
import { decodeDeviceInfo, encodeDeviceInfo, isDeviceOf, newTag, tagValue } from './device-info.ts';

const word = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

test('what is written of a device is read of it, and state is the kernel’s', () => {
  const device = fc.record({
    id: fc.nat({ max: 2 ** 20 }),
    queues: fc.nat({ max: 0xffff }),
    depth: fc.nat({ max: 0xffff }),
    maxIoBufBytes: fc.nat({ max: 2 ** 25 }),
    flags: word,
    tag: word,
  });
  fc.assert(
    fc.property(device, fc.nat({ max: 3 }), (wanted, state) => {
      const bytes = encodeDeviceInfo(wanted);
      assert.equal(bytes.length, devInfoBytes);
      assert.deepEqual(decodeDeviceInfo(bytes), { ...wanted, state: 0 });
      new DataView(bytes.buffer).setUint16(devInfoField.state, state, true);
      assert.deepEqual(decodeDeviceInfo(bytes), { ...wanted, state });
    }),
  );
});

test('a device is ours only if number and tag are the record’s', () => {
  const tag = newTag();
  const traces = { kind: 'ublk', id: 3, tag } as const;
  assert.notEqual(tag, newTag());
  const info = { id: 3, queues: 1, depth: 1, state: 1, maxIoBufBytes: 4096, flags: 0n, tag: tagValue(traces) };
  assert.equal(isDeviceOf(traces, info), true);
  assert.equal(isDeviceOf({ ...traces, id: 4 }, info), false);
  assert.equal(isDeviceOf({ ...traces, id: null }, info), false);
  assert.equal(isDeviceOf({ ...traces, tag: newTag() }, info), false);
  assert.equal(isDeviceOf(traces, { ...info, id: 4 }), false);
});

test('a tag that is none makes no device ours: other servers leave zero there', () => {
  const info = { id: 3, queues: 1, depth: 1, state: 1, maxIoBufBytes: 4096, flags: 0n, tag: 0n };
  for (const tag of ['', '0', '0000000000000000', '-1', '0x10', 'ffffffffffffffff0', 'zzzzzzzzzzzzzzzz']) {
    assert.equal(isDeviceOf({ kind: 'ublk', id: 3, tag }, info), false, tag);
  }
});

test('traces are read back from a record, and nothing else is', () => {
  const traces = { kind: 'ublk', id: 7, tag: newTag() };
  assert.deepEqual(parseTraces(JSON.parse(JSON.stringify(traces))), traces);
  assert.deepEqual(parseTraces({ ...traces, id: null }), { ...traces, id: null });
  for (const id of [-1, 1.5, '7', undefined]) assert.equal(parseTraces({ ...traces, id }), null);
});
