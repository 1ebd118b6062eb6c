import assert from 'node:assert/strict';
import type { ContractTest } from './bodies.ts';

export const memoryTests: Record<string, ContractTest> = {
  'memory is zeroed, aligned, disjoint, and given out again': async ({ io: { memory } }, random) => {
    const taken: { place: number; bytes: number }[] = [];
    for (let round = 0; round < 300; round += 1) {
      if (taken.length > 0 && random.below(3) === 0) {
        const [gone] = taken.splice(random.below(taken.length), 1);
        if (gone !== undefined) memory.free(gone.place);
        continue;
      }
      const bytes = 1 + random.below(20_000);
      const alignment = 2 ** random.below(13);
      const place = memory.allocate(bytes, alignment);
      assert.equal(place % alignment, 0);
      assert.ok(place >= 0 && place + bytes <= memory.size);
      assert.ok(
        memory.u8.subarray(place, place + bytes).every((byte) => byte === 0),
        'memory was not zeroed',
      );
      for (const { place: at, bytes: length } of taken) assert.ok(place + bytes <= at || at + length <= place);
      memory.fill(place, 0xff, bytes);
      taken.push({ place, bytes });
    }
    for (const { place } of taken) memory.free(place);
  },

  'copies within memory may overlap': async ({ io: { memory } }) => {
    const place = memory.allocate(16);
    for (let at = 0; at < 16; at += 1) memory.u8[place + at] = at;
    memory.copy(place + 2, place, 8);
    const wanted = Uint8Array.of(0, 1, 0, 1, 2, 3, 4, 5, 6, 7, 10);
    assert.deepEqual(memory.u8.slice(place, place + 11), wanted);
    memory.view.setUint32(place, 0x01020304, true);
    assert.equal(memory.u32[place / 4], 0x01020304);
  },

  'memory that is not there is an error by name': async ({ io: { memory } }) => {
    assert.throws(() => memory.allocate(memory.size + 1), { code: 'out-of-memory' });
  },
};
