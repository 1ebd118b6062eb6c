import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KernelGeometry } from '../contract.ts';
import { attribute, paramsField as field, paramType } from './abi.ts';
import { encodeParameters } from './parameters.ts';

const MiB = 1024 * 1024;

const geometry: KernelGeometry = {
  sizeBytes: 2 ** 40,
  blockBytes: 512,
  physicalBlockBytes: 4096,
  maxTransferBytes: MiB,
  readOnly: false,
  volatileCache: false,
  canDiscard: true,
  canWriteZeroes: true,
};

function parameters(change: Partial<KernelGeometry> = {}, payloadBytes = MiB): DataView {
  return new DataView(encodeParameters({ ...geometry, ...change }, payloadBytes).buffer);
}

test('sizes are in sectors of 512 bytes, whatever the blocks are', () => {
  for (const blockBytes of [512, 4096]) {
    const view = parameters({ blockBytes });
    assert.equal(view.getUint32(field.len, true), view.byteLength);
    assert.equal(view.getBigUint64(field.devSectors, true), 2n ** 31n);
    assert.equal(view.getUint32(field.maxSectors, true), 2048);
    assert.equal(1 << view.getUint8(field.logicalBsShift), blockBytes);
    assert.equal(1 << view.getUint8(field.physicalBsShift), 4096);
    assert.equal(1 << view.getUint8(field.ioMinShift), 4096);
  }
  assert.equal(parameters({}, 64 * 1024).getUint32(field.maxSectors, true), 128);
});

function physicalShift(physicalBlockBytes: number): number {
  return parameters({ blockBytes: 4096, physicalBlockBytes }).getUint8(field.physicalBsShift);
}

function attributes(change: Partial<KernelGeometry>): number {
  return parameters(change).getUint32(field.attrs, true);
}

test('the physical block is never below the logical one, and a power of two', () => {
  assert.deepEqual([512, 4096, 12288, 16384].map(physicalShift), [12, 12, 13, 14]);
});

test('attributes: read-only, and FUA only where there is a cache to go past', () => {
  assert.equal(attributes({}), 0);
  assert.equal(attributes({ readOnly: true }), attribute.readOnly);
  assert.equal(attributes({ volatileCache: true }), attribute.volatileCache | attribute.fua);
});

test('what the volume cannot do is not offered', () => {
  const nothing = parameters({ canDiscard: false, canWriteZeroes: false });
  assert.equal(nothing.getUint32(field.types, true), paramType.basic);
  const only = parameters({ canDiscard: false });
  assert.equal(only.getUint32(field.types, true), paramType.basic | paramType.discard);
  assert.equal(only.getUint32(field.maxDiscardSectors, true), 0);
  assert.notEqual(only.getUint32(field.maxWriteZeroesSectors, true), 0);
  // The kernel refuses parameters without it.
  assert.equal(only.getUint32(field.discardGranularity, true), 512);
  const without = parameters({ canWriteZeroes: false });
  assert.equal(without.getUint32(field.maxWriteZeroesSectors, true), 0);
  assert.equal(without.getUint16(field.maxDiscardSegments, true), 1);
});

test('ranges fit into 32 bits of bytes and are whole physical blocks', () => {
  const blocks = fc.constantFrom(512, 4096);
  fc.assert(
    fc.property(blocks, (blockBytes) => {
      const view = parameters({ blockBytes });
      for (const at of [field.maxDiscardSectors, field.maxWriteZeroesSectors]) {
        const bytes = view.getUint32(at, true) * 512;
        assert.ok(bytes > 2 ** 31 && bytes < 2 ** 32);
        assert.equal(bytes % 4096, 0);
      }
    }),
  );
});
