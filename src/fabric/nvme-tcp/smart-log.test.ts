import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CausewayError } from '../../base/errors.ts';
import { readSmartLog, type SmartLog, smartLogBytes, writeSmartLog } from './smart-log.ts';

const counter = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const byte = fc.nat(255);
const log: fc.Arbitrary<SmartLog> = fc.record(
  {
    criticalWarning: byte,
    compositeTemperature: fc.nat(0xffff),
    availableSpare: byte,
    availableSpareThreshold: byte,
    percentageUsed: byte,
    dataUnitsRead: counter,
    dataUnitsWritten: counter,
    hostReadCommands: counter,
    hostWriteCommands: counter,
    controllerBusyTime: counter,
    powerCycles: counter,
    powerOnHours: counter,
    unsafeShutdowns: counter,
    mediaErrors: counter,
    errorLogEntries: counter,
    warningTemperatureTime: fc.nat(0xffff_ffff),
    criticalTemperatureTime: fc.nat(0xffff_ffff),
    temperatureSensors: fc.array(fc.nat(0xffff), { minLength: 8, maxLength: 8 }),
  },
  { noNullPrototype: true },
);

test('a log goes both ways', () => {
  const view = new DataView(new ArrayBuffer(smartLogBytes));
  fc.assert(
    fc.property(log, (data) => {
      writeSmartLog(view, 0, data);
      assert.deepEqual(readSmartLog(view, 0), data);
    }),
  );
});

test('fields stand where the specification has them, counters with all of their 128 bits', () => {
  const view = new DataView(new ArrayBuffer(smartLogBytes));
  view.setUint16(1, 300, true);
  view.setUint8(32, 1);
  view.setUint8(40, 1);
  view.setUint8(176, 9);
  view.setUint16(202, 310, true);
  const read = readSmartLog(view, 0);
  assert.equal(read.compositeTemperature, 300);
  assert.equal(read.dataUnitsRead, 2n ** 64n + 1n);
  assert.equal(read.errorLogEntries, 9n);
  assert.equal(read.temperatureSensors[1], 310);
  assert.throws(
    () => readSmartLog(new DataView(new ArrayBuffer(511)), 0),
    (error: unknown) => error instanceof CausewayError && error.code === 'nvme-malformed',
  );
});
