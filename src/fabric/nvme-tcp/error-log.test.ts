import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ErrorEntry, errorEntryBytes, readErrorLog, writeErrorEntry } from './error-log.ts';

const entry: fc.Arbitrary<ErrorEntry> = fc.record(
  {
    errorCount: fc.bigInt({ min: 1n, max: 2n ** 53n - 1n }),
    sqid: fc.nat(0xffff),
    cid: fc.nat(0xffff),
    status: fc.nat(0x7ff),
    location: fc.nat(0xffff),
    lba: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    nsid: fc.nat(0xffff_ffff),
  },
  { noNullPrototype: true },
);

test('entries go both ways; those that are not there, and one that is cut off, are left out', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 8 }), fc.nat(63), (entries, more) => {
      const length = (entries.length + 1) * errorEntryBytes + more;
      const view = new DataView(new ArrayBuffer(length));
      for (const [index, one] of entries.entries()) writeErrorEntry(view, index * errorEntryBytes, one);
      assert.deepEqual(readErrorLog(view, 0, length), entries);
    }),
  );
});
