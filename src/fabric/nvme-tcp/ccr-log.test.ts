import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CausewayError } from '../../base/errors.ts';
import { maxCcrEntries, readCcrLog, writeCcrLog } from './ccr-log.ts';

const bytes = new Uint8Array(4096);
const view = new DataView(bytes.buffer);

test('the log goes both ways and holds 511 entries', () => {
  const u8 = fc.nat(0xff);
  const u16 = fc.nat(0xffff);
  const entry = fc.record({ icid: u16, ciu: u8, acid: u16, ccrs: u8, ccrf: u8 }, { noNullPrototype: true });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: maxCcrEntries }), (entries) => {
      bytes.fill(0xee);
      writeCcrLog(view, 0, entries);
      assert.deepEqual(readCcrLog(view, 0), entries);
    }),
    { numRuns: 30 },
  );
  assert.equal(maxCcrEntries, 511);
});

test('an entry, byte for byte', () => {
  writeCcrLog(view, 0, [{ icid: 0x0102, ciu: 3, acid: 0xffff, ccrs: 1, ccrf: 2 }]);
  assert.equal(Buffer.from(bytes.subarray(0, 16)).toString('hex'), '010000000000000002010300ffff0102');
  view.setUint16(0, 512, true);
  assert.throws(() => readCcrLog(view, 0), CausewayError);
});
