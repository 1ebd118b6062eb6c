import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CausewayError } from '../../base/errors.ts';
import {
  keyBytes,
  readReservationStatus,
  reservationDword,
  type ReservationStatus,
  reservationStatusBytes,
  writeReservationStatus,
} from './reservation.ts';

const key = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const status: fc.Arbitrary<ReservationStatus> = fc.record(
  {
    generation: fc.nat(0xffff_ffff),
    type: fc.nat(6),
    isPersistent: fc.boolean(),
    registrants: fc.array(
      fc.record(
        {
          cntlid: fc.nat(0xffff),
          isHolder: fc.boolean(),
          hostid: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex')),
          key,
        },
        { noNullPrototype: true },
      ),
      { maxLength: 20 },
    ),
  },
  { noNullPrototype: true },
);

test('a status goes both ways, and one that is cut off shows the registrants that it holds', () => {
  fc.assert(
    fc.property(status, fc.nat(1400), (data, cut) => {
      const length = reservationStatusBytes(data.registrants.length);
      const view = new DataView(new ArrayBuffer(length));
      writeReservationStatus(view, 0, data);
      assert.deepEqual(readReservationStatus(view, 0, length), data);
      if (cut < 64 || cut > length) return;
      const held = Math.floor((cut - 64) / 64);
      assert.deepEqual(readReservationStatus(view, 0, cut).registrants, data.registrants.slice(0, held));
    }),
  );
});

test('whatever bytes there are, they are read or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      try {
        const found = readReservationStatus(new DataView(bytes.buffer), 0, bytes.length);
        assert.ok(found.registrants.length <= Math.max(0, bytes.length - 64) / 64);
      } catch (error) {
        assert.ok(error instanceof CausewayError && error.code === 'nvme-malformed');
      }
    }),
  );
});

test('commands have their fields where the specification has them', () => {
  assert.equal(reservationDword(2, 5, true), 0x050a);
  assert.deepEqual(keyBytes(1n, 0xff00n), Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0));
});
